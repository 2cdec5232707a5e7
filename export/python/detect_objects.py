"""Finds objects with an exported detector: an ONNX file, a TFLite file or a SavedModel.

Needs numpy, pillow and one of onnxruntime, ai-edge-litert and tensorflow: copy this file and use it.

python detect_objects.py detector.onnx street.jpg --threshold 0.5 --picture found.png
"""

import argparse
import json
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageDraw, ImageFont, ImageOps, UnidentifiedImageError

#: From one image, (height, width, 3), to boxes (n, 4) in its pixels, classes (n,) and scores (n,), by falling score.
Detector = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray, np.ndarray]]


def load_model(path: str, threads: int) -> tuple[Detector, dict]:
    """Returns what finds objects, and what the file says of itself: size and type of its images, names of classes."""
    loaders = {".onnx": load_onnx, ".tflite": load_tflite, "": load_saved_model}
    suffix = "" if Path(path).is_dir() else Path(path).suffix
    if suffix not in loaders or not Path(path).exists():
        raise ValueError(f"{path} must be an .onnx file, a .tflite file or the folder of a SavedModel")
    try:
        detector, metadata = loaders[suffix](path, threads)
        is_detector = metadata.get("kind") == "detector"
    except ImportError as error:
        raise ValueError(f"{path} needs a package that is not installed. {error}") from error
    except Exception as error:  # the runtimes' errors have no class in common but this
        raise ValueError(f"{path} must be a detector that dia_keras exported. {str(error).splitlines()[0]}") from error
    if not is_detector:
        raise ValueError(f"{path} must be a detector. Received: another model")
    return detector, metadata


def load_onnx(path: str, threads: int) -> tuple[Detector, dict]:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    texts = session.get_modelmeta().custom_metadata_map
    metadata = {key: value if key in ("name", "kind", "boxes") else json.loads(value) for key, value in texts.items()}

    def detect(image: np.ndarray):
        boxes, classes, scores, number = session.run(
            ["boxes", "classes", "scores", "num_detections"], {"images": image[None]}
        )
        return boxes[0, : number[0]], classes[0, : number[0]], scores[0, : number[0]]

    return detect, metadata


def load_saved_model(path: str, threads: int) -> tuple[Detector, dict]:
    import tensorflow as tf

    if threads:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
    metadata = json.loads(Path(path, "assets.extra", "metadata.json").read_text(encoding="utf-8"))
    model = tf.saved_model.load(path)

    def detect(image: np.ndarray):
        outputs = {name: value.numpy() for name, value in model(tf.constant(image[None])).items()}
        number = outputs["num_detections"][0]
        return outputs["boxes"][0, :number], outputs["classes"][0, :number], outputs["scores"][0, :number]

    return detect, metadata


def load_tflite(path: str, threads: int) -> tuple[Detector, dict]:
    from ai_edge_litert.interpreter import Interpreter

    with zipfile.ZipFile(path) as archive:  # which the file is, too
        metadata = json.loads(archive.read("metadata.json"))
    signature = Interpreter(path, num_threads=threads or None).get_signature_runner()
    size = max(1, int(signature.get_input_details()["images"]["shape"][0]))

    def detect(image: np.ndarray):
        outputs = signature(images=np.repeat(image[None], size, axis=0))
        check_finite(outputs["boxes"], outputs["scores"])  # of NaN, suppression would leave no object
        return suppress(outputs["boxes"][0], outputs["scores"][0], metadata["suppression"])

    return detect, metadata


def check_finite(boxes: np.ndarray, scores: np.ndarray) -> None:
    if not (np.isfinite(boxes).all() and np.isfinite(scores).all()):
        raise ValueError("The file must answer with finite boxes and scores. Received: NaN or infinity")


