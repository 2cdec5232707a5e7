import itertools
import json
import re
import shutil

import fuzz_weights
import h5py
import keras
import numpy as np
import pytest
import safetensors.numpy
from small_weights import randomize

from dia_keras import zoo
from dia_keras.backbones import resnet, wrn
from dia_keras.units.initializers import without_initial_values
from dia_keras.zoo.files import hdf5_process, reading
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


@pytest.mark.torch
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


@pytest.mark.torch
def test_quantized_and_subclassed_networks_are_not_saved(tmp_path):
    model = small()
    model.get_layer("classifier").quantize("int8")
    with pytest.raises(ValueError, match=r"`model` must not be quantized.* Received: 'small'"):
        zoo.save_weights(model, tmp_path / "a.weights.h5")
    with pytest.raises(ValueError, match=r"`model` must be a functional `keras.Model`"):
        zoo.save_weights(keras.Sequential([keras.layers.Dense(2)]), tmp_path / "a.weights.h5")
    assert not list(tmp_path.iterdir())


@pytest.mark.torch
def test_files_are_named_weights_h5(tmp_path):
    with pytest.raises(ValueError, match=r"must end in .weights.h5. Received: path='.*small.h5'"):
        zoo.save_weights(small(), tmp_path / "small.h5")


@pytest.mark.torch
def test_a_missing_array_is_named(saved):
    with h5py.File(saved, "a") as file:
        del file[KERNEL]
    with pytest.raises(ValueError, match=rf"exactly the weights of 'small': {KERNEL} \(classifier\) is missing. Rec"):
        load_weights(small(), saved)


@pytest.mark.torch
def test_an_extra_array_is_named(saved):
    with h5py.File(saved, "a") as file:
        file["layers/dense_1/vars/0"] = np.zeros(3)
    with pytest.raises(ValueError, match=r": layers/dense_1/vars/0 has no place in the network. Rec"):
        load_weights(small(), saved)


@pytest.mark.torch
def test_a_renamed_array_is_named(saved):
    with h5py.File(saved, "a") as file:
        file.move(KERNEL, "layers/dense_1/vars/0")
    with pytest.raises(ValueError, match=rf"{KERNEL} \(classifier\) is missing; layers/dense_1/vars/0 has no place"):
        load_weights(small(), saved)


@pytest.mark.torch
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


@pytest.mark.torch
def test_many_differences_are_counted(saved):
    with pytest.raises(ValueError, match=r"is missing; .* is missing; .* is missing; and \d+ more. Received"):
        load_weights(small(depth=14), saved)


@pytest.mark.torch
def test_arrays_of_text_are_an_error(saved):
    with h5py.File(saved, "a") as file:
        del file[KERNEL]
        file[KERNEL] = np.full((64, 10), b"a")
    with pytest.raises(
        ValueError, match=rf"exactly the weights of 'small': {KERNEL} \(classifier\) holds text.*Received: weights="
    ):
        load_weights(small(), saved)


@pytest.mark.torch
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


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """A network, and the folder of its files: ours in both forms, and Keras' own."""
    folder = tmp_path_factory.mktemp("sound")
    model = small()
    randomize(model)
    zoo.save_weights(model, folder / "ours.safetensors")
    zoo.save_weights(model, folder / "ours.weights.h5")
    model.save_weights(folder / "keras.weights.h5")
    return model, folder


@pytest.fixture
def files(sound, tmp_path):
    """A copy of the folder, to damage."""
    shutil.copytree(sound[1], tmp_path / "files")
    return tmp_path / "files"


@pytest.fixture
def refused(sound):
    """Function that loads a file, which must end in an error that names it and leave the weights as they are."""
    model, _ = sound
    before = values(model)

    def refused(path, message):
        with pytest.raises(ValueError, match=rf"(?s)`weights` {message}.*Received: weights='{re.escape(str(path))}'"):
            load_weights(model, path)
        for old, new in zip(before, values(model), strict=True):
            np.testing.assert_array_equal(old, new)

    return refused


