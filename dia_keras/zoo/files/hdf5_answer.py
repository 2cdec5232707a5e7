"""The process of `hdf5_process`: reads a question and a file from standard input, and writes the listing."""

import json
import sys

from .errors import Unfit
from .hdf5_file import list_tensors
from .tensors import Layout, Place


def answer() -> None:
    """Answers one question, in JSON on standard output."""
    question = sys.stdin.buffer.read(int(sys.stdin.buffer.readline()))
    network, places, groups = json.loads(question)
    layout = Layout(network, {name: Place(tuple(shape), *rest) for name, (shape, *rest) in places.items()}, groups)
    try:
        listing = list_tensors(sys.stdin.buffer.read(), layout)._asdict()
    except Unfit as error:
        listing = {"unfit": str(error)}
    json.dump(listing, sys.stdout)
