"""Converted networks answer as the originals do, in evaluation and in training."""

import importlib

import keras
import numpy as np
import pytest
import torch_networks as originals

from dia_keras.interop import convert_torch, published, pytorchcv
from dia_keras.units.initializers import without_initial_values

IMAGES = np.random.default_rng(0).normal(size=(3, 32, 32, 3)).astype("float32")


@pytest.fixture(autouse=True)
def shallow(monkeypatch):
    """Nets of eight and eleven layers are published, too, and ResNets for ImageNet have one block a stage."""
    monkeypatch.setattr(pytorchcv, "BASIC", ("8", "14"))
    monkeypatch.setattr(pytorchcv, "BOTTLENECK", ("11bn", "20bn"))
    blocks = importlib.import_module("dia_keras.backbones.imagenet_resnets").BLOCKS
    for depth in (18, 50):
        monkeypatch.setitem(blocks, depth, (1, 1, 1, 1))


def of_pytorchcv(module, *arguments, **options):
    """Returns a network of pytorchcv, whose registry of all models would need torchvision."""
    family = importlib.import_module(f"pytorchcv.models.{module}")
    made = getattr(family, arguments[0])(*arguments[1:], **options)
    made.features.final_pool = originals.nn.AdaptiveAvgPool2d(1)  # for images of any size
    return made


def large(module, name, bottleneck, conv1_stride):
    widths = [[width * (4 if bottleneck else 1)] for width in (64, 128, 256, 512)]
    return of_pytorchcv(module, name, widths, 64, bottleneck, conv1_stride)


NETWORKS = {
    "pytorchcv/resnet14_svhn": lambda: of_pytorchcv("resnet_cifar", "get_resnet_cifar", 10, 14, False),
    "pytorchcv/seresnet11bn_cifar10": lambda: of_pytorchcv("seresnet_cifar", "get_seresnet_cifar", 10, 11, True),
    "pytorchcv/diaresnet20bn_cifar100": lambda: of_pytorchcv("diaresnet_cifar", "get_diaresnet_cifar", 100, 20, True),
    "pytorchcv/preresnet11bn_cifar10": lambda: of_pytorchcv("preresnet_cifar", "get_preresnet_cifar", 10, 11, True),
    "pytorchcv/diapreresnet14_cifar10": lambda: of_pytorchcv(
        "diapreresnet_cifar", "get_diapreresnet_cifar", 10, 14, False
    ),
    "pytorchcv/wrn10_2_cifar10": lambda: of_pytorchcv("wrn_cifar", "get_wrn_cifar", 10, 10, 2),
    "pytorchcv/resnext11_2x16d_cifar10": lambda: of_pytorchcv("resnext_cifar", "get_resnext_cifar", 10, 11, 2, 16),
    "pytorchcv/resnet50": lambda: large("resnet", "ResNet", True, True),
    "pytorchcv/diaresnet18": lambda: large("diaresnet", "DIAResNet", False, True),
    "torchvision/resnet18": lambda: originals.ImageNetResNet((1, 1, 1, 1), False),
    "timm/seresnet50.a1_in1k": lambda: originals.ImageNetResNet((1, 1, 1, 1), True, originals.SE),
    "timm/ecaresnet50": lambda: originals.ImageNetResNet((1, 1, 1, 1), True, originals.ECA),
    "dianet/dia_resnet20_cifar10": originals.dia_resnet,
    "dianet/dia_preresnet20_cifar10": originals.dia_preresnet,
    "dianet/dia_wrn16_4_cifar10": originals.dia_wrn,
    "dianet/dia_resnext20_2x32d_cifar10": originals.dia_resnext,
}


def answer(model, images, training):
    if keras.backend.backend() != "jax":
        return keras.ops.convert_to_numpy(model(images, training=training))
    import jax  # compiled as a whole, which takes less time than all ops one by one

    def call(trainable, others, images):
        return model.stateless_call(trainable, others, images, training=training)[0]

    weights = model.trainable_variables, model.non_trainable_variables
    return np.asarray(jax.jit(call)(*([each.value for each in group] for group in weights), images))


#: JAX compiles each network, and conversions do not depend on the backend.
ON_JAX = ("pytorchcv/diaresnet20bn_cifar100", "dianet/dia_preresnet20_cifar10")


@pytest.mark.parametrize(
    "source", [pytest.param(source, marks=[pytest.mark.eager] * (source not in ON_JAX)) for source in NETWORKS]
)
def test_a_converted_network_answers_as_the_original(source):
    original = originals.randomized(NETWORKS[source]())
    images = IMAGES if "_" not in source.partition(".")[0] else IMAGES[:, :8, :8]
    options = {"dropout": 0.0} if "wrn" in source else {}
    with without_initial_values():
        target = published(source).build(
            input_shape=images.shape[1:], preprocessing=None, classifier_activation=None, **options
        )
    # Training changes the statistics of the original's norms, and a state dict has the tensors themselves.
    assert (
        convert_torch({key: tensor.clone() for key, tensor in original.state_dict().items()}, target, source) is target
    )
    for training in (False, True):
        expected = originals.answer(original, images, training)
        found = answer(target, images, training)
        assert np.abs(found - expected).max() < 1e-4 * np.abs(expected).max()
