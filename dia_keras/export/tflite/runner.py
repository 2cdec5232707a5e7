"""Running TFLite files, with LiteRT."""

from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from ..comparison import Runner
from ..errors import ExportMismatchError


def runners(path: Path) -> dict[str, Runner]:
    """Returns the file, which gets its images in batches of its own size."""
    signature = Interpreter(str(path)).get_signature_runner()
    details, answers = signature.get_input_details()["images"], signature.get_output_details()["predictions"]
    batch_size = details["shape_signature"][0]

    def run(part):
        if details["dtype"] == np.int8:
            part = part.astype("int16") + details["quantization"][1]
        try:
            predictions = signature(images=part.astype(details["dtype"]))["predictions"]
        except RuntimeError as error:
            raise ExportMismatchError(
                "LiteRT cannot run the exported file, and nothing was written. With int8 or int16x8, it may lack the "
                f"op for integers. Received from LiteRT: {error}"
            ) from error
        scale, zero = answers["quantization"] if answers["dtype"] == np.int8 else (1.0, 0)
        return (predictions.astype("float32") - zero) * scale

    def run_in_batches(images):
        return np.concatenate([run(part) for part in batches_of(batch_size, images)])[: len(images)]

    return {"the file": run if batch_size < 0 else run_in_batches}


def batches_of(batch_size: int, images: np.ndarray) -> np.ndarray:
    """Returns the images in whole batches, `(m, batch_size, ...)`; the first images fill up the last batch."""
    indices = np.arange(-(-len(images) // batch_size) * batch_size) % len(images)
    return images[indices].reshape(-1, batch_size, *images.shape[1:])
