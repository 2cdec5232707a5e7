"""The format SavedModel."""

from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, ClassVar

import keras

from ..comparison import Runners
from ..format import Format, Quantization
from ..requests.request import Request
from .layout import ENTRIES, FILES


class SavedModelFormat(Format):
    """A folder with a TensorFlow SavedModel, which takes both float32 and uint8 images."""

    name = "saved_model"
    suffix = ""
    packages = ("tensorflow",)
    quantizations: ClassVar = {None: Quantization(1e-4, input_dtypes=("float32",))}
    takes_any_dtype = True
    pools_first = True  # XLA, which may compile it, is faster so; other runtimes are not.

    def check_path(self, path: Path) -> None:
        if path.resolve() == Path.cwd():
            raise ValueError(f"`path` must not be the current folder, which cannot be moved. Received: path='{path}'")
        is_empty = path.is_dir() and not any(path.iterdir())
        if path.exists() and not is_empty and not (path / "saved_model.pb").is_file():
            raise ValueError(f"`path` must be new, an empty folder or a SavedModel. Received: path='{path}'")
        if others := ", ".join(_others_in(path)):
            raise ValueError(f"`path` must be a SavedModel without other files. Received: path='{path}' with {others}")

    def write(self, model: keras.Model, request: Request, metadata: Mapping[str, Any]) -> None:
        from .writer import write

        write(model, request, metadata)

    def runners(self, request: Request) -> Runners:
        from .runner import runners

        return runners(request.path, request.images.dtype)

    def anatomy(self, path: Path) -> dict[str, Any]:
        from .anatomy import anatomy_of

        return anatomy_of(path)


def _others_in(path: Path) -> list[str]:
    """Returns the files and folders in a SavedModel that exporters do not write."""
    others = [member.name for member in path.glob("*") if member.name not in ENTRIES]
    for folder, patterns in FILES.items():
        names = [member.name for member in path.glob(f"{folder}/*")]
        others += [f"{folder}/{name}" for name in names if not any(fnmatchcase(name, p) for p in patterns)]
    return sorted(others)


SAVED_MODEL = SavedModelFormat()
