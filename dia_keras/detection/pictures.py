"""Pictures of detections, and of how good they are."""

import colorsys
import functools
import pathlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ..figure_text import as_is
from .data.detection_set import Example
from .data.letterboxing import check_image
from .evaluation import CocoEvaluation, Detections

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Smaller images are enlarged to this long side, in pixels, so that labels have room.
LONG_SIDE = 640

Rectangle = tuple[int, int, int, int]


def draw(
    image: np.ndarray,
    detections: Detections | Example,
    labels: Sequence[str],
    threshold: float = 0.3,
) -> Image.Image:
    """Returns an image with boxes, and with labels and scores that stay inside the picture.

    Every class has a color of its own, which is the same in all pictures. Images with a long side of less than 640
    pixels are enlarged to that.

    Args:
        image: uint8 `(height, width, 3)`.
        detections: What was found in it; or an `Example`, whose boxes have no scores and are drawn all.
        labels: Names of the classes.
        threshold: Least score of what is drawn.

    Raises:
        ValueError: If the image is no RGB image of 8 bits.
    """
    check_image(image)
    height, width = image.shape[:2]
    scale = max(1.0, LONG_SIDE / max(height, width))
    size = max(1, round(scale * width)), max(1, round(scale * height))
    picture = Image.fromarray(image).resize(size, Image.Resampling.BICUBIC)
    boxes = np.asarray(detections.boxes, np.float64) * (np.array([*size, *size]) / (width, height, width, height))
    texts = _texts(detections, labels)
    scores = detections.scores if isinstance(detections, Detections) else np.ones(len(boxes))
    # The surest ones find a place for their labels first, and are drawn last.
    order = [int(i) for i in np.argsort(-scores, kind="stable") if scores[i] >= threshold]
    pen = ImageDraw.Draw(picture)
    font = _font(max(13, round(max(size) / 42)))
    line = max(3, round(max(size) / 220))
    tags: dict[int, Rectangle] = {}
    for number in order:
        tags[number] = _place(pen, font, texts[number], boxes[number], size, list(tags.values()))
    colors = {number: color_of(int(detections.classes[number])) for number in order}
    for number in reversed(order):
        x1, y1, x2, y2 = _within(boxes[number], size)
        pen.rectangle((x1, y1, x2, y2), outline="black", width=line + 2)
        pen.rectangle((x1 + 1, y1 + 1, max(x1 + 1, x2 - 1), max(y1 + 1, y2 - 1)), outline=colors[number], width=line)
    for number in reversed(order):
        left, top, right, bottom = tags[number]
        pen.rectangle((left, top, right - 1, bottom - 1), fill=colors[number])
        ink = "black" if _luminance(colors[number]) > 0.45 else "white"
        pen.text((left + 3, (top + bottom) / 2), texts[number], fill=ink, font=font, anchor="lm")
    return picture


def color_of(number: int) -> tuple[int, int, int]:
    """Returns the color of a class, RGB from 0 to 255: hues a golden angle apart, in turns of three brightnesses."""
    hue = (0.02 + number * 0.6180339887) % 1
    saturation, value = ((0.85, 1.0), (0.55, 1.0), (0.95, 0.75))[number % 3]
    red, green, blue = colorsys.hsv_to_rgb(hue, saturation, value)
    return round(255 * red), round(255 * green), round(255 * blue)


def sheet(pictures: Sequence[Image.Image], columns: int = 4) -> Image.Image:
    """Returns pictures side by side in one, scaled to the same width where there are several.

    Of those that are more than three times as high as wide, the height is bounded.

    Args:
        pictures: RGB pictures of any sizes, at least one.
        columns: Pictures a row.
    """
    if len(pictures) == 1:
        return pictures[0]
    columns, gap = min(columns, len(pictures)), 8
    width = min(LONG_SIDE, max(picture.width for picture in pictures))
    scaled = [_scaled(picture, width, 3 * width) for picture in pictures]
    rows = [scaled[start : start + columns] for start in range(0, len(scaled), columns)]
    heights = [max(picture.height for picture in row) for row in rows]
    whole = Image.new("RGB", (columns * (width + gap) - gap, sum(heights) + gap * (len(rows) - 1)), "white")
    top = 0
    for row, height in zip(rows, heights, strict=True):
        for column, picture in enumerate(row):
            whole.paste(picture, (column * (width + gap), top))
        top += height + gap
    return whole


