"""Classifies images with a TFLite file. Needs ai-edge-litert, numpy and pillow only: copy this file and use it.

python classify_litert.py model.tflite apple.png photo.jpg --top 3
"""

import argparse
import json
import sys
import time
import zipfile
from pathlib import Path
from typing import BinaryIO

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from PIL import Image, ImageOps, UnidentifiedImageError

RULES = ("crop", "center", "stretch", "pad")


def read_packed(path: str, name: str) -> str | None:
    """Returns the text of a file in the zip archive that ends the model's file, `None` where it is not there."""
    if not zipfile.is_zipfile(path):
        return None
    try:
        with zipfile.ZipFile(path) as archive:
            if name not in archive.namelist():
                return None
            with archive.open(name) as file:
                content = file.read(1_000_001)  # a few bytes of an archive can be gigabytes of text
            if len(content) > 1_000_000:
                raise ValueError(f"{name} has more than a megabyte")
            return content.decode()
    except Exception as error:  # damaged archives end in errors of many kinds
        raise ValueError(f"{path} must have {Path(name).stem} that can be read. {error}") from error


def read_labels(path: str, classes: int) -> list[str]:
    """Returns the names in `labels.txt`; without one, the classes' numbers."""
    text = read_packed(path, "labels.txt")
    labels = [str(number) for number in range(classes)] if text is None else text.splitlines()
    if len(labels) != classes:
        raise ValueError(f"{path} must have a label for each of its {classes} classes. Received: {len(labels)} labels")
    return labels


def read_rules(path: str) -> tuple[str, str | None]:
    """Returns how images get the model's size, and what the model ends in; `"crop"` and `None` where no one tells.

    Raises:
        ValueError: Where the file takes images of other values than pixels, or wants another rule.
    """
    text = read_packed(path, "metadata.json") or "{}"
    try:
        metadata = json.loads(text)
        given, activation = metadata["input"], metadata["output"].get("activation")
        resize, values = given.get("resize", "crop"), given.get("values", "pixels")
    except (ValueError, RecursionError, LookupError, TypeError, AttributeError):  # another program's
        return "crop", None
    if values is None:
        raise ValueError(f"{path} must take pixel values, 0 to 255. Received: a file that takes others")
    if resize not in RULES:
        raise ValueError(f"{path} must have images resized by one of {', '.join(RULES)}. Received: {resize!r}")
    return resize, activation


def load_image(path: str, height: int, width: int, resize: str = "crop", channels: int = 3) -> np.ndarray:
    """Returns an image of any size as `dia-keras predict` sees it: upright, on white, RGB or gray, in the model's size.

    "crop" takes its center, in the model's shape; "center" seven eighths of it, as usual for ImageNet; "stretch" all
    of it, out of shape; "pad" all of it, on black.
    """
    if Path(path).exists() and not Path(path).is_file():  # a pipe would be waited for
        raise ValueError(f"{path} cannot be read: it is not a file")
    try:
        # Pillow maps a TIFF file that it opens by its name into memory, and gets turned ones wrong.
        with Path(path).open("rb") as file:
            image = open_upright(file)
    except UnidentifiedImageError as error:
        raise ValueError(f"{path} cannot be read: cannot identify image file {path!r}") from error
    except Exception as error:  # damaged files end in errors of many kinds
        raise ValueError(f"{path} cannot be read: {error}") from error
    if image.mode in ("I", "F"):
        raise ValueError(f"{path} must have 8 or 16 bits a pixel. Received: 32")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    image = image if image.mode == "L" else image.convert("RGB")
    image = resized(image.convert("L" if channels == 1 else "RGB"), height, width, resize)
    return np.asarray(image).reshape(height, width, channels)


