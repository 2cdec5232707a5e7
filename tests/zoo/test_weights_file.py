import h5py
import keras
import numpy as np
import pytest
from conftest import randomize

from dia_keras import zoo
from dia_keras.backbones import resnet, wrn
from dia_keras.zoo.weights_file import load_weights

KERNEL = "layers/dense/vars/0"


def small(depth=8, **options):
    return resnet(depth, "basic", attention="dia_lstm", name="small", **options)


def trained():
    """A model with an optimizer's state."""
    model = small()
    model.compile("adam", "sparse_categorical_crossentropy")
    model.optimizer.build(model.trainable_variables)
    return model


def values(model):
    return [keras.ops.convert_to_numpy(weight) for weight in model.weights]


@pytest.fixture
def saved(tmp_path):
    path = tmp_path / "small.weights.h5"
    zoo.save_weights(small(), path)
    return path


@pytest.mark.parametrize(
    "build",
    [small, lambda: wrn(10, 1, attention="dia_lstm_light"), lambda: resnet(11, attention="se")],
    ids=["dia", "dropout", "se"],
)
def test_weights_come_back_as_float16_rounds_them(build, tmp_path):
    model, other = build(), build()
    zoo.save_weights(model, tmp_path / "a.weights.h5")
    load_weights(other, tmp_path / "a.weights.h5")
    for saved, loaded in zip(values(model), values(other), strict=True):
        np.testing.assert_array_equal(saved.astype("float16").astype("float32"), loaded)


def test_files_are_of_float16_and_in_the_layout_of_keras(saved, tmp_path):
    model = small()
    model.save_weights(tmp_path / "full.weights.h5")
    with h5py.File(saved) as half, h5py.File(tmp_path / "full.weights.h5") as full:
        keys = []
        full.visititems(lambda key, value: keys.append(key) if isinstance(value, h5py.Dataset) else None)
        assert len(keys) == len(model.weights)
        assert all(half[key].shape == full[key].shape and half[key].dtype == "float16" for key in keys)
        assert half["layers/dense/vars"].attrs["name"] == "classifier"
    assert saved.stat().st_size < 0.6 * (tmp_path / "full.weights.h5").stat().st_size
    model.load_weights(saved)


def test_a_trained_model_is_saved_without_its_optimizer(tmp_path):
    model = trained()
    zoo.save_weights(model, tmp_path / "a.weights.h5")
    with h5py.File(tmp_path / "a.weights.h5") as file:
        assert list(file) == ["layers"]


def test_a_file_of_keras_with_an_optimizer_loads(tmp_path):
    model, other = trained(), small()
    model.save_weights(tmp_path / "a.weights.h5")
    with h5py.File(tmp_path / "a.weights.h5") as file:
        assert "optimizer" in file
    load_weights(other, tmp_path / "a.weights.h5")
    for saved, loaded in zip(values(model), values(other), strict=True):
        np.testing.assert_array_equal(saved, loaded)


@pytest.mark.parametrize("value", [70_000.0, -np.inf, np.nan])
def test_weights_that_float16_cannot_hold_are_not_saved(saved, value):
    before = saved.read_bytes()
    model = small()
    variance = model.get_layer("stem_bn").moving_variance
    variance.assign(np.full(16, value))
    with pytest.raises(ValueError, match=r"finite.*layers/batch_normalization/vars/3 \(stem_bn\)"):
        zoo.save_weights(model, saved)
    assert saved.read_bytes() == before
    assert list(saved.parent.iterdir()) == [saved]


def test_files_are_named_weights_h5(tmp_path):
    with pytest.raises(ValueError, match=r"must end in .weights.h5. Received: path='.*small.h5'"):
        zoo.save_weights(small(), tmp_path / "small.h5")


def test_a_missing_array_is_named(saved):
    with h5py.File(saved, "a") as file:
        del file[KERNEL]
    with pytest.raises(ValueError, match=rf"exactly the weights of 'small': {KERNEL} \(classifier\) is missing. Rec"):
        load_weights(small(), saved)


def test_an_extra_array_is_named(saved):
    with h5py.File(saved, "a") as file:
        file["layers/dense_1/vars/0"] = np.zeros(3)
    with pytest.raises(ValueError, match=r": layers/dense_1/vars/0 has no place in the network. Rec"):
        load_weights(small(), saved)


def test_a_renamed_array_is_named(saved):
    with h5py.File(saved, "a") as file:
        file.move(KERNEL, "layers/dense_1/vars/0")
    with pytest.raises(ValueError, match=rf"{KERNEL} \(classifier\) is missing; layers/dense_1/vars/0 has no place"):
        load_weights(small(), saved)


@pytest.mark.parametrize("shape", [(64, 9), (10, 64), (640,), ()])
def test_an_array_of_another_shape_is_named(saved, shape):
    with h5py.File(saved, "a") as file:
        del file[KERNEL]
        file[KERNEL] = np.zeros(shape)
    with pytest.raises(ValueError) as error:
        load_weights(small(), saved)
    assert f"{KERNEL} (classifier) has shape {shape} instead of (64, 10). Received: weights='{saved}'" in str(
        error.value
    )


def test_many_differences_are_counted(saved):
    with pytest.raises(ValueError, match=r"is missing; .* is missing; .* is missing; and \d+ more. Received"):
        load_weights(small(depth=14), saved)


def test_arrays_of_text_are_an_error(saved):
    with h5py.File(saved, "a") as file:
        del file[KERNEL]
        file[KERNEL] = np.full((64, 10), b"a")
    with pytest.raises(
        ValueError, match=rf"exactly the weights of 'small': {KERNEL} \(classifier\) holds text.*Received: weights="
    ):
        load_weights(small(), saved)


@pytest.mark.parametrize("size", [0, 100, 20_000])
def test_a_truncated_file_is_an_error(saved, size):
    saved.write_bytes(saved.read_bytes()[:size])
    with pytest.raises(ValueError, match=r"must be a sound HDF5 file: .* Received: weights="):
        load_weights(small(), saved)


def test_randomize_leaves_no_weight_at_its_initial_value():
    model = small()
    before = values(model)
    randomize(model)
    assert all((old != new).all() for old, new in zip(before, values(model), strict=True))
