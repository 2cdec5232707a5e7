"""Backbones: functions that return a functional `keras.Model`, with attention of choice."""

from .attention import ATTENTIONS as ATTENTIONS
from .grouped_conv import GroupedConv2D as GroupedConv2D
from .grouped_conv import native_grouped_convolutions as native_grouped_convolutions
from .imagenet_resnets import imagenet_resnet as imagenet_resnet
from .network import stage_outputs as stage_outputs
from .resnets import preresnet as preresnet
from .resnets import resnet as resnet
from .resnexts import resnext as resnext
from .wrns import wrn as wrn