def resized(image: Image.Image, height: int, width: int, resize: str) -> Image.Image:
    if resize in ("crop", "center"):
        border = 1 / 16 if resize == "center" and image.size != (width, height) else 0  # is left out on each side
        return ImageOps.fit(image, (width, height), Image.Resampling.BILINEAR, bleed=border)
    if resize == "stretch":
        return image.resize((width, height), Image.Resampling.BILINEAR)
    scale = min(width / image.width, height / image.height)
    size = max(1, round(scale * image.width)), max(1, round(scale * image.height))
    padded = Image.new(image.mode, (width, height))
    small = image.resize(size, Image.Resampling.BILINEAR)
    padded.paste(small, ((width - size[0]) // 2, (height - size[1]) // 2))
    return padded


def open_upright(file: BinaryIO) -> Image.Image:
    """Returns an image turned upright by its EXIF orientation, of 8 bits a channel where it has 16."""
    with Image.open(file) as image:
        if image.format == "EPS":
            raise ValueError("it is PostScript, which Ghostscript would have to run; convert it to PNG")
        tags = image.tag_v2 if image.format == "TIFF" else {}
        largest, is_inverted = 4095 if tags.get(258) == (12,) else 65535, tags.get(262) == 0
        # Netpbm's 16 bits are 32 in Pillow, scaled to 65535.
        is_deep = image.mode.startswith("I;16") or (image.mode == "I" and image.format == "PPM")
        # The color that is transparent in a PNG file has the file's bits, and the pixels have 8.
        layout = image.tile[0].args if image.format == "PNG" and image.tile else None
        key = image.info.get("transparency")
        if key is not None and layout in ("L;2", "L;4"):
            key *= 85 if layout == "L;2" else 17
        if key is not None and layout == "RGB;16B":
            key = tuple(value >> 8 for value in key)
        upright = ImageOps.exif_transpose(image)
    if is_deep:  # Pillow's own conversion makes everything over 255 white
        values = np.asarray(upright)
        gray = (values * (255 / largest)).round().astype(np.uint8)
        gray = 255 - gray if is_inverted else gray
        return Image.fromarray(gray if key is None else np.where(values == key, np.uint8(255), gray))
    if key is not None:
        upright.info["transparency"] = key
    return upright


def predict(interpreter: Interpreter, image: np.ndarray) -> np.ndarray:
    """Returns the scores of one image; where the file takes several at a time, the others stay black."""
    (given,), (answer,) = interpreter.get_input_details(), interpreter.get_output_details()
    batch = np.zeros(given["shape"], given["dtype"])
    batch[0] = image
    interpreter.set_tensor(given["index"], batch)
    interpreter.invoke()
    scores = interpreter.get_tensor(answer["index"])[0]
    if answer["dtype"] == np.float32:
        return scores
    scale, zero_point = answer["quantization"]
    return scale * (scores.astype(np.float32) - zero_point)


def to_probabilities(scores: np.ndarray, activation: str | None) -> np.ndarray:
    """Returns scores as they are after a sigmoid, or where they add up to one; otherwise the softmax of logits.

    Where the file tells that it has logits, they are logits whatever they add up to.
    """
    if not np.isfinite(scores).all():
        raise ValueError("The file must answer with finite scores. Received: NaN or infinity")
    if len(scores) == 1 and (activation == "linear" or not 0 <= scores[0] <= 1):
        raise ValueError(
            "The file must answer with a probability where it has one class. "
            f"Received: {scores[0]:g}, as without a sigmoid"
        )
    is_sum = activation != "linear" and scores.min() >= 0 and abs(scores.sum() - 1) < 0.1  # those of 8 bits are rounded
    if len(scores) == 1 or activation == "sigmoid" or is_sum:
        return scores
    powers = np.exp(scores - scores.max())
    return powers / powers.sum()


def load_model(path: str, threads: int | None) -> Interpreter:
    """Returns an interpreter that is ready to run, of a file that takes RGB or gray images of 0 to 255."""
    try:
        interpreter = Interpreter(path, num_threads=threads)
        interpreter.allocate_tensors()
    except ValueError as error:
        raise ValueError(f"{path} must be a TFLite file. {error}") from error
    except RuntimeError as error:
        raise ValueError(f"{path} must have ops of LiteRT only. {str(error).splitlines()[0]}") from error
    given = interpreter.get_input_details()[0]
    if given["dtype"] not in (np.uint8, np.float32) or len(given["shape"]) != 4 or given["shape"][-1] not in (1, 3):
        raise ValueError(
            f"{path} must take uint8 or float32 images of shape (batch, height, width, 3), or gray ones, of 1 channel. "
            f"Received: a file that takes {given['dtype'].__name__} of shape {tuple(map(int, given['shape']))}"
        )
    shapes = [tuple(map(int, output["shape"])) for output in interpreter.get_output_details()]
    if len(shapes) != 1 or len(shapes[0]) != 2:
        raise ValueError(f"{path} must give one output of shape (batch, classes). Received: a file that gives {shapes}")
    answer = interpreter.get_output_details()[0]
    if answer["dtype"] != np.float32 and not answer["quantization"][0]:
        raise ValueError(
            f"{path} must give scores as float32, or quantized. Received: a file that gives {answer['dtype'].__name__}"
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
    parser.add_argument(
        "--resize",
        choices=RULES,
        help="how images get the model's size: the center, seven eighths of it (ImageNet), all out of shape, or all "
        "with black borders (default: what the file says, or crop)",
    )
    arguments = parser.parse_args()
    interpreter = load_model(arguments.model, arguments.threads)
    height, width, channels = map(int, interpreter.get_input_details()[0]["shape"][1:])
    labels = read_labels(arguments.model, int(interpreter.get_output_details()[0]["shape"][-1]))
    resize, activation = read_rules(arguments.model)
    for path in arguments.images:
        image = load_image(path, height, width, arguments.resize or resize, channels)
        start = time.perf_counter()
        scores = predict(interpreter, image)
        print(f"{path} ({1000 * (time.perf_counter() - start):.1f} ms)")
        probabilities = to_probabilities(scores, activation)
        for index in np.argsort(-probabilities, kind="stable")[: arguments.top]:
            print(f"{probabilities[index]:8.2%}  {labels[index]}")


if __name__ == "__main__":
    try:
        main()
    except (OSError, ValueError) as error:
        sys.exit(f"Error: {error}")
