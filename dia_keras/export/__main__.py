"""The TensorFlow process of exports from other backends: `python -m dia_keras.export FOLDER`."""

import sys
from pathlib import Path

import dia_keras  # noqa: F401  (registers the layers)

from .convert import answer_request

if __name__ == "__main__":
    answer_request(Path(sys.argv[1]))
