"""Keras' own exporters write files with one input, which answer as the networks do."""

import keras
import numpy as np
import pytest

from dia_keras import zoo
from dia_keras.backbones import resnet, resnext
from dia_keras.zoo.loading import preprocessing

pytestmark = pytest.mark.tensorflow

IMAGES = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 3), "uint8").astype("float32")
OPTIONS = {"input_shape": (8, 8, 3), "preprocessing": preprocessing(zoo.card("dia_resnet20_cifar10").dataset)}


def called(model):
    """Returns a model, and what it answers: Keras exports what has been called."""
    random = np.random.default_rng(0)
    for weight in model.weights:
        weight.assign(weight + random.uniform(0, 0.05, weight.shape))
    return model, keras.ops.convert_to_numpy(model(IMAGES, training=False))


def assert_near(found, expected):
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.filterwarnings("ignore:.*np.object:FutureWarning")
@pytest.mark.parametrize(
    "make",
    [lambda: resnet(8, "basic", attention="dia_lstm", **OPTIONS), lambda: resnext(11, 2, 4, **OPTIONS)],
    ids=["DIA-LSTM", "grouped convolutions"],
)
def test_onnx(make, tmp_path):
    import onnxruntime

    model, expected = called(make())
    model.export(tmp_path / "model.onnx", format="onnx", verbose=False)
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    (images,) = session.get_inputs()
    assert_near(session.run(None, {images.name: IMAGES})[0], expected)


def test_saved_model(tmp_path):
    import tensorflow as tf

    model, expected = called(resnet(8, "basic", attention="dia_lstm_light", **OPTIONS))
    model.export(tmp_path / "model", format="tf_saved_model", verbose=False)
    loaded = tf.saved_model.load(tmp_path / "model")
    assert_near(loaded.serve(IMAGES).numpy(), expected)
    _, arguments = loaded.signatures["serving_default"].structured_input_signature
    assert len(arguments) == 1
