"""Processes of Python that this one starts."""

import os
import sys
from pathlib import Path
from types import ModuleType


def module_path(*packages: ModuleType) -> str:
    """Returns `PYTHONPATH` for a new process: where this one looks for modules, but not in the current folder.

    A file that happens to lie there, such as `tensorflow.py`, must not run in the place of an installed package. Only
    where one of the packages that the process needs is in the current folder itself, as in a checkout, is it needed.

    Args:
        packages: Packages, or modules that are in none, that the process imports.
    """
    files = [(Path(str(package.__file__)).resolve(), hasattr(package, "__path__")) for package in packages]
    needed = {file.parents[1] if is_package else file.parent for file, is_package in files}
    unwanted = {Path.cwd().resolve()} - needed
    return os.pathsep.join(name for name in sys.path if name and Path(name).resolve() not in unwanted)
