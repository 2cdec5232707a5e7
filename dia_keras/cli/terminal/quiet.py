"""TensorFlow and LiteRT without the messages that none of their settings turns off."""

import contextlib
import functools
import importlib.abc
import importlib.machinery
import os
import sys
import tempfile
from collections.abc import Callable, Iterator

#: Functions that write to stderr from C++, by the modules that have them.
NOISY = {
    # LiteRT speaks where its delegate gets the model: before the first answer.
    "ai_edge_litert.interpreter": ("Interpreter.allocate_tensors", "SignatureRunner.__call__"),
    "tensorflow.lite.python.convert": ("mlir_quantize",),
    "tensorflow.lite.python.optimize.calibrator": ("Calibrator.calibrate_and_quantize",),
}


def install() -> None:
    """From now on, an import of TensorFlow and these functions write to stderr only where they fail."""
    sys.meta_path.insert(0, _QuietFinder())


class _QuietFinder(importlib.abc.MetaPathFinder):
    """Finds modules where Python does, with a loader that holds back what C++ writes to stderr, too."""

    def find_spec(self, fullname, path, target=None):
        if fullname != "tensorflow" and fullname not in NOISY:
            return None
        spec = importlib.machinery.PathFinder.find_spec(fullname, path)
        if spec is not None and spec.loader is not None:
            load = spec.loader.exec_module
            quiet = _loader(load, NOISY[fullname]) if fullname in NOISY else _quietly(load)
            spec.loader.exec_module = quiet  # type: ignore[method-assign]
        return spec


def _loader(load: Callable, names: tuple[str, ...]) -> Callable:
    """Returns what loads a module and makes functions in it, or methods of its classes, quiet."""

    def load_module(module):
        load(module)
        for name in names:
            *owners, function = name.split(".")
            owner = functools.reduce(getattr, owners, module)
            setattr(owner, function, _quietly(getattr(owner, function)))

    return load_module


def _quietly(function: Callable) -> Callable:
    @functools.wraps(function)
    def quiet(*arguments, **keywords):
        with _held_back():
            return function(*arguments, **keywords)

    return quiet


@contextlib.contextmanager
def _held_back() -> Iterator[None]:
    """Keeps what is written to stderr, and writes it at the end where there is an error."""
    try:
        stderr = os.dup(2)
    except OSError:  # closed by who started this process
        yield
        return
    with tempfile.TemporaryFile() as written:
        os.dup2(written.fileno(), 2)
        try:
            yield
        except BaseException:
            written.seek(0)
            os.write(stderr, written.read())
            raise
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)
