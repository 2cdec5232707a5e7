"""What cannot be converted exactly is refused, in words, and nothing is changed."""

import importlib

import keras
import numpy as np
import pytest
import torch_networks as originals

from dia_keras import zoo
from dia_keras.backbones import imagenet_resnet, preresnet, resnet, wrn
from dia_keras.interop import convert_torch, find_source, published, save, sources

DIA = "dianet/dia_resnet20_cifar10"


@pytest.fixture(scope="module")
def trained():
    return originals.randomized(originals.dia_resnet()).state_dict()


@pytest.fixture(scope="module")
def target():
    return resnet(20, attention="dia_lstm", input_shape=(8, 8, 3))


def no_dense_layer():
    """A network whose layer `classifier` is none."""
    features = wrn(16, 4, include_top=False, input_shape=(8, 8, 3))
    return keras.Model(features.input, keras.layers.Conv2D(10, 1, name="classifier")(features.output))


def wrong(state, **changes):
    """Returns a state dict with other arrays, or without those that are `None`."""
    changed = {**state, **{key.replace("__", "."): value for key, value in changes.items()}}
    return {key: value for key, value in changed.items() if value is not None}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: wrong(s, fc__bias=None), "classifier/bias is missing"),
        (
            lambda s: wrong(s, fc__bias=None, head__bias=s["fc.bias"]),
            "head.bias has no place.*classifier/bias is missing",
        ),
        (
            lambda s: wrong(s, fc__weight=s["fc.weight"][:, 1:]),
            r"fc.weight has shape \(10, 255\).*instead of \(256, 10\)",
        ),
        (lambda s: wrong(s, fc__bias=s["fc.bias"] * np.nan), "must be finite in float32. Received: fc.bias"),
        (
            lambda s: wrong(s, fc__bias=np.full(10, 1e300)),
            "must be finite in float32. Received: classifier/bias",
        ),
        (lambda s: wrong(s, fc__bias=s["fc.bias"].byte()), "must be floats, not quantized. Received: fc.bias of uint8"),
        (lambda s: wrong(s, fc__bias=s["fc.bias"].to("meta")), "must hold plain tensors. Received: fc.bias"),
        (lambda s: wrong(s, fc__bias="none"), "must hold tensors by their names. Received: fc.bias of type str"),
        (lambda s: {}, "must hold tensors by their names. Received: weights=a dict"),
        (
            lambda s: originals.dia_preresnet().state_dict(),
            "bn_additional.weight has no place in the network.*and .* more",
        ),
    ],
)
def test_weights_that_do_not_fit_are_one_error_and_change_nothing(change, message, trained, target):
    before = target.get_weights()
    with pytest.raises(ValueError, match=message):
        convert_torch(change(trained), target, DIA)
    for old, new in zip(before, target.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_copies_of_a_shared_unit_must_be_equal():

    made = importlib.import_module("pytorchcv.models.diaresnet_cifar").diaresnet20_cifar10()
    state = {key: tensor.clone() for key, tensor in made.state_dict().items()}
    key = "features.stage2.unit3.attention.lstm.x_amps.amp1.fc2.bias"
    state[key] += 1
    with pytest.raises(ValueError, match=rf"{key} differs from features.stage2.unit1.attention"):
        convert_torch(state, "dia_resnet20_cifar10", "pytorchcv")


def test_the_bias_of_a_convolution_goes_into_the_norm_that_follows(trained, target):
    images = np.random.default_rng(0).normal(size=(2, 8, 8, 3)).astype("float32")
    expected = convert_torch(trained, target, DIA).predict(images, verbose=0)
    name = "layer1.ModuleList.0.conv1.bias"
    bias = originals.torch.arange(16.0)
    mean = trained["layer1.ModuleList.0.bn1.running_mean"] + bias
    biased = {**trained, name: bias, "layer1.ModuleList.0.bn1.running_mean": mean}
    np.testing.assert_allclose(convert_torch(biased, target, DIA).predict(images, verbose=0), expected, rtol=1e-4)
    before_attention = "layer1.ModuleList.0.downsample.0.bias"
    assert convert_torch({**trained, before_attention: originals.torch.zeros(64)}, target, DIA) is target


@pytest.mark.parametrize(
    ("build", "source", "message"),
    [
        (
            lambda: preresnet(20, "basic", input_shape=(8, 8, 3)),
            "pytorchcv/preresnet20_cifar10",
            "projection='activated'.*shortcut_conv must take the output of stage2_block1_relu1, and takes that of",
        ),
        (
            lambda: preresnet(20, "basic", attention="dia_lstm", projection="activated", input_shape=(8, 8, 3)),
            "pytorchcv/diapreresnet20_cifar10",
            "norm_before_cells=False.*must take the output of stage1_block1_conv2, and takes that of .*attention_bn",
        ),
        (
            lambda: imagenet_resnet(50, input_shape=(32, 32, 3)),
            "pytorchcv/resnet50",
            r"stride_in_1x1=True.*stage2_block1_conv1.* is",
        ),
        (
            lambda: resnet(20, "basic", attention="dia_lstm", attention_config={"reduction": 2}, input_shape=(8, 8, 3)),
            "pytorchcv/diaresnet20_cifar10",
            "stage1_attention must have cell=.*'reduction': 4.*'reduction': 2",
        ),
        (lambda: wrn(16, 4, include_top=False, input_shape=(8, 8, 3)), "pytorchcv/wrn16_4_cifar10", "its classifier"),
        (no_dense_layer, "pytorchcv/wrn16_4_cifar10", "its classifier"),
    ],
)
def test_another_network_is_refused_though_names_and_shapes_may_agree(build, source, message, monkeypatch):
    monkeypatch.setitem(importlib.import_module("dia_keras.backbones.imagenet_resnets").BLOCKS, 50, (1, 1, 1, 1))
    with pytest.raises(ValueError, match=message):
        convert_torch({"none": np.zeros(1)}, build(), source)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (
            "keras/resnet50",
            "a library, pytorchcv, torchvision, timm, dianet, and its model.*Received: source='keras/resnet50'",
        ),
        ("pytorchcv", "a library, .*, and its model"),
        (["pytorchcv"], "a library, .*, and its model"),
        (None, "where the weights are in no file with the name that it was published under. Received: source=None"),
        ("pytorchcv/sepreresnet20_cifar10", "its stem ends in a norm"),
        ("pytorchcv/preresnet50", "no backbone for ImageNet is of pre-activation form"),
        ("pytorchcv/resnext50_32x4d", "no backbone for ImageNet is a ResNeXt"),
        ("pytorchcv/wrn20_10_1bit_cifar10", "its blocks and its head"),
        ("pytorchcv/resnet44_cifar10", "those for CIFAR are published ones"),
        ("torchvision/wide_resnet50_2", "the models that we have are resnet18"),
        ("timm/seresnet18", "squeezes 64 channels to 8"),
        ("timm/resnet50d.ra2_in1k", "the models that we have are resnet18, 34"),
        ("dianet/dia_wrn52_8_cifar10", "widening factor 4"),
    ],
)
def test_a_source_that_cannot_be_converted_is_refused_with_the_reason(source, message):
    with pytest.raises(ValueError, match=message):
        convert_torch({"none": np.zeros(1)}, None, source)


