"""The data of the tables: a name has its own classes, and what is missing is told with the way to it."""

import numpy as np
import pytest
from PIL import Image

from dia_keras.reproduction import mini_imagenet, read_table, reproduce
from dia_keras.reproduction.data_sets import IMAGE_SETS, Sources, load, missing

CIFAR10 = IMAGE_SETS["cifar10"].labels


def write_folder(path, *classes, number=1):
    for name in classes:
        (path / name).mkdir(parents=True)
        for index in range(number):
            color = (index, 0, 0)
            Image.new("RGB", (4, 4), color).save(path / name / f"{index:03}.png")
    return path


def test_missing_data_say_what_to_do(tmp_path):
    nowhere = Sources({}, str(tmp_path))
    assert "`tfds build cifar100` fetches it" in missing("cifar100", nowhere)
    assert "`tfds build stl10` fetches it" in missing("stl10", nowhere)
    found = missing("coco", nowhere)
    assert (
        "`tfds build coco/2017` fetches it" in found and "coco=PATH a folder with COCO's files, annotations/" in found
    )
    assert "train and test have the folders NORMAL and PNEUMONIA. Kermany" in missing("chest_xray", nowhere)
    found = missing("mini_imagenet", nowhere)
    assert "600 images for each of the 100 classes" in found and "https://www.image-net.org" in found
    assert "is not at /none" in missing("stl10", Sources({"stl10": "/none"}))
    (tmp_path / "cifar100").mkdir()
    assert missing("cifar100", nowhere) is None and len(IMAGE_SETS) == 5
    with pytest.raises(FileNotFoundError, match="tfds build cifar10"):
        reproduce(read_table("table4"), tmp_path / "run", sources=nowhere)


@pytest.mark.parametrize("name", ["cifar10", "cifar100", "stl10", "mini_imagenet", "chest_xray"])
def test_data_of_other_classes_are_refused_but_in_smoke_runs(name, write_data):
    sources = Sources({name: str(write_data(["a", "b"]))})
    title = IMAGE_SETS[name].title
    with pytest.raises(ValueError, match=rf"`source` must hold {title}, with .*\.npz, with 2 classes, a, b$"):
        load(name, sources, 8)
    assert load(name, sources, 8, any_data=True).class_names == ("a", "b")


def test_other_data_of_100_classes_are_not_mini_imagenet(cifar, write_data):
    with pytest.raises(ValueError, match="`source` must hold mini-ImageNet, with 100 classes"):
        load("mini_imagenet", Sources({"": cifar.paths["cifar100"]}), 8)
    path = write_data([f"n{number:08}" for number in range(100)])
    with pytest.raises(
        ValueError, match=r"each of 500 training and 100 test images\. .* 100 classes of 0 \+ 0 or 1 \+ 1"
    ):
        load("mini_imagenet", Sources({"": str(path)}), 8)


def test_one_path_does_not_serve_two_data_sets(cifar, tmp_path):
    with pytest.raises(ValueError, match=r"since Table 15 has cifar10 and cifar100\. Received: "):
        reproduce(read_table("table15"), tmp_path, sources=Sources({"": cifar.paths["cifar10"]}))


def test_a_run_on_the_data_of_another_name_is_refused_before_it_trains(cifar, tmp_path):
    with pytest.raises(ValueError, match="`source` must hold CIFAR-100, with 100 classes, apple, aquarium_fish, baby,"):
        reproduce(read_table("table13"), tmp_path, sources=Sources({"cifar100": cifar.paths["cifar10"]}))
    assert not list((tmp_path / "results").iterdir())


def test_classes_may_be_spelled_otherwise_and_lie_in_any_order(tmp_path, write_data):
    for split in ("train", "test"):
        write_folder(tmp_path / split, "Normal", "Pneumonia")
    assert load("chest_xray", Sources({"": str(tmp_path)}), 8).class_names == ("NORMAL", "PNEUMONIA")
    backward = write_data([label.title() for label in reversed(CIFAR10)])
    assert load("cifar10", Sources({"": str(backward)}), 8).class_names == CIFAR10[::-1]


def test_ten_other_classes_stand_in_for_stl10(write_data):
    names = tuple(f"class {i}" for i in range(10))
    assert load("stl10", Sources({"": str(write_data(names))}), 8).class_names == names


@pytest.fixture
def small(monkeypatch):
    """mini-ImageNet of 4 classes of 5 training images and a test image."""
    for name, value in (("CLASSES", 4), ("TRAIN", 5), ("TEST", 1)):
        monkeypatch.setattr(mini_imagenet, name, value)


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("parts", [[("", "abcd")], [("train", "db"), ("val", "c"), ("test", "a")]], ids=["one", "few"])
def test_mini_imagenet_is_split_within_each_class(parts, tmp_path):
    for part, names in parts:
        write_folder(tmp_path / part, *names, number=6)
    found = load("mini_imagenet", Sources({"": str(tmp_path)}), 4, held_out=4)
    assert found.class_names == ("a", "b", "c", "d") and found.test.labels.tolist() == [0, 1, 2, 3]
    assert len(found.train.labels) == 16 and sorted(found.held_out.labels) == [0, 1, 2, 3]
    assert np.unique(found.test.images[..., 0]) == [5] and found.train.images[..., 0].max() == 4


@pytest.mark.usefixtures("small")
def test_mini_imagenet_that_is_split_keeps_its_split(tmp_path):
    write_folder(tmp_path / "train", *"abcd", number=5)
    write_folder(tmp_path / "test", *"abcd", number=1)
    found = load("mini_imagenet", Sources({"": str(tmp_path)}), 4)
    assert np.bincount(found.train.labels).tolist() == [5] * 4 and not found.test.images[..., 0].any()


@pytest.mark.usefixtures("small")
def test_mini_imagenet_of_another_size_is_refused_but_in_smoke_runs(tmp_path):
    write_folder(tmp_path, *"abcd", number=4)
    sources = Sources({"": str(tmp_path)})
    with pytest.raises(
        ValueError, match=r"4 classes, each of 5 training and 1 test images.* 4 classes of 3 \+ 1 images"
    ):
        load("mini_imagenet", sources, 4)
    assert len(load("mini_imagenet", sources, 4, any_data=True).train.labels) == 12
    write_folder(tmp_path / "train", "a")
    write_folder(tmp_path / "val", "a")
    with pytest.raises(ValueError, match="'a' in two"):
        load("mini_imagenet", sources, 4)


def test_a_folder_that_is_named_is_meant_and_one_that_has_the_name_of_a_set_is_not(tmp_path, monkeypatch):
    for split in ("train", "test"):
        write_folder(tmp_path / "stl10" / split, *CIFAR10)
    monkeypatch.chdir(tmp_path)
    own = tmp_path / "tfds"
    (own / "stl10").mkdir(parents=True)
    for data_dir in (None, str(own)):
        found = load("stl10", Sources({"stl10": "stl10"}, data_dir), 4, any_data=True)
        assert len(found.train.labels) == 10
    asked = []

    def load_tfds(name, data_dir, *arguments):
        asked.append((name, str(data_dir)))
        raise ValueError("enough")

    monkeypatch.setattr("dia_keras.data.tfds_source.load_tfds", load_tfds)
    monkeypatch.setenv("TFDS_DATA_DIR", str(own))
    monkeypatch.delenv("DIA_KERAS_DATA", raising=False)
    with pytest.raises(ValueError, match="enough"):
        load("stl10", Sources({}), 4)
    assert asked == [("stl10", str(own))]
