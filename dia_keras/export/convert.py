"""Conversion and check, in this process on the TensorFlow backend, otherwise in a process of its own."""

import importlib
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import keras
import numpy as np

from . import parity
from .accuracy import top1
from .errors import ExportError, ExportMismatchError, first_sentence, last_line


def convert_and_check(
    format: str,
    model: keras.Model,
    path: Path,
    images: np.ndarray,
    expected: np.ndarray,
    tolerance: float,
    options: dict[str, Any],
    test: tuple[np.ndarray, np.ndarray] | None = None,
) -> dict[str, Any]:
    """Writes `model` to `path`, runs what was written, and returns what a report says of it.

    Args:
        format: Name of the module that has `write`, `runners` and `anatomy` for the format.
        model: The model, in float32.
        path: Where to write.
        images: Images to compare on.
        expected: The predictions that are right.
        tolerance: The largest difference allowed.
        options: Keywords of the format's `write`.
        test: Images and labels to measure the accuracy on, or `None`.

    Raises:
        ExportMismatchError: Where the difference is larger.
        ExportError: Where the model cannot be converted.
        RuntimeError: Where the TensorFlow process failed.
    """
    if keras.backend.backend() != "tensorflow":
        return _in_tensorflow_process(format, model, path, images, expected, tolerance, options, test)
    try:
        return _converted_and_checked(format, model, path, images, expected, tolerance, options, test)
    except (ExportError, OSError, MemoryError):
        raise
    except Exception as error:  # what TensorFlow, a converter or a runtime says of a model that is not for it
        raise ExportError(
            f"`model` must be one that {format} can hold and run. Received: model={model.name!r}. The conversion ended "
            f"in {type(error).__name__}: {last_line(error)}"
        ) from error


def _converted_and_checked(format, model, path, images, expected, tolerance, options, test) -> dict[str, Any]:
    module = importlib.import_module(f".{format}", __package__)
    start = time.perf_counter()
    module.write(model, path, **options)
    found = {"conversion_seconds": time.perf_counter() - start}
    runners = module.runners(path, images.dtype)
    found["max_difference"] = parity.check(runners, images, expected, tolerance)
    found |= module.anatomy(path)
    if test:
        start = time.perf_counter()
        first = next(iter(runners.values()))
        found |= {"top1": top1(first, *test), "test_seconds": time.perf_counter() - start}
    return found


def _in_tensorflow_process(format, model, path, images, expected, tolerance, options, test) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _save(model, folder / "model.keras")
        arrays: dict[str, Any] = {key: value for key, value in options.items() if isinstance(value, np.ndarray)}
        if test:
            arrays |= {"test_images": test[0], "test_labels": test[1]}
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
        raise ExportMismatchError(answer["mismatch"])
    if "value" in answer:
        raise ExportError(answer["value"])
    if "error" in answer:
        raise RuntimeError(f"`model` could not be converted on the TensorFlow backend: {answer['error']}")
    return answer["found"]


def answer_request(folder: Path) -> None:
    """Does what the files in `folder` ask for, in the TensorFlow process, and leaves `result.json` there."""
    result: dict[str, Any]
    try:
        request = json.loads((folder / "request.json").read_text())
        arrays = dict(np.load(folder / "arrays.npz"))
        model = _loaded(folder / "model.keras")
        path, options = Path(request.pop("path")), request.pop("options")
        images, expected = arrays.pop("images"), arrays.pop("expected")
        test = (arrays.pop("test_images"), arrays.pop("test_labels")) if "test_images" in arrays else None
        options |= arrays
        found = convert_and_check(
            model=model, path=path, images=images, expected=expected, options=options, test=test, **request
        )
        result = {"found": found}
    except ExportMismatchError as error:
        result = {"mismatch": str(error)}
    except ExportError as error:
        result = {"value": str(error)}
    except Exception as error:  # whatever went wrong is for the process that asked
        result = {"error": f"{type(error).__name__}: {error}"}
    (folder / "result.json").write_text(json.dumps(result))


def _save(model: keras.Model, path: Path) -> None:
    try:
        model.save(path)
    except NotImplementedError as error:
        raise _cannot_load(error) from error


def _loaded(path: Path) -> keras.Model:
    try:
        return keras.models.load_model(path, compile=False, safe_mode=False)  # what the other process wrote
    except Exception as error:
        raise _cannot_load(error) from error


def _cannot_load(error: Exception) -> ExportError:
    return ExportError(
        "`model` must load in a process of TensorFlow: its own layers must be in a module that can be imported, "
        "and have `get_config`; or export with `KERAS_BACKEND=tensorflow`. "
        f"Received from Keras: {first_sentence(error)}"
    )