def test_safetensors_have_the_same_names_and_numbers(sound):
    model, folder = sound
    tensors = safetensors.numpy.load_file(folder / "ours.safetensors")
    with h5py.File(folder / "ours.weights.h5") as file:
        assert len(tensors) == len(model.weights)
        for key, tensor in tensors.items():
            assert tensor.dtype == file[key].dtype == "float16"
            np.testing.assert_array_equal(tensor, file[key])
        record = json.loads(file.attrs["dia_keras"])
    assert (record["entry"], record["format"]) == ("small", 1)
    with safetensors.safe_open(folder / "ours.safetensors", "np") as file:
        assert json.loads(file.metadata()["dia_keras"]) == record
    other = small()
    load_weights(other, folder / "ours.safetensors")
    for saved, loaded in zip(values(model), values(other), strict=True):
        np.testing.assert_array_equal(saved, loaded)


@pytest.mark.torch
def test_the_same_weights_give_the_same_safetensors(sound, tmp_path):
    model, folder = sound
    zoo.save_weights(model, tmp_path / "a.safetensors")
    assert (tmp_path / "a.safetensors").read_bytes() == (folder / "ours.safetensors").read_bytes()


@pytest.mark.torch
def test_others_may_read_a_file_as_any_other(sound):
    (sound[1] / "any").write_text("")
    modes = {path.stat().st_mode for path in sound[1].iterdir()}
    assert len(modes) == 1


NUMBERS = np.ones((64, 10), "float32")
VALUES = {
    "nan": (
        np.where(NUMBERS.cumsum().reshape(64, 10) == 9, np.nan, NUMBERS),
        r"must be finite.*\(classifier\) holds nan",
    ),
    "infinity": (-np.inf * NUMBERS, r"must be finite in float32: .* holds -inf"),
    "overflow": (1e39 * NUMBERS.astype("float64"), r"must be finite in float32: .* holds 1e\+39"),
    "integers": (NUMBERS.astype("int64"), r"must hold exactly .*\(classifier\) holds integers instead of floats"),
    "booleans": (NUMBERS > 0, r"must hold exactly .*\(classifier\) holds booleans"),
    "complex": (NUMBERS * 1j, r"must hold exactly .*\(classifier\) holds complex"),
    "long": (NUMBERS.astype("longdouble"), r"must hold exactly .*\(classifier\) holds other floats"),
    "bytes": (NUMBERS.view("V4"), r"must hold exactly .*\(classifier\) holds bytes"),
    "nothing": (h5py.Empty("f4"), r"must hold exactly .*\(classifier\) is empty"),
}


@pytest.mark.torch
@pytest.mark.parametrize("kind", VALUES)
def test_what_is_not_a_finite_float_is_not_loaded(files, refused, kind):
    path = files / "keras.weights.h5"
    numbers, message = VALUES[kind]
    with h5py.File(path, "a") as file:
        del file[KERNEL]
        file[KERNEL] = numbers
    refused(path, message)


ENUMERATION = h5py.enum_dtype({"A": 0, "B": 1}, basetype="i4")
DATASETS = {
    "enumeration": ({"shape": (64, 10), "dtype": ENUMERATION}, "holds booleans or an enumeration"),
    "texts": ({"shape": (64, 10), "dtype": h5py.string_dtype()}, "holds text"),
    "dates": ({"shape": (64, 10), "dtype": h5py.opaque_dtype(np.dtype("datetime64[s]"))}, "holds bytes"),
    "never written": ({"shape": (64, 10), "dtype": "f4"}, "was never written"),
    "chunks": ({"data": NUMBERS, "chunks": (8, 10)}, "is not stored in one piece"),
    "compressed": ({"data": NUMBERS, "compression": "gzip"}, "is not stored in one piece"),
    "huge": ({"shape": (1 << 30, 10), "dtype": "f4", "chunks": (1 << 20, 10)}, r"is not stored in one piece"),
    "elsewhere": ({"shape": (64, 10), "dtype": "f4", "external": "other.bin"}, "is not stored in one piece"),
}


@pytest.mark.torch
@pytest.mark.parametrize("kind", DATASETS)
def test_tensors_that_are_not_there_as_they_should_be_are_not_loaded(files, refused, kind):
    path = files / "keras.weights.h5"
    options, message = DATASETS[kind]
    with h5py.File(path, "a") as file:
        del file[KERNEL]
        file.create_dataset(KERNEL, **options)
    refused(path, rf"must hold exactly the weights of 'small': {KERNEL} \(classifier\) (has shape|{message})")


@pytest.mark.torch
@pytest.mark.parametrize("link", [h5py.SoftLink("/layers/dense/vars/2"), h5py.ExternalLink("other.h5", "/kernel")])
def test_links_are_not_followed(files, refused, link):
    path = files / "keras.weights.h5"
    with h5py.File(path, "a") as file:
        file.move(KERNEL, "layers/dense/vars/2")
        file[KERNEL] = link
    refused(path, "must be a sound HDF5 file: 0 is a link to another place")


