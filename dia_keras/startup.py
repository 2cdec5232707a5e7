"""Choices before Keras is imported: whether this process is the command line, and whether Keras has a backend.

Keras takes seconds to import; help, lists, cards and the shell's completion do without.
"""

import importlib.util
import itertools
import json
import os
import pathlib
import sys

# While Python imports the package that `-m` names, "-m" stands in the place of the program.
_IS_PACKAGE = sys.argv[:1] == ["-m"] and ("-m", "dia_keras") in itertools.pairwise(sys.orig_argv)
IS_COMMAND_LINE = pathlib.Path(*sys.argv[:1]).stem == "dia-keras" or _IS_PACKAGE
#: Keras' names of the backends that this package runs on, which are the names of their modules, too.
BACKENDS = ("tensorflow", "jax", "torch")

if IS_COMMAND_LINE:
    # TensorFlow tells every process what the processor can do. Set the variable to see that.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


def backend_problem() -> str | None:
    """Returns one sentence on why Keras cannot be imported for want of a backend, `None` where it can or has been."""
    name = _backend()
    if "keras" in sys.modules or name not in BACKENDS or importlib.util.find_spec(name):
        return None
    installed = [backend for backend in BACKENDS if importlib.util.find_spec(backend)]
    if not installed:
        return (
            'Keras needs a backend, and none is installed: run `pip install "dia_keras[tensorflow]"`, or install [jax] '
            "or [torch] and set the environment variable KERAS_BACKEND=jax or KERAS_BACKEND=torch."
        )
    return (
        f"Keras is to run on {name}, which is not installed, but {' and '.join(installed)} "
        f"{'is' if len(installed) == 1 else 'are'}: set the environment variable KERAS_BACKEND={installed[0]}."
    )


def check_backend() -> None:
    """Raises an `ImportError` with that sentence where Keras has no backend."""
    if problem := backend_problem():
        raise ImportError(problem)


def _backend() -> str:
    """Returns the name of the backend that Keras takes: by the environment, its file of settings, or its default."""
    if name := os.environ.get("KERAS_BACKEND"):
        return name
    folder = pathlib.Path(os.environ.get("KERAS_HOME") or pathlib.Path.home() / ".keras")
    try:
        return json.loads((folder / "keras.json").read_text())["backend"]
    except (OSError, ValueError, LookupError, TypeError):
        return "tensorflow"
