"""Classifies images with an ONNX file. Needs onnxruntime, numpy and pillow only: copy this file and use it.

python classify_onnxruntime.py model.onnx apple.png photo.jpg --top 3
"""

import argparse
import json
import sys
import time

import numpy as np
import onnxruntime
from PIL import Image, ImageOps

DTYPES = {"tensor(uint8)": np.uint8, "tensor(float)": np.float32}


def read_labels(session: onnxruntime.InferenceSession, classes: int) -> list[str]:
    """Returns the names in the file's metadata, a JSON array; without them, the classes' numbers."""
    text = session.get_modelmeta().custom_metadata_map.get("labels", "null")
    labels = json.loads(text) or [str(number) for number in range(classes)]
    if len(labels) != classes:
        raise ValueError(f"The file must have a label for each of its {classes} classes. Received: {len(labels)}")
    return labels


def load_image(path: str, height: int, width: int) -> np.ndarray:
    """Returns an image of any size, upright and RGB: its centre in the model's shape, scaled to the model's size."""
    try:
        with Image.open(path) as image:
            upright = ImageOps.exif_transpose(image)
    except (OSError, Image.DecompressionBombError) as error:
        raise ValueError(f"{path} cannot be read: {error}") from error
    if upright.mode in ("I", "F"):
        raise ValueError(f"{path} must have 8 or 16 bits a pixel. Received: 32")
    if upright.mode.startswith("I;16"):  # Pillow's own conversion makes everything over 255 white
        upright = Image.fromarray((np.asarray(upright) / 257).round().astype(np.uint8))
    if upright.has_transparency_data:
        opaque = Image.new("RGBA", upright.size, "white")
        upright = Image.alpha_composite(opaque, upright.convert("RGBA"))
    return np.asarray(ImageOps.fit(upright.convert("RGB"), (width, height), Image.Resampling.BILINEAR))


def predict(session: onnxruntime.InferenceSession, image: np.ndarray) -> np.ndarray:
    """Returns the probabilities of one image; where the file takes several at a time, the others stay black."""
    given = session.get_inputs()[0]
    size = given.shape[0] if isinstance(given.shape[0], int) else 1
    batch = np.zeros((size, *given.shape[1:]), DTYPES[given.type])
    batch[0] = image
    return session.run(None, {given.name: batch})[0][0]


def load_model(path: str, threads: int) -> onnxruntime.InferenceSession:
    """Returns a session of a file that takes RGB images of 0 to 255."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    try:
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime's errors have no class in common but this
        raise ValueError(f"{path} must be an ONNX file. {str(error).splitlines()[0]}") from error
    given = session.get_inputs()[0]
    fixed = len(given.shape) == 4 and all(isinstance(size, int) for size in given.shape[1:])
    if given.type not in DTYPES or not fixed or given.shape[-1] != 3:
        raise ValueError(
            f"{path} must take uint8 or float images of shape (batch, height, width, 3). "
            f"Received: a file that takes {given.type} of shape {given.shape}"
        )
    return session


def positive(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"must be a positive integer. Received: {text}")
    return int(text)


def main() -> None:
    parser = argparse.ArgumentParser(description="Classify images with an ONNX file.")
    parser.add_argument("model", help="an .onnx file")
    parser.add_argument("images", nargs="+", metavar="IMAGE", help="an image of any size and format that Pillow reads")
    parser.add_argument("--top", type=positive, default=5, help="classes to show (default: 5)")
    parser.add_argument("--threads", type=positive, default=0, help="threads to compute on (default: all cores)")
    arguments = parser.parse_args()
    session = load_model(arguments.model, arguments.threads)
    height, width = session.get_inputs()[0].shape[1:3]
    labels = read_labels(session, session.get_outputs()[0].shape[-1])
    for path in arguments.images:
        image = load_image(path, height, width)
        start = time.perf_counter()
        probabilities = predict(session, image)
        print(f"{path} ({1000 * (time.perf_counter() - start):.1f} ms)")
        for index in np.argsort(-probabilities, kind="stable")[: arguments.top]:
            print(f"{probabilities[index]:8.2%}  {labels[index]}")


if __name__ == "__main__":
    try:
        main()
    except (OSError, ValueError) as error:
        sys.exit(f"Error: {error}")
