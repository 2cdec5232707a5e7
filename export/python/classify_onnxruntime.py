"""Classifies images with an ONNX file. Needs onnxruntime, numpy and pillow only: copy this file and use it.

python classify_onnxruntime.py model.onnx apple.png photo.jpg --top 3
"""

import argparse
import json
import sys
import time
from pathlib import Path
from typing import BinaryIO

import numpy as np
import onnxruntime
from PIL import Image, ImageOps, UnidentifiedImageError

RULES = ("crop", "center", "stretch", "pad")
DTYPES = {"tensor(uint8)": np.uint8, "tensor(float)": np.float32}


def read_labels(session: onnxruntime.InferenceSession, classes: int) -> list[str]:
    """Returns the names in the file's metadata, a JSON array; without them, the classes' numbers."""
    text = session.get_modelmeta().custom_metadata_map.get("labels", "null")
    try:
        labels = json.loads(text) or [str(number) for number in range(classes)]
    except (ValueError, RecursionError) as error:
        raise ValueError(f"The file's labels must be JSON. {error}") from error
    if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
        raise ValueError(f"The file's labels must be an array of texts. Received: {text[:80]}")
    if len(labels) != classes:
        raise ValueError(f"The file must have a label for each of its {classes} classes. Received: {len(labels)}")
    return labels


def read_rules(session: onnxruntime.InferenceSession) -> tuple[str, str | None]:
    """Returns how images get the model's size, and what the model ends in; `"crop"` and `None` where no one tells.

    Raises:
        ValueError: Where the file takes images of other values than pixels, or wants another rule.
    """
    texts = session.get_modelmeta().custom_metadata_map
    try:
        given, answer = (json.loads(texts.get(name, "null")) for name in ("input", "output"))
        resize, activation = given.get("resize", "crop"), answer.get("activation")
        values = given.get("values", "pixels")
    except (ValueError, RecursionError, AttributeError):  # another program's
        return "crop", None
    if values is None:
        raise ValueError("The file must take pixel values, 0 to 255. Received: a file that takes others")
    if resize not in RULES:
        raise ValueError(f"The file must have images resized by one of {', '.join(RULES)}. Received: {resize!r}")
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


def predict(session: onnxruntime.InferenceSession, image: np.ndarray) -> np.ndarray:
    """Returns the scores of one image; where the file takes several at a time, the others stay black."""
    given = session.get_inputs()[0]
    size = given.shape[0] if isinstance(given.shape[0], int) else 1
    batch = np.zeros((size, *given.shape[1:]), DTYPES[given.type])
    batch[0] = image
    return session.run(None, {given.name: batch})[0][0]


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


def load_model(path: str, threads: int) -> onnxruntime.InferenceSession:
    """Returns a session of a file that takes RGB or gray images of 0 to 255."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    try:
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime's errors have no class in common but this
        raise ValueError(f"{path} must be an ONNX file. {str(error).splitlines()[0]}") from error
    given = session.get_inputs()[0]
    fixed = len(given.shape) == 4 and all(isinstance(size, int) for size in given.shape[1:])
    if given.type not in DTYPES or not fixed or given.shape[-1] not in (1, 3):
        raise ValueError(
            f"{path} must take uint8 or float images of shape (batch, height, width, 3), or gray ones, of 1 channel. "
            f"Received: a file that takes {given.type} of shape {given.shape}"
        )
    answers = session.get_outputs()
    if len(answers) != 1 or len(answers[0].shape) != 2 or not isinstance(answers[0].shape[1], int):
        shapes = ", ".join(f"{answer.name} {answer.shape}" for answer in answers)
        raise ValueError(f"{path} must give one output of shape (batch, classes). Received: a file that gives {shapes}")
    if answers[0].type not in ("tensor(float)", "tensor(float16)", "tensor(double)"):
        raise ValueError(f"{path} must give scores as floats. Received: a file that gives {answers[0].type}")
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
    parser.add_argument(
        "--resize",
        choices=RULES,
        help="how images get the model's size: the center, seven eighths of it (ImageNet), all out of shape, or all "
        "with black borders (default: what the file says, or crop)",
    )
    arguments = parser.parse_args()
    session = load_model(arguments.model, arguments.threads)
    height, width, channels = session.get_inputs()[0].shape[1:]
    labels = read_labels(session, session.get_outputs()[0].shape[-1])
    resize, activation = read_rules(session)
    for path in arguments.images:
        image = load_image(path, height, width, arguments.resize or resize, channels)
        start = time.perf_counter()
        scores = predict(session, image)
        print(f"{path} ({1000 * (time.perf_counter() - start):.1f} ms)")
        probabilities = to_probabilities(scores, activation)
        for index in np.argsort(-probabilities, kind="stable")[: arguments.top]:
            print(f"{probabilities[index]:8.2%}  {labels[index]}")


if __name__ == "__main__":
    try:
        main()
    except (OSError, ValueError) as error:
        sys.exit(f"Error: {error}")