@pytest.mark.torch
def test_two_names_for_one_tensor_are_refused(files, refused):
    path = files / "keras.weights.h5"
    first, second = (f"layers/batch_normalization/vars/{i}" for i in (0, 1))
    with h5py.File(path, "a") as file:
        del file[second]
        file[second] = file[first]
    refused(path, f"must hold exactly .*{first} and .*{second} lie in the same place")


def test_numbers_of_every_width_and_order_load(files, sound):
    model, other = sound[0], small()
    path = files / "keras.weights.h5"
    with h5py.File(path, "a") as file:
        for dtype, i in zip((">f2", ">f4", ">f8", "<f8"), itertools.count()):
            key = f"layers/batch_normalization/vars/{i}"
            numbers = file[key][()].astype(dtype)
            del file[key]
            file[key] = numbers
    load_weights(other, path)
    for saved, loaded in zip(values(model), values(other), strict=True):
        np.testing.assert_array_equal(saved, loaded)


@pytest.mark.torch
@pytest.mark.parametrize("name", ["ours.safetensors", "ours.weights.h5"])
def test_a_changed_number_shows_in_a_file_of_ours(files, refused, name):
    content = bytearray((files / name).read_bytes())
    begin, _ = fuzz_weights.extents(files / name)[KERNEL]
    content[begin] ^= 1
    (files / name).write_bytes(content)
    refused(files / name, "must be undamaged: its tensors are not those that were saved, by their SHA-256")


@pytest.mark.torch
def test_a_file_of_a_later_format_is_refused(files, refused):
    path = files / "ours.weights.h5"
    with h5py.File(path, "a") as file:
        record = {**json.loads(file.attrs["dia_keras"]), "format": 2}
        file.attrs["dia_keras"] = np.bytes_(json.dumps(record))
    refused(path, "must be of format 1 or earlier: it is of format 2")
    with h5py.File(path, "a") as file:
        file.attrs["dia_keras"] = "a word"
    refused(path, "must be undamaged: its record 'a word' is not one of ours")


@pytest.mark.torch
def test_what_keras_writes_of_another_network_is_refused(files, refused):
    path = files / "keras.weights.h5"
    resnet(8, "basic").save_weights(path)
    refused(path, r"must hold exactly .* is missing")
    deeper = files / "deeper.weights.h5"
    small(depth=14).save_weights(deeper)
    refused(deeper, r"must hold exactly .* has shape .* more")


@pytest.mark.torch
def test_layers_of_another_kind_are_counted(files, refused):
    path = files / "keras.weights.h5"
    with h5py.File(path, "a") as file:
        file["layers/conv3d/vars/0"] = NUMBERS
    refused(path, "must hold exactly the weights of 'small': layers has 1 more member than the network")
    with h5py.File(path, "a") as file:
        file.move("layers/conv3d", "layers/dropout")  # has no weights, as a rule
    refused(path, "must hold exactly the weights of 'small': layers has 1 more member than the network")


@pytest.mark.torch
def test_layers_without_weights_make_no_difference(files, sound):
    other = small(preprocessing=keras.layers.Rescaling(1 / 255), include_top=False)
    load_weights(small(include_top=False), _saved_by_keras(other, files / "other.weights.h5"))


def _saved_by_keras(model, path):
    model.save_weights(path)
    return path


@pytest.mark.torch
def test_nested_groups_are_not_walked(files, refused):
    path = files / "keras.weights.h5"
    with h5py.File(path, "a", libver="latest") as file:
        group = file
        for _ in range(500):
            group = group.create_group("a")
    refused(path, "must hold exactly the weights of 'small': the file has 1 more member than the network")


CHANGES = {
    "integers": ({KERNEL: NUMBERS.astype("int32")}, r"has the type I32 instead of floats"),
    "booleans": ({KERNEL: NUMBERS > 0}, r"has the type BOOL"),
    "shape": ({KERNEL: NUMBERS.T}, r"has shape \(10, 64\) instead of \(64, 10\)"),
    "surplus": ({"layers/dense/vars/2": NUMBERS}, r"layers/dense/vars/2 has no place in the network"),
}


