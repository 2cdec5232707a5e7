"""Backbones: functions that return a functional `keras.Model`, with attention of choice.

All of them take these keyword arguments:

    attention: `None`; or a name in `ATTENTIONS`; or a function of the channel count that returns an RNN cell or a
        layer on feature maps; or the class of either; or a layer on feature maps.
    attention_config: Keyword arguments of the attention, e.g. `{"reduction": 16}` or `{"cells": 3}`.
    shared: Whether the blocks of a stage share one attention. By default, RNN cells are shared, and layers without a
        state are not. What blocks must not share, an `AttentionModule` gives to each of them in `for_block`.
    attention_stages: Numbers of the stages with attention, counted from 1 (Table 13). Default: all.
    input_shape: Shape of an image, without the batch; height and width may be `None`. `None` is any size, in RGB.
        Default: `(32, 32, 3)`; of `imagenet_resnet`, `(224, 224, 3)`.
    num_classes: Number of classes; at least 2 with a softmax. Default: 10.
    include_top: Whether to end in pooling and a dense layer. Default: `True`.
    pooling: `"avg"` or `"max"` pools the features where `include_top` is `False`. Default: `None`.
    classifier_activation: Activation of the dense layer; `None` for logits. Default: `"softmax"`.
    preprocessing: Layer applied to the images first, e.g. `keras.layers.Rescaling`. Default: `None`.
    name: Name of the model.
"""

from .attention import ATTENTIONS as ATTENTIONS
from .grouped_conv import GroupedConv2D as GroupedConv2D
from .grouped_conv import native_grouped_convolutions as native_grouped_convolutions
from .imagenet_resnets import imagenet_resnet as imagenet_resnet
from .network import stage_outputs as stage_outputs
from .resnets import preresnet as preresnet
from .resnets import resnet as resnet
from .resnexts import resnext as resnext
from .wrns import wrn as wrn
