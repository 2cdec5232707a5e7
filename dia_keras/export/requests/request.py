"""The request to an exporter: its checked arguments."""

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np


@dataclasses.dataclass(frozen=True)
class Request:
    """A checked request. It is also what goes to the TensorFlow process, as two files.

    Attributes:
        format: Name of the format, a key of `FORMATS`.
        path: The file or folder to write.
        images: Images to compare on, uint8 or float32, `(n, height, width, channels)`.
        quantize: Name of the quantization, `None` for float32.
        representative: Images on which to measure the ranges of activations, or `None`.
        input_dtype: Dtype of the images that the file takes.
        of_pixels: Whether the model's images are pixel values, 0 to 255.
        labels: Names of the classes, or `None`.
        resize: How images of other sizes become the model's, for programs that feed the file.
        optimize: Whether to rewrite the model for inference.
        test: Images, and their labels `(n,)`, on which to measure the accuracy; or `None`.
        tolerance: The largest difference allowed.
        options: The options that only this format has, fit for JSON.
        of_detector: Whether the model is a detector.
    """

    format: str
    path: Path
    images: np.ndarray
    quantize: str | None = None
    representative: np.ndarray | None = None
    input_dtype: str = "float32"
    of_pixels: bool = False
    labels: tuple[str, ...] | None = None
    resize: str = "crop"
    optimize: bool = True
    test: tuple[np.ndarray, np.ndarray] | None = None
    tolerance: float = 0.0
    options: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    of_detector: bool = False

    @property
    def compared(self) -> np.ndarray:
        """The images to compare the best classes on: `images`, and the representative ones if there are any."""
        return self.images if self.representative is None else np.concatenate([self.images, self.representative])

    def save(self, folder: Path) -> None:
        """Writes the request to `folder`."""
        values = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        arrays = {name: values.pop(name) for name in ("images", "representative")}
        arrays["test_images"], arrays["test_labels"] = values.pop("test") or (None, None)
        np.savez(folder / "request.npz", **{name: array for name, array in arrays.items() if array is not None})
        (folder / "request.json").write_text(json.dumps({**values, "path": str(self.path)}), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> "Request":
        """Returns the request that was saved to `folder`."""
        values = json.loads((folder / "request.json").read_text(encoding="utf-8"))
        with np.load(folder / "request.npz") as file:
            arrays = dict(file)
        if "test_images" in arrays:
            values["test"] = arrays.pop("test_images"), arrays.pop("test_labels")
        if values["labels"] is not None:
            values["labels"] = tuple(values["labels"])
        return cls(**{**values, **arrays, "path": Path(values["path"])})