@pytest.mark.torch
@pytest.mark.parametrize("kind", CHANGES)
def test_safetensors_that_do_not_fit_are_refused(files, refused, kind):
    path = files / "ours.safetensors"
    changes, message = CHANGES[kind]
    tensors = {**safetensors.numpy.load_file(path), **{key: np.ascontiguousarray(x) for key, x in changes.items()}}
    safetensors.numpy.save_file(tensors, path)
    refused(path, f"must hold exactly the weights of 'small': .*{message}")
    del tensors[KERNEL]
    safetensors.numpy.save_file(tensors, path)
    refused(path, rf"must hold exactly the weights of 'small': {KERNEL} \(classifier\) is missing")


@pytest.mark.torch
@pytest.mark.parametrize(
    "content", [b"", b"\xff" * 8 + b"{}", (1 << 40).to_bytes(8, "little"), b"\2" + 7 * b"\0" + b"[]"]
)
def test_damaged_safetensors_are_refused(tmp_path, refused, content):
    path = tmp_path / "a.safetensors"
    path.write_bytes(content)
    refused(path, "must be a sound safetensors file: ")


@pytest.mark.torch
def test_safetensors_of_other_programs_need_no_record(files, sound):
    model, other = sound[0], small()
    tensors = safetensors.numpy.load_file(files / "ours.safetensors")
    safetensors.numpy.save_file({key: x.astype("float64") for key, x in tensors.items()}, files / "a.safetensors")
    load_weights(other, files / "a.safetensors")
    np.testing.assert_array_equal(values(other)[-1], values(model)[-1])


@pytest.mark.torch
def test_a_file_that_cannot_be_read_or_is_too_large_is_named(files, refused, monkeypatch):
    refused(files / "none.weights.h5", "must be a file that can be read")
    refused(shutil.copy(files / "keras.weights.h5", files / "a.bin"), "must end in .weights.h5 or .safetensors")
    monkeypatch.setattr(reading, "LARGEST", 1000)
    with pytest.raises(ValueError, match=r"`weights` must have at most 1000 bytes. Received: \d+ bytes in .*keras"):
        reading.read_file(files / "keras.weights.h5")


def test_weights_of_bfloat16_load_as_keras_writes_them(tmp_path):
    keras.config.set_dtype_policy("bfloat16")
    with without_initial_values():  # JAX compiles a program for each
        model, other = small(), small()
    randomize(model)
    model.save_weights(tmp_path / "a.weights.h5")
    load_weights(other, tmp_path / "a.weights.h5")
    for saved, loaded in zip(model.weights, other.weights, strict=True):
        assert bool(keras.ops.all(saved == loaded))


@pytest.mark.torch
def test_safetensors_may_have_empty_metadata(files, sound):
    content = (files / "ours.safetensors").read_bytes()
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    header["__metadata__"] = None
    text = json.dumps(header).encode()
    numbers = content[8 + int.from_bytes(content[:8], "little") :]
    (files / "a.safetensors").write_bytes(len(text).to_bytes(8, "little") + text + numbers)
    load_weights(sound[0], files / "a.safetensors")


@pytest.mark.torch
def test_a_file_that_crashes_the_library_is_refused(files, refused, monkeypatch):
    crash = "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)"
    monkeypatch.setattr(hdf5_process, "_PROGRAM", crash)
    refused(files / "keras.weights.h5", "must be a sound HDF5 file: it crashes HDF5's library")


@pytest.mark.torch
def test_a_file_that_keeps_the_library_busy_is_refused(files, refused, monkeypatch):
    monkeypatch.setattr(hdf5_process, "_PROGRAM", "import time; time.sleep(60)")
    monkeypatch.setattr(hdf5_process, "SECONDS", 0.5)
    refused(files / "keras.weights.h5", "must be a sound HDF5 file: HDF5's library did not read it in")


@pytest.mark.torch
def test_code_in_the_current_folder_does_not_run(files, sound, tmp_path, monkeypatch):
    (tmp_path / "h5py.py").write_text("raise SystemExit(1)")
    monkeypatch.chdir(tmp_path)
    load_weights(sound[0], files / "ours.weights.h5")


@pytest.mark.torch
def test_a_trusted_file_needs_no_process(files, sound, monkeypatch):
    monkeypatch.setattr(hdf5_process, "_PROGRAM", "raise SystemExit(1)")
    path = files / "ours.weights.h5"
    load_weights(sound[0], reading.WeightsFile(path, path.read_bytes(), is_trusted=True))
