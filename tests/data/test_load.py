"""Tests of `dia_keras.data.load`."""

import os

import numpy as np
import pytest
from PIL import Image

from dia_keras.data import load, tfds_source
from dia_keras.data.picture import read_picture
from dia_keras.zoo import card
from dia_keras.zoo.network_data import load_data


@pytest.fixture
def npz(tmp_path):
    rng = np.random.default_rng(0)
    path = tmp_path / "tiny.npz"
    np.savez(
        path,
        x_train=rng.integers(0, 256, (60, 8, 8, 3), np.uint8),
        y_train=np.arange(60, dtype=np.uint8) % 3,
        x_test=rng.integers(0, 256, (9, 8, 8, 3), np.uint8),
        y_test=np.arange(9, dtype=np.uint8) % 3,
        class_names=np.array(["ant", "bee", "cat"]),
    )
    return path


def test_npz_gives_its_arrays(npz):
    data = load(npz)
    with np.load(npz) as arrays:
        np.testing.assert_array_equal(data.train.images, arrays["x_train"])
        np.testing.assert_array_equal(data.test.labels, arrays["y_test"])
    assert data.class_names == ("ant", "bee", "cat")
    assert len(data.held_out.labels) == 0


def saved(npz, path, class_names):
    with np.load(npz) as arrays:
        np.savez(path, **{**arrays, "class_names": class_names})
    return path


def test_class_names_may_be_bytes_or_integers(npz, tmp_path):
    names = np.array(["ant", "caf\u00e9".encode(), "cat"], "S")
    assert load(saved(npz, tmp_path / "bytes.npz", names)).class_names == ("ant", "caf\u00e9", "cat")
    assert load(saved(npz, tmp_path / "integers.npz", np.array([7, 8, 9]))).class_names == ("7", "8", "9")


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (np.array([b"ant", b"caf\xe9", b"cat"]), "or bytes in UTF-8"),
        (np.array([0.0, 1.0, 2.0]), "must be texts, as .* Received: an array of float64"),
    ],
)
def test_class_names_of_other_kinds_are_an_error(npz, tmp_path, names, message):
    with pytest.raises(ValueError, match=f"`class_names` .*{message}"):
        load(saved(npz, tmp_path / "other.npz", names))


def test_a_name_with_data_dir_is_that_of_a_tfds_set_whatever_folder_is_here(tmp_path, monkeypatch):
    (tmp_path / "cifar10" / "train" / "ant").mkdir(parents=True)
    asked = []

    def load_tfds(name, data_dir, *arguments):
        asked.append((name, data_dir))
        raise ValueError("enough")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tfds_source, "load_tfds", load_tfds)
    with pytest.raises(ValueError, match="enough"):
        load("cifar10", data_dir=".", image_size=(8, 8))
    assert asked == [("cifar10", ".")]
    (tmp_path / "imagenette" / "160px-v2").mkdir(parents=True)
    with pytest.raises(ValueError, match="enough"):
        load("imagenette/160px-v2", data_dir=".", image_size=(8, 8))
    with pytest.raises(ValueError, match="enough"):
        load("imagenette/320px-v2", data_dir=".", image_size=(8, 8))
    assert [name for name, _ in asked] == ["cifar10", "imagenette/160px-v2", "imagenette/320px-v2"]
    (tmp_path / "tfds").mkdir()
    with pytest.raises(FileNotFoundError, match="must have the folders 'train' and 'test'"):
        load("imagenette/160px-v2", data_dir="tfds", image_size=(8, 8))
    with pytest.raises(ValueError, match="no images in"):
        load("cifar10", image_size=(8, 8))
    with pytest.raises(ValueError, match="enough"):
        load_data(card("dia_resnet20_cifar10"))  # its own data are not what happens to lie here
    assert asked[-1][0] == "cifar10" and asked[-1][1] is not None


def test_held_out_images_come_from_train_and_leave_it(npz):
    data = load(npz, held_out=12)
    with np.load(npz) as arrays:
        every = {image.tobytes() for image in arrays["x_train"]}
    train, held_out = ({image.tobytes() for image in split.images} for split in (data.train, data.held_out))
    assert len(held_out) == 12 and not train & held_out and train | held_out == every


