"""Classifies images with a TFLite file. Needs ai-edge-litert, numpy and pillow only: copy this file and use it.

python classify_litert.py model.tflite apple.png photo.jpg --top 3
"""

import argparse
import sys
import time
import zipfile

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from PIL import Image, ImageOps


def read_labels(path: str, classes: int) -> list[str]:
    """Returns the names in `labels.txt`, in the zip archive that ends the file; without one, the classes' numbers."""
    labels = [str(number) for number in range(classes)]
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            if "labels.txt" in archive.namelist():
                labels = archive.read("labels.txt").decode().splitlines()
    if len(labels) != classes:
        raise ValueError(f"{path} must have a label for each of its {classes} classes. Received: {len(labels)} labels")
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


def predict(interpreter: Interpreter, image: np.ndarray) -> np.ndarray:
    """Returns the probabilities of one image; where the file takes several at a time, the others stay black."""
    (given,), (answer,) = interpreter.get_input_details(), interpreter.get_output_details()
    batch = np.zeros(given["shape"], given["dtype"])
    batch[0] = image
    interpreter.set_tensor(given["index"], batch)
    interpreter.invoke()
    return interpreter.get_tensor(answer["index"])[0]


def load_model(path: str, threads: int | None) -> Interpreter:
    """Returns an interpreter that is ready to run, of a file that takes RGB images of 0 to 255."""
    try:
        interpreter = Interpreter(path, num_threads=threads)
    except ValueError as error:
        raise ValueError(f"{path} must be a TFLite file. {error}") from error
    interpreter.allocate_tensors()
    given = interpreter.get_input_details()[0]
    if given["dtype"] not in (np.uint8, np.float32) or len(given["shape"]) != 4 or given["shape"][-1] != 3:
        raise ValueError(
            f"{path} must take uint8 or float32 images of shape (batch, height, width, 3). "
            f"Received: a file that takes {given['dtype'].__name__} of shape {tuple(map(int, given['shape']))}"
        )
    return interpreter


def positive(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"must be a positive integer. Received: {text}")
    return int(text)


def main() -> None:
    parser = argparse.ArgumentParser(description="Classify images with a TFLite file.")
    parser.add_argument("model", help="a .tflite file")
    parser.add_argument("images", nargs="+", metavar="IMAGE", help="an image of any size and format that Pillow reads")
    parser.add_argument("--top", type=positive, default=5, help="classes to show (default: 5)")
    parser.add_argument("--threads", type=positive, help="threads to compute on (default: LiteRT's choice)")
    arguments = parser.parse_args()
    interpreter = load_model(arguments.model, arguments.threads)
    height, width = map(int, interpreter.get_input_details()[0]["shape"][1:3])
    labels = read_labels(arguments.model, int(interpreter.get_output_details()[0]["shape"][-1]))
    for path in arguments.images:
        image = load_image(path, height, width)
        start = time.perf_counter()
        probabilities = predict(interpreter, image)
        print(f"{path} ({1000 * (time.perf_counter() - start):.1f} ms)")
        for index in np.argsort(-probabilities, kind="stable")[: arguments.top]:
            print(f"{probabilities[index]:8.2%}  {labels[index]}")


if __name__ == "__main__":
    try:
        main()
    except (OSError, ValueError) as error:
        sys.exit(f"Error: {error}")