def _scaled(picture: Image.Image, width: int, most_height: int) -> Image.Image:
    """Returns a picture of a width, or a narrower one where it would be too high."""
    scale = min(width / picture.width, most_height / picture.height)
    size = max(1, round(picture.width * scale)), max(1, round(picture.height * scale))
    return picture.resize(size, Image.Resampling.LANCZOS)


def plot_precision_recall(evaluations: Mapping[str, CocoEvaluation]) -> "Figure":
    """Returns precision over recall, mean over the classes, one panel an IoU threshold and one line a detector.

    Args:
        evaluations: By the names of the detectors.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 3.8), layout="constrained")
    panels = {"0.50": "AP50", "0.75": "AP75", "0.50:0.95": "AP"}
    axes = figure.subplots(1, 3, sharey=True)
    for axis, (iou, metric) in zip(axes, panels.items(), strict=True):
        for name, evaluation in evaluations.items():
            if iou in evaluation.precisions:
                label = f"{as_is(name)} ({metric} {evaluation.metrics[metric]:.3f})"
                axis.plot(evaluation.recalls, evaluation.precisions[iou], label=label)
        axis.set(title=f"IoU {iou}", xlabel="recall", xlim=(0, 1), ylim=(0, 1.02))
        axis.grid(alpha=0.3)
        if axis.lines:
            axis.legend(fontsize="small")
    axes[0].set_ylabel("precision")
    return figure


def _texts(detections: Detections | Example, labels: Sequence[str]) -> list[str]:
    """Returns what is written at each box."""
    names = [labels[number] if 0 <= number < len(labels) else str(number) for number in detections.classes]
    if isinstance(detections, Detections):
        return [f"{name} {score:.2f}" for name, score in zip(names, detections.scores, strict=True)]
    return [f"{name} (crowd)" if crowd else name for name, crowd in zip(names, detections.crowd, strict=True)]


@functools.lru_cache
def _font(size: int) -> ImageFont.FreeTypeFont:
    """Returns a font that comes with matplotlib, and has the letters of most languages."""
    import matplotlib

    path = pathlib.Path(matplotlib.get_data_path(), "fonts", "ttf", "DejaVuSans.ttf")
    return ImageFont.truetype(str(path), size)


def _within(box: np.ndarray, size: tuple[int, int]) -> Rectangle:
    """Returns the first and last columns and rows of a box, within a picture of a width and height."""
    x1, y1 = (min(max(int(edge), 0), side - 1) for edge, side in zip(box[:2], size, strict=True))
    x2, y2 = (min(max(round(float(edge)) - 1, 0), side - 1) for edge, side in zip(box[2:], size, strict=True))
    return x1, y1, max(x1, x2), max(y1, y2)


def _place(
    pen: ImageDraw.ImageDraw,
    font: ImageFont.FreeTypeFont,
    text: str,
    box: np.ndarray,
    size: tuple[int, int],
    taken: list[Rectangle],
) -> Rectangle:
    """Returns where a label goes, (left, top, right, bottom): inside the picture, and over no other where it can."""
    width = min(round(pen.textlength(text, font=font)) + 6, size[0])
    height = min(round(font.size * 1.3), size[1])
    x1, y1, x2, y2 = _within(box, size)
    starts = [
        (x1, y1 - height),  # above the box
        (x2 - width + 1, y1 - height),
        (x1, y1),  # in its corners
        (x2 - width + 1, y1),
        (x1, y2 + 1),  # below
        (x1, y2 - height + 1),
        (x2 - width + 1, y2 - height + 1),
        (x2 + 1, y1),  # beside
        (x1 - width, y1),
        (x1, y1 - 2 * height),  # above another label
    ]
    inside = [
        (left := min(max(0, x), size[0] - width), top := min(max(0, y), size[1] - height), left + width, top + height)
        for x, y in starts
    ]
    return min(inside, key=lambda place: sum(_overlap(place, other) for other in taken))


def _overlap(one: Rectangle, other: Rectangle) -> int:
    """Returns the area in both rectangles."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    return max(0, width) * max(0, height)


def _luminance(color: tuple[int, int, int]) -> float:
    """Returns how bright a color looks, from 0 to 1."""
    return (0.299 * color[0] + 0.587 * color[1] + 0.114 * color[2]) / 255
