"""What the backbone of a detector begins from: files of its weights, those of a plain ResNet, and frozen norms."""

import keras
import numpy as np
import pytest

from dia_keras import zoo
from dia_keras.backbones import imagenet_resnet, imagenet_resnets
from dia_keras.detection import RetinaNet
from dia_keras.detection.models.pyramid import backbone
from dia_keras.zoo.files.keras_layout import layout_of

pytestmark = pytest.mark.torch


@pytest.fixture(autouse=True)
def few_blocks(monkeypatch):
    """ResNets of one block a stage, but for the last of depth 34."""
    monkeypatch.setitem(imagenet_resnets.BLOCKS, 18, (1, 1, 1, 1))
    monkeypatch.setitem(imagenet_resnets.BLOCKS, 34, (1, 1, 1, 2))


def saved(path, depth=18, attention=None, include_top=False):
    """Returns a ResNet whose weights are in a file; they are those of one that has learned, at random."""
    model = imagenet_resnet(depth, attention=attention, input_shape=(32, 32, 3), include_top=include_top)
    rng = np.random.default_rng(1)
    model.set_weights([rng.uniform(0.1, 1, value.shape) for value in model.get_weights()])
    zoo.save_weights(model, path, "float32")
    return model


def by_layer(model):
    return {layer.name: layer.get_weights() for layer in model.layers if layer.weights}


def norms_of(model):
    return [layer for layer in model._flatten_layers() if isinstance(layer, keras.layers.BatchNormalization)]


@pytest.mark.parametrize("attention", [None, "se", "dia_lstm"])
@pytest.mark.parametrize("include_top", [False, True])
def test_a_backbone_begins_from_a_file_of_its_weights(attention, include_top, tmp_path, caplog):
    path = tmp_path / "backbone.weights.h5"
    source = by_layer(saved(path, attention=attention, include_top=include_top))
    loaded = backbone(18, (32, 32), attention=attention, weights=path)
    found = by_layer(loaded)
    assert found.keys() == source.keys() - {"classifier"} and not caplog.text
    for name, values in found.items():
        for given, kept in zip(source[name], values, strict=True):
            np.testing.assert_array_equal(kept, given, err_msg=name)
    assert norms_of(loaded) and not any(norm.trainable for norm in norms_of(loaded))


@pytest.mark.parametrize("attention", ["se", "sge", "dia_lstm"])
def test_the_weights_of_a_plain_resnet_leave_the_attention_alone_as_it_is(attention, tmp_path, caplog):
    path = tmp_path / "resnet18.weights.h5"
    plain = by_layer(saved(path, include_top=True))
    keras.utils.set_random_seed(5)
    initial = by_layer(backbone(18, (32, 32), attention=attention))
    keras.utils.set_random_seed(5)
    detector = RetinaNet(18, 2, (32, 32), attention=attention, backbone_weights=path)
    found = by_layer(detector.backbone)
    of_attention = {name for name in found if "_attention" in name}
    assert len(of_attention) == 4 and found.keys() - of_attention == plain.keys() - {"classifier"}
    for name, values in found.items():
        for expected, value in zip((initial if name in of_attention else plain)[name], values, strict=True):
            np.testing.assert_array_equal(value, expected, err_msg=name)
    assert detector.get_config()["freeze_norms"] is True
    (record,) = caplog.records
    assert f"loaded all {len(plain) - 1} layers of the plain ResNet; the attention alone keeps" in record.message
    assert all(name in record.message for name in of_attention)


def test_norms_of_an_attention_are_not_frozen_at_their_initial_values(tmp_path):
    path = tmp_path / "resnet18.weights.h5"
    saved(path, include_top=True)
    with pytest.raises(ValueError, match="`freeze_norms` must be False where `backbone_weights` are of a plain ResNet"):
        RetinaNet(18, 2, (32, 32), attention="srm", backbone_weights=path)
    detector = RetinaNet(18, 2, (32, 32), attention="srm", backbone_weights=path, freeze_norms=False)
    assert all(norm.trainable for norm in norms_of(detector.backbone))


def test_weights_of_another_network_are_an_error_that_lists_the_differences(tmp_path):
    path = tmp_path / "backbone.weights.h5"
    saved(path)
    with pytest.raises(ValueError, match=r"must hold exactly the weights of 'backbone': .* is missing"):
        RetinaNet(34, 2, (32, 32), backbone_weights=path)
    with pytest.raises(
        ValueError,
        match=r"`backbone_weights` must be those of a ResNet34 with attention='se', or of a plain one: "
        r".*'backbone': .* is missing.*'plain ResNet34': .* is missing",
    ):
        backbone(34, (32, 32), attention="se", weights=path)
    saved(path, attention="se")
    with pytest.raises(ValueError, match=r"'plain ResNet18': .* instead of .* more\. Received"):
        backbone(18, (32, 32), attention="dia_lstm", weights=path)
    path.write_bytes(path.read_bytes()[:3000])
    with pytest.raises(ValueError, match=r"`weights` must be a sound HDF5 file.*") as error:
        backbone(18, (32, 32), attention="dia_lstm", weights=path)
    assert str(error.value).count("HDF5") == 1
    with pytest.raises(ValueError, match=r"must fit the backbone.*stage4_block1_\w+ is missing; .* more"):
        backbone(18, (32, 32), attention="dia_lstm", weights="resnet20_cifar100")


@pytest.mark.parametrize(("chosen", "frozen"), [({}, False), ({"freeze_norms": True}, True)])
def test_norms_are_frozen_for_good_and_learn_where_the_backbone_begins_from_initial_values(chosen, frozen):
    detector = RetinaNet(18, 2, (32, 32), **chosen)
    assert detector.get_config()["freeze_norms"] is frozen
    for part in (detector.backbone, detector.network, detector):
        part.trainable = False
        assert not detector.backbone.trainable_weights
        part.trainable = True
        assert norms_of(detector) and all(norm.trainable != frozen for norm in norms_of(detector))
        assert detector.backbone.get_layer("stem_conv").trainable
    assert len(detector.backbone.trainable_weights) == (12 if frozen else 12 + 2 * 12)


def test_a_backbone_of_frozen_norms_is_saved_and_has_the_paths_of_any_other(tmp_path):
    frozen, free = (RetinaNet(18, 2, (32, 32), freeze_norms=each) for each in (True, False))
    assert list(layout_of(frozen)[0].places) == list(layout_of(free)[0].places)
    frozen.backbone.save(tmp_path / "backbone.keras")
    again = keras.models.load_model(tmp_path / "backbone.keras", compile=False)
    again.trainable = True
    assert not any(norm.trainable for norm in norms_of(again))


def test_settings_of_the_answers_that_change_count_at_once():
    detector = RetinaNet(18, 2, (32, 32))
    first = detector.predictor()
    assert detector.predictor() is first
    for name, value in {"iou_threshold": 0.3, "max_detections": 7, "score_threshold": 0.2}.items():
        setattr(detector, name, value)
        assert detector.predictor() is not first
        first = detector.predictor()
    assert first.output["scores"].shape == (None, 7)
