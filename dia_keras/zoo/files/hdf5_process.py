"""HDF5 files looked up in a process of their own, which a file may end without harm.

HDF5's library is in C, and a file can be made that crashes it. The process gets the file's bytes and what the network
expects, and lists the tensors. It imports h5py and NumPy, but not Keras.
"""

import json
import os
import pathlib
import subprocess
import sys

import h5py
import numpy as np

from ...child_process import module_path
from .errors import Unfit
from .hdf5_file import Listing, Stored, contents_of
from .tensors import Contents, Layout

#: Time that a look-up may take.
SECONDS = 60
_FOLDER = pathlib.Path(__file__).parent
#: Imports this folder as a package of its own: by its full name, dia_keras and Keras would come with it.
_PROGRAM = """
import importlib.util, sys
package = importlib.util.spec_from_file_location("files", sys.argv[1], submodule_search_locations=[sys.argv[2]])
sys.modules["files"] = importlib.util.module_from_spec(package)
from files.hdf5_answer import answer
answer()
"""


def look_up(content: bytes, layout: Layout) -> Contents:
    """Returns a file's description of the tensors that a network expects, as `hdf5_file.look_up` does.

    Raises:
        Unfit: If the file is damaged or of another form, or crashes HDF5's library.
    """
    question = json.dumps([layout.network, layout.places, list(layout.groups)]).encode()
    try:
        process = subprocess.run(
            [sys.executable, "-P", "-c", _PROGRAM, str(_FOLDER / "__init__.py"), str(_FOLDER)],
            input=b"%d\n%b%b" % (len(question), question, content),
            env={**os.environ, "PYTHONPATH": module_path(h5py, np)},
            capture_output=True,
            timeout=SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise Unfit(f"must be a sound HDF5 file: HDF5's library did not read it in {SECONDS} seconds") from None
    if process.returncode < 0:  # a signal
        raise Unfit("must be a sound HDF5 file: it crashes HDF5's library")
    if process.returncode:
        raise RuntimeError(f"The process that looks into HDF5 files failed:\n{process.stderr.decode()[-2000:]}")
    answer = json.loads(process.stdout)
    if "unfit" in answer:
        raise Unfit(answer["unfit"])
    tensors = {name: Stored(tuple(shape), *rest) for name, (shape, *rest) in answer["tensors"].items()}
    return contents_of(Listing(tensors, answer["surplus"], answer["record"]), content)
