"""Backbones: functions that return a functional `keras.Model`, with attention of choice."""

from .attention import ATTENTIONS as ATTENTIONS
from .imagenet_resnet import imagenet_resnet as imagenet_resnet
from .network import stage_outputs as stage_outputs
from .resnet import preresnet as preresnet
from .resnet import resnet as resnet
from .resnext import resnext as resnext
from .wrn import wrn as wrn
