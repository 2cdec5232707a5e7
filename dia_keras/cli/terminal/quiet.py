"""TensorFlow and LiteRT without the messages that none of their settings turns off."""

import contextlib
import functools
import importlib.abc
import importlib.machinery
import os
import sys
import tempfile
from collections.abc import Callable, Iterator

LITERT = "ai_edge_litert.interpreter"


def install() -> None:
    """From now on, an import of TensorFlow and the first answer of LiteRT write to stderr only where they fail."""
    sys.meta_path.insert(0, _QuietFinder())


class _QuietFinder(importlib.abc.MetaPathFinder):
    """Finds the two where Python does, with a loader that holds back what C++ writes to stderr, too."""

    def find_spec(self, fullname, path, target=None):
        if fullname not in ("tensorflow", LITERT):
            return None
        spec = importlib.machinery.PathFinder.find_spec(fullname, path)
        if spec is not None and spec.loader is not None:
            load = spec.loader.exec_module
            spec.loader.exec_module = _litert_loader(load) if fullname == LITERT else _quietly(load)  # type: ignore
        return spec


def _litert_loader(load: Callable) -> Callable:
    def load_module(module):
        load(module)
        # It speaks where its delegate gets the model: before the first answer.
        module.Interpreter.allocate_tensors = _quietly(module.Interpreter.allocate_tensors)
        module.SignatureRunner.__call__ = _quietly(module.SignatureRunner.__call__)

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
