"""TFLite files have TFLite Model Metadata, which MediaPipe Tasks and others read."""

import zipfile

import flatbuffers
import keras
import numpy as np
import pytest
from files import ask

from dia_keras import export
from dia_keras.backbones.pixel_rescaling import PixelRescaling

pytestmark = pytest.mark.tensorflow

LABELS = ["röd", "green", "blue"]
IMAGES = np.random.default_rng(0).integers(0, 256, (12, 16, 16, 3), "uint8")


def network(channels=3, rescaling=None):
    """Returns a classifier by the brightest channel."""
    inputs = keras.Input((16, 16, channels))
    x = keras.layers.GlobalAveragePooling2D()((rescaling or PixelRescaling(1 / 127.5, -1.0))(inputs))
    model = keras.Model(inputs, keras.layers.Dense(3, "softmax")(x), name="colors")
    model.layers[-1].set_weights([9 * np.eye(channels, 3), np.zeros(3)])
    return model


class Table:
    """A table of a flatbuffer, read by the numbers of its fields: those of the schema."""

    def __init__(self, buffer, position):
        self.table = flatbuffers.table.Table(buffer, position)

    @classmethod
    def root(cls, buffer):
        start = flatbuffers.encode.Get(flatbuffers.packer.uoffset, buffer, 0)
        return cls(buffer, start)

    def _position(self, number):
        offset = self.table.Offset(4 + 2 * number)
        return offset and offset + self.table.Pos

    def text(self, number):
        position = self._position(number)
        return self.table.String(position).decode() if position else None

    def kind(self, number):
        position = self._position(number)
        return self.table.Get(flatbuffers.number_types.Int8Flags, position) if position else 0

    def one(self, number):
        position = self._position(number)
        return Table(self.table.Bytes, self.table.Indirect(position)) if position else None

    def _vector(self, number):
        offset = self.table.Offset(4 + 2 * number)
        length = self.table.VectorLen(offset) if offset else 0
        return [self.table.Vector(offset) + 4 * index for index in range(length)]

    def many(self, number):
        return [Table(self.table.Bytes, self.table.Indirect(position)) for position in self._vector(number)]

    def floats(self, number):
        return [self.table.Get(flatbuffers.number_types.Float32Flags, position) for position in self._vector(number)]


def metadata_of(path):
    """Returns the root of the metadata in a file, and the entries for its images and its predictions."""
    content = path.read_bytes()
    (buffer,) = [each for name, each in _buffers(content).items() if name == "TFLITE_METADATA"]
    assert buffer[4:8] == b"M001"
    root = Table.root(buffer)
    (subgraph,) = root.many(3)
    (images,), (predictions,) = subgraph.many(2), subgraph.many(3)
    return root, images, predictions


def _buffers(content):
    from tensorflow.lite.tools import flatbuffer_utils

    model = flatbuffer_utils.read_model_from_bytearray(bytearray(content))
    return {each.name.decode(): bytes(model.buffers[each.buffer].data) for each in model.metadata}


FORMS = {
    "uint8": {},
    "float32": {"input_dtype": "float32"},
    "int8": {"quantize": "int8", "representative": IMAGES},
    "integers alone": {"quantize": "int8", "representative": IMAGES, "input_dtype": "int8"},
}


@pytest.mark.parametrize("form", FORMS)
def test_metadata_say_how_a_file_is_fed_and_what_its_classes_are_called(form, tmp_path):
    path = export.to_tflite(network(), tmp_path / "model.tflite", IMAGES, labels=LABELS, **FORMS[form]).path
    root, images, predictions = metadata_of(path)
    assert (root.text(0), root.text(7)) == ("colors", "1.0.0")
    assert (images.text(0), predictions.text(0)) == ("images", "predictions")
    assert images.one(3).kind(0) == 2 and images.one(3).one(1).kind(0) == 1, "image properties: RGB"
    units = images.many(4)
    if form == "float32":
        (unit,) = units
        assert unit.kind(0) == 1 and unit.one(1).floats(0) == [0.0] and unit.one(1).floats(1) == [1.0]
    else:
        assert not units
    (file,) = predictions.many(6)
    assert (file.text(0), file.kind(2)) == ("labels.txt", 2), "names along an axis"
    with zipfile.ZipFile(path) as archive:
        assert archive.getinfo("labels.txt").compress_type == zipfile.ZIP_STORED
        assert archive.read("labels.txt").decode().splitlines() == LABELS


def test_metadata_of_others_stay(tmp_path):
    path = export.to_tflite(network(), tmp_path / "model.tflite").path
    assert set(_buffers(path.read_bytes())) >= {"TFLITE_METADATA", "min_runtime_version", "CONVERSION_METADATA"}
    assert not metadata_of(path)[2].many(6), "no labels"


def test_what_is_not_known_of_the_images_is_not_said(tmp_path):
    gray = network(1)
    path = export.to_tflite(gray, tmp_path / "gray.tflite", IMAGES[..., :1], input_dtype="float32").path
    _, images, _ = metadata_of(path)
    assert images.one(3).one(1).kind(0) == 2, "gray" and len(images.many(4)) == 1
    floats = network(rescaling=keras.layers.Rescaling(2.0, -1.0))  # from 0..1
    path = export.to_tflite(floats, tmp_path / "floats.tflite", (IMAGES / 255).astype("float32")).path
    assert not metadata_of(path)[1].many(4)


@pytest.mark.parametrize("form", ["uint8", "float32", "int8"])
def test_mediapipe_classifies_with_names(form, tmp_path):
    """Extra: `pip install mediapipe`."""
    mediapipe = pytest.importorskip("mediapipe")
    from mediapipe.tasks.python import BaseOptions
    from mediapipe.tasks.python.vision import ImageClassifier, ImageClassifierOptions

    path = export.to_tflite(network(), tmp_path / "model.tflite", IMAGES, labels=LABELS, **FORMS[form]).path
    options = ImageClassifierOptions(base_options=BaseOptions(model_asset_path=str(path)))
    with ImageClassifier.create_from_options(options) as classifier:
        for image, scores in zip(IMAGES, ask(path, IMAGES), strict=True):
            picture = mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=image)
            found = classifier.classify(picture).classifications[0].categories
            answers = {each.category_name: each.score for each in found}
            assert answers == pytest.approx(dict(zip(LABELS, scores, strict=True)), abs=1e-5)