def test_a_rare_class_keeps_an_image_to_train_on(npz, tmp_path):
    with np.load(npz) as file:
        whole = dict(file)
    whole["y_train"] = np.repeat([0, 1, 2], [28, 28, 4])
    np.savez(tmp_path / "rare.npz", **whole)
    data = load(tmp_path / "rare.npz", held_out=15)
    assert np.bincount(data.train.labels).tolist() == [22, 22, 1] and len(data.held_out.labels) == 15
    assert np.bincount(load(tmp_path / "rare.npz", held_out=57).train.labels).tolist() == [1, 1, 1]


def test_held_out_classes_are_balanced(npz):
    np.testing.assert_array_equal(np.bincount(load(npz, held_out=12).held_out.labels), [4, 4, 4])


def test_held_out_choice_depends_on_the_seed_alone(npz):
    one, same, other = (load(npz, held_out=12, seed=seed).held_out.images for seed in (0, 0, 1))
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)


@pytest.mark.parametrize("held_out", [-1, 58, 1.5, True])
def test_held_out_of_wrong_size_is_an_error(npz, held_out):
    with pytest.raises(ValueError, match=r"`held_out` must be an integer from 0 to 57.*Received: held_out="):
        load(npz, held_out=held_out)


def test_missing_npz_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError, match="does not exist"):
        load(tmp_path / "none.npz")


def test_npz_without_an_array_is_an_error(tmp_path):
    np.savez(tmp_path / "half.npz", x_train=np.zeros((1, 2, 2, 3)))
    with pytest.raises(ValueError, match="must hold class_names, x_test, y_test, y_train"):
        load(tmp_path / "half.npz")


def test_npz_with_two_classes_of_one_name_is_an_error(npz):
    with np.load(npz) as arrays:
        np.savez(npz, **{**arrays, "class_names": np.array(["ant", "bee", "ant"])})
    with pytest.raises(ValueError, match=r"must name every class differently. Received: 'ant' twice in "):
        load(npz)


def test_damaged_npz_is_an_error(npz):
    npz.write_bytes(npz.read_bytes()[:200])
    with pytest.raises(ValueError, match=r"must be a sound \.npz file"):
        load(npz)


def test_npz_with_float_images_is_an_error(npz):
    with np.load(npz) as arrays:
        np.savez(npz, **{**arrays, "x_test": arrays["x_test"] / 255})
    with pytest.raises(ValueError, match=r"one or more uint8 images.*`\(255 \* images\).round\(\).*Received: float64"):
        load(npz)
    with np.load(npz) as arrays:
        np.savez(npz, **{**arrays, "x_test": arrays["x_test"] * 255})
    with pytest.raises(ValueError, match=r"of values 0 to 255\. `images\.round\(\)\.astype\('uint8'\)` converts"):
        load(npz)


def test_npz_with_other_labels_than_integers_is_an_error_that_says_how_to_convert_them(npz):
    with np.load(npz) as arrays:
        kept = dict(arrays)
    labels, classes = kept["y_train"], len(kept["class_names"])
    for other, remedy in ((np.eye(classes)[labels], r"argmax\(axis=1\)"), (labels.astype(float), r"astype\(int\)")):
        np.savez(npz, **{**kept, "y_train": other})
        with pytest.raises(ValueError, match=rf"an integer label for each.*`labels\.{remedy}`.*Received: float64"):
            load(npz)


@pytest.mark.parametrize(("change", "shape"), [(np.s_[..., :1], "1"), (np.s_[:, 1:], "3")])
def test_npz_with_test_images_of_another_shape_is_an_error(npz, change, shape):
    with np.load(npz) as arrays:
        np.savez(npz, **{**arrays, "x_test": arrays["x_test"][change]})
    with pytest.raises(ValueError, match=rf"must hold training and test images of one shape.* and \(.*{shape}\) in"):
        load(npz)
    images = load(npz, image_size=(4, 4), channels=3)
    assert images.train.images.shape[1:] == images.test.images.shape[1:] == (4, 4, 3)