def suppress(boxes: np.ndarray, scores: np.ndarray, settings: dict) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns the objects among boxes (n, 4) with scores (n, classes), by non-maximum suppression within a class.

    TFLite files give all of them, a level of the pyramid after the other; the other formats do this inside. The best of
    each level are candidates.
    """
    starts = [0, *settings["levels"][:-1]]
    levels = zip(starts, np.split(scores, starts[1:]), strict=True)
    best = np.concatenate(
        [
            start * scores.shape[1] + np.argsort(-level, axis=None, kind="stable")[: settings["candidates"]]
            for start, level in levels
        ]
    )
    best = best[np.argsort(-scores.ravel()[best], kind="stable")]
    best = best[scores.ravel()[best] > settings["score_threshold"]]
    rows, classes = np.divmod(best, scores.shape[1])
    kept: list[int] = []
    for number, (row, label) in enumerate(zip(rows, classes, strict=True)):
        rivals = boxes[rows[[other for other in kept if classes[other] == label]]]
        sides = np.minimum(boxes[row, 2:], rivals[:, 2:]) - np.maximum(boxes[row, :2], rivals[:, :2])
        shared = np.prod(np.maximum(sides, 0), axis=1)
        areas = np.prod(rivals[:, 2:] - rivals[:, :2], axis=1) + np.prod(boxes[row, 2:] - boxes[row, :2])
        if (shared / np.maximum(areas - shared, 1e-9) <= settings["iou_threshold"]).all():
            kept.append(number)
    kept = kept[: settings["max_detections"]]
    return boxes[rows[kept]], classes[kept], scores[rows[kept], classes[kept]]


def load_image(path: str) -> Image.Image:
    """Returns an image as `dia-keras detect` sees it: upright, on white, RGB."""
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
    return image.convert("RGB")


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


def find_objects(detector: Detector, metadata: dict, image: Image.Image) -> list[tuple[str, float, list[float]]]:
    """Returns label, score and box (left, top, right, bottom) of every object, in pixels of the image.

    The model sees the whole image, in the center of black; its boxes are moved back and cut to the image.
    """
    height, width, _ = metadata["input"]["shape"]
    scale = min(width / image.width, height / image.height)
    size = max(1, round(scale * image.width)), max(1, round(scale * image.height))
    left, top = (width - size[0]) // 2, (height - size[1]) // 2
    padded = Image.new("RGB", (width, height))
    padded.paste(image.resize(size, Image.Resampling.BILINEAR), (left, top))
    boxes, classes, scores = detector(np.asarray(padded).astype(metadata["input"]["dtype"]))
    check_finite(boxes, scores)
    scales = np.array([size[0] / image.width, size[1] / image.height] * 2)
    boxes = np.clip((boxes - [left, top, left, top]) / scales, 0, [*image.size, *image.size])
    objects = []
    for box, label, score in zip(boxes.tolist(), classes.tolist(), scores.tolist(), strict=True):
        if box[2] > box[0] and box[3] > box[1]:  # not in the black border
            objects.append((metadata["labels"][label] if metadata["labels"] else str(label), score, box))
    return objects


def draw(image: Image.Image, objects: list[tuple[str, float, list[float]]]) -> Image.Image:
    """Returns a copy of an image with the boxes, and their labels and scores."""
    picture = image.copy()
    pen, font = ImageDraw.Draw(picture), ImageFont.load_default(max(12, max(image.size) // 40))
    for label, score, box in reversed(objects):  # the surest on top
        pen.rectangle(box, outline="red", width=max(2, max(image.size) // 300))
        text = f"{label} {score:.2f}"
        corner = max(0, min(box[0], image.width - pen.textlength(text, font))), max(0, box[1] - font.size * 1.3)
        pen.rectangle(pen.textbbox(corner, text, font), fill="red")
        pen.text(corner, text, "white", font)
    return picture


def fraction(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"must be from 0 to 1. Received: {text}")
    return value


def positive(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"must be a positive integer. Received: {text}")
    return int(text)


def main() -> None:
    parser = argparse.ArgumentParser(description="Find objects with an exported detector.")
    parser.add_argument("model", help="an .onnx file, a .tflite file or the folder of a SavedModel")
    parser.add_argument("image", help="an image of any size and format that Pillow reads")
    parser.add_argument("--threshold", type=fraction, default=0.3, help="least score of what is shown (default: 0.3)")
    parser.add_argument("--picture", help="write the image with boxes, labels and scores to this PNG or JPEG file")
    parser.add_argument("--threads", type=positive, default=0, help="threads to compute on (default: the runtime's)")
    arguments = parser.parse_args()
    if arguments.picture and Path(arguments.picture).resolve() == Path(arguments.image).resolve():
        parser.error(f"--picture must be another file than the image. Received: {arguments.picture}")
    detector, metadata = load_model(arguments.model, arguments.threads)
    image = load_image(arguments.image)
    start = time.perf_counter()
    objects = find_objects(detector, metadata, image)
    objects = [detection for detection in objects if detection[1] >= arguments.threshold]
    print(f"{arguments.image} ({1000 * (time.perf_counter() - start):.1f} ms)")
    for label, score, box in objects:
        print(f"{score:8.2%}  {label}  ({', '.join(f'{edge:.0f}' for edge in box)})")
    if arguments.picture:
        draw(image, objects).save(arguments.picture)


if __name__ == "__main__":
    try:
        main()
    except (OSError, ValueError) as error:
        sys.exit(f"Error: {error}")
