"""The TensorFlow process of exports from other backends: `python -P -m dia_keras.export FOLDER`."""

import sys
from pathlib import Path

import dia_keras  # noqa: F401  (registers the layers)

from ..progress import shown
from .conversion import answer_request

if __name__ == "__main__":
    with shown(sys.stdout):
        answer_request(Path(sys.argv[1]))
