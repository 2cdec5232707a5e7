"""Images with boxes from TFDS, of a data set that is made here."""

import io

import numpy as np
import pytest
from PIL import Image
from small_sets import RED, paint

from dia_keras.detection.data import load

tfds = pytest.importorskip("tensorflow_datasets")
pytestmark = pytest.mark.tensorflow


class Boxed(tfds.core.GeneratorBasedBuilder, skip_registration=True):
    """Images of 40 x 30 pixels with boxes, as TFDS has COCO's: fractions, indices of labels, crowd flags."""

    VERSION = tfds.core.Version("1.0.0")
    features, count = {}, 7

    def _info(self):
        return tfds.core.DatasetInfo(builder=self, features=tfds.features.FeaturesDict(self.features))

    def _split_generators(self, manager):
        return {"train": self._generate_examples()}

    def _generate_examples(self):
        for number in range(self.count):
            file = io.BytesIO()
            Image.fromarray(paint({RED: (4 + number, 6, 14 + number, 14)})).save(file, format="PNG")
            file.seek(0)
            box = tfds.features.BBox(ymin=6 / 30, xmin=(4 + number) / 40, ymax=14 / 30, xmax=(14 + number) / 40)
            marks = {"is_crowd": number == 1, "is_difficult": number == 1}
            known = self.features["objects"].feature if "objects" in self.features else {}
            row = {"bbox": box, "label": number % 2, "area": 80, **marks}
            rows = [{key: value for key, value in row.items() if key in known}] * (number != 3)
            example = {"image": file, "image/id": 100 + number, "image/filename": f"{number}.png", "objects": rows}
            yield number, {key: value for key, value in example.items() if key in self.features}


OBJECTS = {
    "bbox": tfds.features.BBoxFeature(),
    "label": tfds.features.ClassLabel(names=["ant", "bee"]),
    "is_crowd": np.bool_,
    "area": np.int64,
}
FEATURES = {
    "image": tfds.features.Image(encoding_format="png"),
    "image/id": np.int64,
    "image/filename": tfds.features.Text(),
    "objects": tfds.features.Sequence(OBJECTS),
}


@pytest.fixture
def made(tmp_path, monkeypatch):
    """Function that prepares a data set of features and returns its arguments for `load`."""

    def make(features):
        monkeypatch.setattr(Boxed, "features", features)
        monkeypatch.setattr(Boxed, "name", "boxed", raising=False)
        Boxed(data_dir=tmp_path).download_and_prepare()
        return {"source": "boxed", "data_dir": tmp_path}

    return make


def test_every_image_has_its_own_boxes_in_pixels(made):
    arguments = made(FEATURES)
    found = load(**arguments, split="train")
    assert found.labels == ("ant", "bee") and len(found) == 7
    for example, record in zip(found, found.records, strict=True):
        number = record.image_id - 100
        assert example.name == f"{number}.png"
        np.testing.assert_array_equal(example.image, paint({RED: (4 + number, 6, 14 + number, 14)}))
        expected = [[4 + number, 6, 14 + number, 14]] * (number != 3)
        np.testing.assert_allclose(example.boxes, np.reshape(expected, (-1, 4)), atol=1e-4)
        assert example.classes.tolist() == [number % 2] * (number != 3)
        assert example.crowd.tolist() == [number == 1] * (number != 3) and record.areas.tolist() == [80] * len(expected)
    part = load(**arguments, split="train[2:5]", labels=["bee", "ant"])
    assert [each.image_id for each in part.records] == [each.image_id for each in found.records[2:5]]
    assert part.category_ids == (2, 1) and part[0].classes.tolist() == [1 - each for each in found[2].classes]
    with pytest.raises(ValueError, match=r"`split` must be a split of 'boxed': 'train'\. Received: split='test'"):
        load(**arguments, split="test")
    with pytest.raises(ValueError, match=r"`labels` must be names of classes of 'boxed'\. Received: .*'cat'"):
        load(**arguments, split="train", labels=["cat"])
    with pytest.raises(ValueError, match=r"boxed: box 1 of image '.\.png' must be of one of `labels`.*Received: bee"):
        load(**arguments, split="train", labels=["ant"])


def test_data_that_have_no_boxes_or_are_not_there_are_errors(made, tmp_path):
    arguments = made({key: value for key, value in FEATURES.items() if key != "objects"})
    with pytest.raises(ValueError, match=r"must be a data set with 'image' and 'objects' with 'bbox' and 'label'"):
        load(**arguments, split="train")
    with pytest.raises(ValueError, match=r"`source` must be a folder or a TFDS data set\. Received: source='nothing'"):
        load("nothing", split="train", data_dir=tmp_path)
    with pytest.raises(FileNotFoundError, match=r"Prepare it with `tfds build coco/2017"):
        load("coco/2017", split="train", data_dir=tmp_path)


def test_boxes_of_pascal_voc_are_counted_from_one_with_their_last_pixel(made):
    """TFDS divides the numbers of VOC's files by the size of the image, and leaves them as they are otherwise."""
    difficult = {"is_difficult": np.bool_, **{key: OBJECTS[key] for key in ("bbox", "label")}}
    found = load(**made({**FEATURES, "objects": tfds.features.Sequence(difficult)}), split="train")
    for example, record in zip(found, found.records, strict=True):
        number = record.image_id - 100
        if number != 3:
            np.testing.assert_allclose(example.boxes, [[4 + number - 1, 5, 14 + number, 14]], atol=1e-4)
            assert example.crowd.tolist() == [number == 1]


@pytest.mark.parametrize("place", [*range(0, 24, 4), 40, 60, 100, -4])
def test_damaged_records_are_one_error(made, place):
    arguments = made(FEATURES)
    (path,) = arguments["data_dir"].glob("boxed/*/*.tfrecord*")
    content = np.frombuffer(path.read_bytes(), np.uint8).copy()
    content[place:][:4] ^= 255
    path.write_bytes(content.tobytes())
    with pytest.raises(ValueError, match=r"must have whole records\. Prepare the data set again\. .*corrupted"):
        load(**arguments, split="train")


@pytest.mark.parametrize("end", [0, 5, -2])
def test_cut_and_missing_files_are_one_error(made, end):
    arguments = made(FEATURES)
    (path,) = arguments["data_dir"].glob("boxed/*/*.tfrecord*")
    path.write_bytes(path.read_bytes()[:end])
    with pytest.raises(ValueError, match=r"must have (whole|\d+) records\. Prepare the data set again\. Received: "):
        load(**arguments, split="train")
    path.unlink()
    with pytest.raises((ValueError, FileNotFoundError), match=r"boxed"):
        load(**arguments, split="train")
