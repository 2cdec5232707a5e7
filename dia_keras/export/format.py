"""The base class of export formats."""

import abc
import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import keras
import numpy as np

from .comparison import Runners, agreement, compare
from .metadata import describe
from .requests.request import Request


@dataclasses.dataclass(frozen=True)
class Quantization:
    """One way to quantize the files of a format.

    Attributes:
        tolerance: How much a file may differ from its model by default: a few times the differences of files with good
            accuracy (`zoo/EXPORTS.md`).
        calibrated: Whether it measures the ranges of activations on representative images.
        input_dtypes: The dtypes of images that a file can take, the default first.
    """

    tolerance: float
    calibrated: bool = False
    input_dtypes: tuple[str, ...] = ("uint8", "float32")


class Format(abc.ABC):
    """A format of exported files. Its methods import what is heavy only when they are called.

    Attributes:
        name: Its name in reports; the exporter is `to_{name}`.
        suffix: How the names of its files end, `""` for folders.
        packages: What must be installed to write and run its files.
        quantizations: Its quantizations by name; `None` is float32.
        takes_any_dtype: Whether one file takes images of several dtypes.
        takes_quantized_models: Whether it can hold what `model.quantize` of Keras makes.
        pools_first: `pool_first` of `dia_keras.inference.optimize`.
    """

    name: ClassVar[str]
    suffix: ClassVar[str]
    packages: ClassVar[tuple[str, ...]]
    quantizations: ClassVar[Mapping[str | None, Quantization]]
    takes_any_dtype: ClassVar[bool] = False
    takes_quantized_models: ClassVar[bool] = True
    pools_first: ClassVar[bool] = False

    @property
    def input_dtypes(self) -> tuple[str, ...]:
        """All dtypes of images that a file can take."""
        dtypes = (dtype for quantization in self.quantizations.values() for dtype in quantization.input_dtypes)
        return tuple(dict.fromkeys(dtypes))

    def check_path(self, path: Path) -> None:
        """Raises a `ValueError` where no file can be written to `path`."""
        if path.suffix != self.suffix or path.is_dir():
            raise ValueError(f"`path` must be a file named *{self.suffix}. Received: path='{path}'")

    def checked_options(self, quantize: str | None, options: Mapping[str, Any]) -> dict[str, Any]:
        """Returns the options that only this format has, with their defaults.

        Raises:
            ValueError: Where one is out of range.
        """
        return dict(options)

    def metadata(self, model: keras.Model, request: Request) -> dict[str, Any]:
        """Returns what the file says of itself, as values for JSON."""
        return describe(model, request.input_dtype, request.labels, request.of_pixels, request.resize)

    @abc.abstractmethod
    def write(self, model: keras.Model, request: Request, metadata: Mapping[str, Any]) -> None:
        """Writes the model to `request.path`, on the TensorFlow backend, with what the file says of itself."""

    @abc.abstractmethod
    def runners(self, request: Request) -> Runners:
        """Returns everything in the file at `request.path` that answers `request.images`, by name."""

    def compared(self, model: keras.Model, request: Request, runners: Runners, expected: np.ndarray) -> dict[str, Any]:
        """Returns how the file's answers compare with the model's, attributes of `Findings`.

        Args:
            model: The model.
            request: The request.
            runners: What `runners` returns.
            expected: The right answers for `request.compared`.

        Raises:
            ExportMismatchError: Where the difference is larger than `request.tolerance`.
        """
        difference = compare(runners, request.images, expected[: len(request.images)], request.tolerance)
        predict = next(iter(runners.values()))
        return {"max_difference": difference, "agreement": agreement(predict, request.compared, expected)}

    @abc.abstractmethod
    def anatomy(self, path: Path) -> dict[str, Any]:
        """Returns what a report says about the file: `ops`, and other attributes of `ExportReport`."""