def test_an_entry_must_normalize_as_the_source_does():
    with pytest.raises(ValueError, match=r"mean \(0.5, 0.5, 0.5\).*Received: target='resnet34_imagenet', with mean"):
        convert_torch({"none": np.zeros(1)}, "resnet34_imagenet", "timm/resnet34.ra4_e3600_r224_in1k")


def test_an_entry_has_the_classes_of_the_source():
    """The data sets have one mean, one standard deviation and ten classes each."""
    message = "must have the classes of pytorchcv/resnet20_svhn, 0, 1, 2, .*Received: target='resnet20_cifar10', with"
    with pytest.raises(ValueError, match=message):
        convert_torch({"none": np.zeros(1)}, "resnet20_cifar10", "pytorchcv/resnet20_svhn")


def test_the_authors_checkpoints_have_the_names_of_entries():
    with pytest.raises(ValueError, match="must hold tensors by their names"):  # the source is known
        convert_torch({}, "dia_resnet164_cifar100", "dianet")


def test_every_published_file_is_of_a_network_that_we_build_and_of_an_entry_of_the_same_arguments():
    for source in sources():
        network = published(source.name)
        if source.entry:
            card = zoo.card(source.entry)
            ours = {key: value for key, value in card.architecture.arguments.items() if value is not None}
            theirs = {key: value for key, value in network.arguments.items() if value is not None}
            assert (network.backbone.__name__, theirs) == (card.architecture.backbone, ours)
            assert network.dataset == card.dataset


def test_a_model_without_layers_to_compare_is_refused():
    class Own(keras.Model):
        pass

    with pytest.raises(ValueError, match="must be a functional model"):
        convert_torch({"none": np.zeros(1)}, Own(), DIA)


@pytest.mark.parametrize("source", ["dianet/dia_resnet21_cifar100", "pytorchcv/wrn17_10_cifar10"])
def test_a_depth_that_no_network_has_is_the_source_s_error(source):
    message = rf"`source` cannot be converted: `depth` must be .* Received: depth=\d+ Received: source='{source}'"
    with pytest.raises(ValueError, match=message):
        convert_torch({"none": np.zeros(1)}, source=source)


@pytest.mark.parametrize("name", [None, 7])
def test_a_source_that_has_no_name_is_unknown(name):
    with pytest.raises(ValueError, match=f"must be a zoo entry or a model with published weights.*name={name}"):
        find_source(name)


def test_weights_of_another_network_with_the_name_of_an_entry_are_not_saved(tmp_path):
    model = resnet(20, attention="dia_lstm", num_classes=5, name="dia_resnet20_cifar100")  # the entry has basic blocks
    with pytest.raises(ValueError, match=r"must end in \.keras, since the network is not a zoo entry"):
        save(model, tmp_path / "w.weights.h5")
    assert not list(tmp_path.iterdir())
