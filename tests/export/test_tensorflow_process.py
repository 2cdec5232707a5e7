"""Models of JAX and PyTorch are exported by a process of TensorFlow."""

import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from files import ask

from dia_keras import export

pytestmark = pytest.mark.tensorflow


def test_jax_model_is_exported_by_a_tensorflow_process(tmp_path):
    code = """
import keras, numpy as np
from dia_keras import export
from dia_keras.samples import load_samples
from dia_keras.units import DIALSTMCell, RecurrentAttention
assert keras.backend.backend() == "jax"
unit = RecurrentAttention(DIALSTMCell(16))
inputs = keras.Input((32, 32, 3))
x, states = unit(keras.layers.Conv2D(16, 3, use_bias=False)(inputs))
x, states = unit(keras.layers.Conv2D(16, 3, groups=4)(x), states)
outputs = keras.layers.Dense(10, "softmax", name="classifier")(keras.layers.GlobalAveragePooling2D()(x))
model = keras.Model(inputs, outputs)
images = load_samples()[0][:3] / 255
np.savez("answers.npz", images=images, expected=model.predict(images, verbose=0))
report = export.to_tflite(model, "model.tflite", images, batch_size=3)
assert report.max_difference < 1e-5, report
model.get_layer("classifier").bias.assign(np.full(10, np.nan))
try:
    export.to_onnx(model, "nan.onnx", images)
except export.ExportMismatchError as error:
    assert "nan" in str(error), error
else:
    raise AssertionError("NaN passed")
"""
    root = Path(export.__file__).parents[2]
    environment = {**os.environ, "KERAS_BACKEND": "jax", "PYTHONPATH": str(root)}
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, check=True)
    with np.load(tmp_path / "answers.npz") as file:
        arrays = dict(file)
    answers = ask(tmp_path / "model.tflite", arrays["images"])
    np.testing.assert_allclose(answers, arrays["expected"], atol=1e-5)
    assert {path.name for path in tmp_path.iterdir()} == {"answers.npz", "model.tflite"}


#: Leaves a mark when it runs in the TensorFlow process. In the other process, Keras itself looks for TensorFlow.
TRAP = """
import os, pathlib
if os.environ["KERAS_BACKEND"] == "tensorflow":
    pathlib.Path(__file__).with_suffix(".ran").touch()
raise ImportError("code of the current folder ran")
"""


FROM_JAX = """
import keras
from dia_keras import export
assert keras.backend.backend() == "jax"
model = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.GlobalAveragePooling2D()])
assert export.to_onnx(model, "model.onnx", input_dtype="uint8").max_difference < 1e-4
"""


@pytest.mark.parametrize("start", ["safe path", "script"])
def test_code_in_the_current_folder_does_not_run(start, tmp_path):
    """Not even where this process looks there first, as it does for the folder of a script."""
    traps = {"tensorflow"} | ({"keras", "numpy", "dia_keras", "json"} if start == "safe path" else set())
    for name in traps:
        (tmp_path / f"{name}.py").write_text(TRAP)
    (tmp_path / "mine.py").write_text(FROM_JAX)
    arguments = ["mine.py"] if start == "script" else ["-P", "-c", FROM_JAX]
    environment = {**os.environ, "KERAS_BACKEND": "jax", "PYTHONPATH": str(Path(export.__file__).parents[2])}
    subprocess.run([sys.executable, *arguments], cwd=tmp_path, env=environment, check=True)
    assert (tmp_path / "model.onnx").is_file() and not list(tmp_path.glob("*.ran"))


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (OSError("libx.so: cannot open"), "libx.so: cannot open"),
        (OSError(28, "No space left on device"), r"\[Errno 28\] No space left on device: '.*model.onnx'"),
        (PermissionError(13, "Permission denied", "/data"), r"\[Errno 13\] Permission denied: '/data'"),
    ],
)
def test_system_errors_of_the_tensorflow_process_keep_their_message(error, expected, tmp_path, monkeypatch):
    from dia_keras.export import conversion
    from dia_keras.export.requests.request import Request

    def fail(*arguments):
        raise error

    def in_this_process(command, **options):
        conversion.answer_request(Path(command[-1]))
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(conversion, "_converted_and_compared", fail)
    monkeypatch.setattr(conversion.subprocess, "run", in_this_process)
    model = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.GlobalAveragePooling2D()])
    request = Request("onnx", tmp_path / "model.onnx", np.zeros((1, 8, 8, 3), "float32"))
    with pytest.raises(type(error), match=f"^{expected}$"):
        conversion._in_tensorflow_process(model, request, np.zeros((1, 3)))


