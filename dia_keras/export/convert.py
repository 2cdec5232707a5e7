"""Conversion and check, in this process on the TensorFlow backend, otherwise in a process of its own."""

import importlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import keras
import numpy as np

from . import parity


def convert_and_check(
    format: str,
    model: keras.Model,
    path: Path,
    images: np.ndarray,
    expected: np.ndarray,
    tolerance: float,
    options: dict[str, Any],
) -> float:
    """Writes `model` to `path`, runs what was written, and returns the largest difference from `expected`.

    Args:
        format: Name of the module that has `write` and `answers` for the format.
        model: The model, in float32.
        path: Where to write.
        images: Images to compare on.
        expected: The model's predictions.
        tolerance: The largest difference allowed.
        options: Keywords of the format's `write`.

    Raises:
        ExportMismatchError: Where the difference is larger.
        RuntimeError: Where the TensorFlow process failed.
    """
    if keras.backend.backend() != "tensorflow":
        return _in_tensorflow_process(format, model, path, images, expected, tolerance, options)
    module = importlib.import_module(f".{format}", __package__)
    module.write(model, path, **options)
    return parity.check(module.answers(path, images), expected, tolerance)


def _in_tensorflow_process(format, model, path, images, expected, tolerance, options) -> float:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model.save(folder / "model.keras")
        arrays: dict[str, Any] = {key: value for key, value in options.items() if isinstance(value, np.ndarray)}
        np.savez(folder / "arrays.npz", images=images, expected=expected, **arrays)
        options = {key: value for key, value in options.items() if key not in arrays}
        request = {"format": format, "path": str(path.absolute()), "tolerance": tolerance, "options": options}
        (folder / "request.json").write_text(json.dumps(request))
        environment = {
            **os.environ,
            "KERAS_BACKEND": "tensorflow",
            "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
            "CUDA_VISIBLE_DEVICES": "",  # the accelerator belongs to this process
        }
        command = [sys.executable, "-m", __package__, name]
        process = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        result = folder / "result.json"
        if not result.exists():
            raise RuntimeError(f"The TensorFlow process that converts `model` failed:\n{process.stderr[-2000:]}")
        answer = json.loads(result.read_text())
    if "mismatch" in answer:
        raise parity.ExportMismatchError(answer["mismatch"])
    if "error" in answer:
        raise RuntimeError(f"`model` could not be converted on the TensorFlow backend: {answer['error']}")
    return answer["max_difference"]


def answer_request(folder: Path) -> None:
    """Does what the files in `folder` ask for, in the TensorFlow process, and leaves `result.json` there."""
    result: dict[str, Any]
    try:
        request = json.loads((folder / "request.json").read_text())
        arrays = dict(np.load(folder / "arrays.npz"))
        model = keras.models.load_model(folder / "model.keras", compile=False)
        path, options = Path(request.pop("path")), request.pop("options")
        images, expected = arrays.pop("images"), arrays.pop("expected")
        options |= arrays
        difference = convert_and_check(
            model=model, path=path, images=images, expected=expected, options=options, **request
        )
        result = {"max_difference": difference}
    except parity.ExportMismatchError as error:
        result = {"mismatch": str(error)}
    except Exception as error:  # whatever went wrong is for the process that asked
        result = {"error": f"{type(error).__name__}: {error}"}
    (folder / "result.json").write_text(json.dumps(result))
