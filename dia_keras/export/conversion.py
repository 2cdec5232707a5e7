"""Conversion and comparison: in this process on the TensorFlow backend, otherwise in a process of its own."""

import dataclasses
import errno
import importlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import keras
import numpy as np

from ..child_process import module_path
from ..messages import first_sentence, last_line
from ..progress import terminal
from .comparison import best_classes
from .errors import ExportError, ExportMismatchError
from .registry import format_for
from .requests.request import Request


@dataclasses.dataclass(frozen=True)
class Findings:
    """What was found out about a file.

    Attributes:
        conversion_seconds: Time of the conversion alone.
        max_difference: Largest difference from the model's answers.
        anatomy: What the format says about the file, attributes of `ExportReport`.
        agreement: Fraction of `request.compared` put into the same class, `None` for models without classes.
        test_classes: The class into which the file puts each test image, if there are any.
        test_seconds: Time of the answers to the test images.
        box_difference: Largest difference of a detector's boxes in pixels.
        detections: Number of objects in the images compared.
    """

    conversion_seconds: float
    max_difference: float
    anatomy: dict[str, Any]
    agreement: float | None = None
    test_classes: list[int] | None = None
    test_seconds: float = 0.0
    box_difference: float | None = None
    detections: int | None = None


def convert_and_compare(model: keras.Model, request: Request, expected: np.ndarray) -> Findings:
    """Writes `model` to `request.path`, runs the file, and compares its answers with those of the model.

    Args:
        model: The model, in float32.
        request: The request.
        expected: The right predictions for `request.compared`.

    Raises:
        ExportMismatchError: Where the difference is larger than `request.tolerance`.
        ExportError: Where the model cannot be converted.
        OSError: Where the file cannot be written, as on a full disk.
        RuntimeError: Where the TensorFlow process failed.
    """
    if keras.backend.backend() != "tensorflow":
        return _in_tensorflow_process(model, request, expected)
    try:
        return _converted_and_compared(model, request, expected)
    except (ExportError, OSError, MemoryError):
        raise
    except Exception as error:  # of TensorFlow, a converter or a runtime, on a model that is not for it
        if os.strerror(errno.ENOSPC) in str(error):  # TensorFlow has errors of its own for this
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(request.path)) from error
        raise ExportError(
            f"`model` must be one that {request.format} can hold and run. Received: model={model.name!r}. The "
            f"conversion ended in {type(error).__name__}: {last_line(error)}"
        ) from error


def _converted_and_compared(model: keras.Model, request: Request, expected: np.ndarray) -> Findings:
    format = format_for(request)
    metadata = format.metadata(model, request)
    start = time.perf_counter()
    format.write(model, request, metadata)
    conversion_seconds = time.perf_counter() - start
    runners = format.runners(request)
    comparison = format.compared(model, request, runners, expected)
    findings = Findings(conversion_seconds, anatomy=format.anatomy(request.path), **comparison)
    if not request.test:
        return findings
    start = time.perf_counter()
    classes = best_classes(next(iter(runners.values())), request.test[0], "Testing the file").tolist()
    return dataclasses.replace(findings, test_classes=classes, test_seconds=time.perf_counter() - start)


