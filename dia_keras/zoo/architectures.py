"""The functions of `dia_keras.backbones` that cards name."""

from .. import backbones

BACKBONES = {
    function.__name__: function
    for function in (
        backbones.resnet,
        backbones.preresnet,
        backbones.wrn,
        backbones.resnext,
        backbones.imagenet_resnet,
    )
}
