"""TensorFlow's import without its messages, which no setting of TensorFlow turns off."""

import contextlib
import importlib.abc
import importlib.machinery
import os
import sys
import tempfile
from collections.abc import Callable, Iterator


def install() -> None:
    """From now on, an import of TensorFlow writes to stderr only where it fails."""
    sys.meta_path.insert(0, _QuietFinder())


class _QuietFinder(importlib.abc.MetaPathFinder):
    """Finds TensorFlow where Python does, with a loader that holds back what C++ writes to stderr, too."""

    def find_spec(self, fullname, path, target=None):
        spec = importlib.machinery.PathFinder.find_spec(fullname, path) if fullname == "tensorflow" else None
        if spec is not None and spec.loader is not None:
            spec.loader.exec_module = _quietly(spec.loader.exec_module)  # type: ignore[method-assign]
        return spec


def _quietly(function: Callable) -> Callable:
    def quiet(*arguments):
        with _held_back():
            return function(*arguments)

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