def _in_tensorflow_process(model: keras.Model, request: Request, expected: np.ndarray) -> Findings:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        own = _own_objects(model)
        _save(model, folder / "model.keras")
        (folder / "objects.json").write_text(json.dumps(own))
        np.save(folder / "expected.npy", expected)
        request.save(folder)
        environment = {
            **os.environ,
            "KERAS_BACKEND": "tensorflow",
            "PYTHONPATH": module_path(sys.modules["dia_keras"], keras, *_packages_of(own)),
            "CUDA_VISIBLE_DEVICES": "",  # the accelerator belongs to this process
        }
        command = [sys.executable, "-P", "-m", __package__, name]
        process = subprocess.run(
            command,
            env=environment,
            stdout=terminal() or subprocess.DEVNULL,  # its progress bars
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
        result = folder / "result.json"
        if not result.exists():
            raise RuntimeError(f"The TensorFlow process that converts `model` failed:\n{process.stderr[-2000:]}")
        answer = json.loads(result.read_text())
    if "mismatch" in answer:
        raise ExportMismatchError(answer["mismatch"])
    if "value" in answer:
        raise ExportError(answer["value"])
    if "system" in answer:
        raise OSError(*answer["system"])
    if "error" in answer:
        raise RuntimeError(f"`model` could not be converted on the TensorFlow backend: {answer['error']}")
    return Findings(**answer["found"])


def answer_request(folder: Path) -> None:
    """Does what the files in `folder` ask for, in the TensorFlow process, and leaves `result.json` there."""
    result: dict[str, Any]
    request = Request.load(folder)
    try:
        model = _loaded(folder / "model.keras", json.loads((folder / "objects.json").read_text()))
        findings = convert_and_compare(model, request, np.load(folder / "expected.npy"))
        result = {"found": dataclasses.asdict(findings)}
    except ExportMismatchError as error:
        result = {"mismatch": str(error)}
    except ExportError as error:
        result = {"value": str(error)}
    except OSError as error:
        # Libraries raise errors without a number, or without a file.
        known = [error.errno, error.strerror, str(error.filename or request.path)]
        result = {"system": known if error.errno else [str(error)]}
    except Exception as error:  # whatever went wrong is for the process that asked
        result = {"error": f"{type(error).__name__}: {error}"}
    (folder / "result.json").write_text(json.dumps(result))


def _save(model: keras.Model, path: Path) -> None:
    try:
        model.save(path)
    except (NotImplementedError, TypeError, ValueError) as error:
        raise _cannot_load(f"an error of Keras: {first_sentence(error)}") from error


def _own_objects(model: keras.Model) -> dict[str, tuple[str, str]]:
    """Returns module and name of what a model is made of that is neither Keras' nor this package's.

    These are classes of layers, initializers and the like, and functions such as activations, by the names that Keras
    finds them by.

    Raises:
        ExportError: Where two have the same.
    """
    own: dict[str, tuple[str, str]] = {}
    for thing in dict.fromkeys(thing for layer in model._flatten_layers() for thing in _parts_of(layer)):
        if thing.__module__.partition(".")[0] in ("builtins", "keras", "dia_keras"):
            continue
        name, place = keras.saving.get_registered_name(thing), (thing.__module__, thing.__qualname__)
        if own.setdefault(name, place) != place:
            raise _cannot_load(f"{'.'.join(own[name])} and {'.'.join(place)}, which have the same name")
    return own


def _parts_of(layer: keras.layers.Layer) -> Iterator[type | FunctionType]:
    """Yields the class of a layer, and the classes and functions that it was given."""
    yield type(layer)
    for name, value in vars(layer).items():
        if isinstance(value, FunctionType):
            is_method = hasattr(type(layer), name)  # Keras wraps some methods
            if not is_method and value.__name__ != "<lambda>":  # these, layers of Keras save otherwise, or not at all
                yield value
        elif hasattr(value, "get_config"):
            yield type(value)


def _packages_of(own: dict[str, tuple[str, str]]) -> list[ModuleType]:
    """Returns the packages that classes and functions are in, without the module that runs as a script."""
    names = dict.fromkeys(module.partition(".")[0] for module, _ in own.values())
    packages = [sys.modules[name] for name in names if name != "__main__"]
    return [package for package in packages if getattr(package, "__file__", None)]


def _loaded(path: Path, own: Mapping[str, tuple[str, str]]) -> keras.Model:
    custom = {}
    for registered, (module, name) in own.items():
        try:
            custom[registered] = getattr(importlib.import_module(module), name)
        except (ImportError, AttributeError) as error:
            raise _cannot_load(f"{module}.{name}, which cannot be imported ({first_sentence(error)})") from error
    try:
        return keras.models.load_model(path, custom, compile=False, safe_mode=False)  # what the other process wrote
    except Exception as error:
        raise _cannot_load(f"an error of Keras: {first_sentence(error)}") from error


def _cannot_load(received: str) -> ExportError:
    return ExportError(
        "`model` must load in a process of TensorFlow: its own layers and functions must have names of their own, and "
        "be in a module that can be imported, other than the script that runs; layers must have `get_config`. Or "
        "export with `KERAS_BACKEND=tensorflow`. "
        f"Received: {received}"
    )