def test_npz_with_channels_first_is_an_error_that_says_how_to_have_them_last(npz):
    with np.load(npz) as arrays:
        np.savez(npz, **{**arrays, "x_train": arrays["x_train"].transpose(0, 3, 1, 2)})
    with pytest.raises(ValueError, match=r"channels last: use `images\.transpose\(0, 2, 3, 1\)`. Received: \("):
        load(npz)


def test_npz_with_names_in_an_array_of_objects_is_an_error_that_says_how_to_write_them(npz):
    with np.load(npz) as arrays:
        np.savez(npz, **{**arrays, "class_names": arrays["class_names"].astype(object)})
    with pytest.raises(ValueError, match=r"np\.array\(names, dtype=str\)"):
        load(npz)


def test_npz_with_images_without_pixels_is_an_error(npz):
    with np.load(npz) as arrays:
        np.savez(npz, **{**arrays, "x_test": arrays["x_test"][:, :0]})
    with pytest.raises(ValueError, match="must hold one or more uint8 images of shape"):
        load(npz)


@pytest.mark.parametrize("source", ["", None, 3])
def test_a_source_that_names_nothing_is_an_error(source):
    with pytest.raises(
        ValueError, match=r"`source` must name a data set, an \.npz file or a folder\. Received: source="
    ):
        load(source)


@pytest.mark.parametrize("seed", [-1, "a"])
def test_a_seed_out_of_range_is_an_error(npz, seed):
    with pytest.raises(ValueError, match=r"`seed` must be an integer of at least 0\. Received: seed="):
        load(npz, seed=seed)


@pytest.fixture
def folder(tmp_path):
    for split, count in (("train", 4), ("test", 2)):
        for value, name in ((0, "black"), (255, "white")):
            (tmp_path / split / name).mkdir(parents=True)
            for i in range(count):
                Image.new("RGB", (10, 12), (value,) * 3).save(tmp_path / split / name / f"{i}.png")
    return tmp_path


def test_folder_gives_images_by_class(folder):
    data = load(folder, image_size=(6, 5))
    assert data.class_names == ("black", "white")
    assert data.train.images.shape == (8, 6, 5, 3) and data.train.images.dtype == np.uint8
    np.testing.assert_array_equal(data.train.images[:, 0, 0, 0], 255 * data.train.labels)
    assert len(data.test.labels) == 4


def test_folder_needs_an_image_size(folder):
    with pytest.raises(ValueError, match="`image_size` must be"):
        load(folder)


def test_folder_without_test_images_is_an_error(tmp_path):
    (tmp_path / "train" / "a").mkdir(parents=True)
    Image.new("RGB", (4, 4)).save(tmp_path / "train" / "a" / "0.png")
    with pytest.raises(FileNotFoundError, match="without 'test'"):
        load(tmp_path, image_size=(4, 4))


@pytest.mark.tensorflow
def test_missing_tfds_data_set_names_the_command_that_prepares_it(tmp_path):
    with pytest.raises(FileNotFoundError, match=rf"tfds build cifar10 --data_dir={tmp_path}"):
        load("cifar10", data_dir=tmp_path)


@pytest.mark.tensorflow
def test_unknown_name_is_an_error(tmp_path):
    with pytest.raises(ValueError, match=r"`source` must be a TFDS data set.*Received: source='no_such_set'"):
        load("no_such_set", data_dir=tmp_path)


def test_a_name_of_tfds_may_have_a_configuration(tmp_path, monkeypatch):
    asked = []

    def load_tfds(name, *arguments):
        asked.append(name)
        raise FileNotFoundError("not prepared")

    monkeypatch.setattr(tfds_source, "load_tfds", load_tfds)
    with pytest.raises(FileNotFoundError, match="not prepared"):
        load("imagenette/160px-v2")
    assert asked == ["imagenette/160px-v2"]
    for path in (f"{tmp_path}/none", "./none/none", "~/none"):
        with pytest.raises(FileNotFoundError, match="`source` must exist"):
            load(path)
    monkeypatch.chdir(tmp_path.parent)
    with pytest.raises(FileNotFoundError, match="`source` must exist"):
        load(f"{tmp_path.name}/none")
    assert len(asked) == 1