def test_model_that_the_tensorflow_process_cannot_load_is_one_clear_error(tmp_path):
    from dia_keras.export.conversion import _own_objects, answer_request
    from dia_keras.export.requests.request import Request

    class Own(keras.layers.Layer):
        def call(self, inputs):
            return inputs

    inputs = keras.Input((8, 8, 3))
    model = keras.Model(inputs, Own()(inputs))
    model.save(tmp_path / "model.keras")
    np.save(tmp_path / "expected.npy", np.zeros((1, 8, 8, 3)))
    Request("onnx", tmp_path / "model.onnx", np.zeros((1, 8, 8, 3), "float32")).save(tmp_path)
    (tmp_path / "objects.json").write_text(json.dumps(_own_objects(model)))
    answer_request(tmp_path)
    answer = json.loads((tmp_path / "result.json").read_text())
    assert answer["value"].startswith(
        "`model` must load in a process of TensorFlow: its own layers and functions must have names of their own"
    )
    assert "<locals>.Own, which cannot be imported" in answer["value"]


LAYERS = """
import keras

class Doubled(keras.layers.Layer):
    def build(self, shape):
        pass

    def call(self, inputs):
        return 2.0 * inputs

def tripled(x):
    return 3.0 * x

@keras.saving.register_keras_serializable("mine")
def squared(x):
    return x * x

class Positive(keras.constraints.Constraint):
    def __call__(self, w):
        return keras.ops.abs(w)
"""


WITH_LAYERS = """
import keras
from my_layers import Doubled, Positive, squared, tripled
from dia_keras import export
inputs = keras.Input((8, 8, 3))
x = Doubled()(keras.layers.Rescaling(1 / 255)(inputs))
x = keras.layers.Conv2D(4, 3, activation=tripled, kernel_constraint=Positive())(x)
x = keras.layers.Dense(4, activation=squared)(keras.layers.GlobalAveragePooling2D()(x))
model = keras.Model(inputs, keras.layers.Lambda(tripled, output_shape=(4,))(x))
assert export.to_onnx(model, "model.onnx", input_dtype="uint8").max_difference < 1e-4
"""


def test_layers_and_functions_of_a_module_beside_the_script_are_found(tmp_path):
    (tmp_path / "my_layers.py").write_text(LAYERS)
    (tmp_path / "mine.py").write_text(WITH_LAYERS)
    environment = {**os.environ, "KERAS_BACKEND": "jax", "PYTHONPATH": str(Path(export.__file__).parents[2])}
    subprocess.run([sys.executable, "mine.py"], cwd=tmp_path, env=environment, check=True)
    assert (tmp_path / "model.onnx").is_file()


def test_classes_of_one_name_are_an_error_since_the_process_could_take_one_for_the_other():
    from dia_keras.export.conversion import ExportError, _own_objects

    def scaling(factor, module):
        def call(self, inputs):
            return factor * inputs

        return type("Scale", (keras.layers.Layer,), {"call": call, "__module__": module, "__qualname__": "Scale"})

    first, second = scaling(2.0, "mine"), scaling(3.0, "yours")
    inputs = keras.Input((8, 8, 3))
    assert _own_objects(keras.Model(inputs, first()(first()(inputs)))) == {"Scale": ("mine", "Scale")}
    with pytest.raises(ExportError, match=r"Received: mine\.Scale and yours\.Scale, which have the same name"):
        _own_objects(keras.Model(inputs, second()(first()(inputs))))


def test_configurations_that_keras_cannot_write_are_one_clear_error(tmp_path):
    from dia_keras.export.conversion import ExportError, _save

    class Holding(keras.layers.Layer):
        def get_config(self):
            return {**super().get_config(), "thing": object()}

        def call(self, inputs):
            return inputs

    inputs = keras.Input((8, 8, 3))
    with pytest.raises(ExportError, match=r"`model` must load in a process of TensorFlow: .* Cannot serialize"):
        _save(keras.Model(inputs, Holding()(inputs)), tmp_path / "model.keras")