@pytest.mark.tensorflow
def test_data_directory_comes_from_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("DIA_KERAS_DATA", str(tmp_path))
    with pytest.raises(FileNotFoundError, match=str(tmp_path)):
        load("cifar100")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"y_train": np.arange(60) % 3 + 1},
            "labels from 0 to 2, .* Received: labels from 1 to 3",
        ),
        ({"y_train": np.arange(60) % 3 + 0.5}, "an integer label for each of its 60 images.*Received: float64"),
        (
            {"y_test": np.eye(9, dtype=int)},
            r"label for each of its 9 images. Received: int64 of shape \(9, 9\)",
        ),
        (
            {"y_train": np.arange(59) % 3},
            r"label for each of its 60 images. Received: int64 of shape \(59,\)",
        ),
        ({"x_test": np.zeros((0, 8, 8, 3), np.uint8)}, r"Received: uint8 of shape \(0, 8, 8, 3\) in 'test'"),
    ],
)
def test_npz_whose_labels_do_not_fit_is_an_error(npz, changes, message):
    with np.load(npz) as arrays:
        np.savez(npz, **{**arrays, **changes})
    with pytest.raises(ValueError, match=f"`source` must hold .*{message}"):
        load(npz)


def test_an_npz_with_one_wrong_bit_is_an_error_with_its_name_or_exact(npz):
    """Most of the file, 12 kB, is images; its headers and its table of contents are tried bit by bit."""
    content = npz.read_bytes()
    with np.load(npz) as arrays:
        sound = dict(arrays)
    rng = np.random.default_rng(0)
    places = {*range(80), *range(len(content) - 400, len(content)), *rng.integers(0, len(content), 200).tolist()}
    errors = 0
    for place in sorted(places):
        damaged = bytearray(content)
        damaged[place] ^= 1 << int(rng.integers(8))
        npz.write_bytes(damaged)
        try:
            data = load(npz)
        except ValueError as error:
            assert str(npz) in str(error)
            errors += 1
            continue
        np.testing.assert_array_equal(data.train.images, sound["x_train"])
        np.testing.assert_array_equal(data.train.labels, sound["y_train"])
        np.testing.assert_array_equal(data.test.images, sound["x_test"])
        np.testing.assert_array_equal(data.test.labels, sound["y_test"])
        assert data.class_names == ("ant", "bee", "cat")
    assert errors > 200


def test_a_pipe_or_another_file_as_npz_is_an_error(tmp_path):
    os.mkfifo(tmp_path / "pipe.npz")
    with pytest.raises(FileNotFoundError, match=r"pipe\.npz', which is not a file"):
        load(tmp_path / "pipe.npz")
    for name, content in (("text.npz", b"text"), ("empty.npz", b"")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(
            ValueError, match=rf"must be a sound \.npz file\. Make or copy it again\. Received: .*{name}"
        ):
            load(tmp_path / name)
    with (tmp_path / "array.npz").open("wb") as file:
        np.save(file, np.zeros(3))
    with pytest.raises(ValueError, match=r"must be a sound \.npz file"):
        load(tmp_path / "array.npz")


def test_images_of_an_npz_are_resized_as_pictures_are(npz, tmp_path):
    data = load(npz, image_size=(4, 6), resize="stretch")
    with np.load(npz) as arrays:
        Image.fromarray(arrays["x_test"][3]).save(tmp_path / "3.png")
    np.testing.assert_array_equal(data.test.images[3], read_picture(tmp_path / "3.png", 4, 6, "stretch"))
    assert data.train.images.shape == (60, 4, 6, 3)


def test_gray_images_of_an_npz_stay_gray_or_become_rgb(npz):
    with np.load(npz) as arrays:
        gray = arrays["x_test"][..., :1]
        np.savez(npz, **{**arrays, "x_train": arrays["x_train"][..., :1], "x_test": gray})
    np.testing.assert_array_equal(load(npz).test.images, gray)
    np.testing.assert_array_equal(load(npz, channels=3).test.images, np.repeat(gray, 3, -1))
