"""Pictures of detections: boxes at their place, labels inside the picture, a color a class."""

import numpy as np
import pytest
from PIL import Image, ImageDraw
from small_sets import paint

from dia_keras.detection.data import load
from dia_keras.detection.evaluation import CocoEvaluation, Detections
from dia_keras.detection.pictures import _font, _place, color_of, draw, plot_precision_recall, sheet

LABELS = ("ant", "bee")


def found(*rows):
    boxes, classes, scores = zip(*rows, strict=True)
    return Detections(np.array(boxes, np.float32), np.array(classes, np.int32), np.array(scores, np.float32))


def colored(picture, number):
    """Returns the box `(x1, y1, x2, y2)` of the pixels that have the color of a class."""
    rows, columns = np.nonzero((np.asarray(picture) == color_of(number)).all(-1))
    return [int(each) for each in (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)]


def test_a_box_is_drawn_at_its_place_and_small_images_are_enlarged():
    picture = draw(paint({}, 320, 320), found(([100, 80, 300, 240], 1, 0.5)), LABELS)
    assert picture.size == (640, 640)
    left, top, right, bottom = colored(picture, 1)
    # Twice the size; the label lies on top.
    assert abs(left - 200) <= 1 and abs(right - 600) <= 1 and abs(bottom - 480) <= 1 and 130 < top < 160
    assert draw(paint({}, 700, 900), found(([100, 80, 300, 240], 1, 0.5)), LABELS).size == (900, 700)


def test_what_is_less_sure_than_the_threshold_is_not_drawn():
    detections = found(([10, 10, 50, 50], 0, 0.29), ([10, 10, 50, 50], 1, 0.3))
    pixels = np.asarray(draw(paint({}, 64, 64), detections, LABELS))
    assert not (pixels == color_of(0)).all(-1).any() and (pixels == color_of(1)).all(-1).any()
    everything = np.asarray(draw(paint({}, 64, 64), detections, LABELS, threshold=0))
    assert (everything == color_of(1)).all(-1).any()


@pytest.mark.parametrize("box", [(0, 0, 640, 480), (600, 0, 640, 30), (0, 470, 20, 480), (630, 470, 640, 480)])
def test_a_label_stays_inside_the_picture_and_off_other_labels(box):
    pen, font, taken = ImageDraw.Draw(Image.new("RGB", (640, 480))), _font(16), []
    for _ in range(2):
        left, top, right, bottom = _place(pen, font, "traffic light 0.97", np.array(box), (640, 480), taken)
        assert 0 <= left < right <= 640 and 0 <= top < bottom <= 480
        assert right - left > pen.textlength("traffic light 0.97", font=font)
        assert not any(left < x2 and x1 < right and top < y2 and y1 < bottom for x1, y1, x2, y2 in taken)
        taken.append((left, top, right, bottom))


def test_colors_of_80_classes_differ():
    colors = np.array([color_of(number) for number in range(80)])
    assert len(np.unique(colors, axis=0)) == 80
    neighbors = np.abs(np.diff(colors, axis=0)).max(1)
    assert neighbors.min() > 80


def test_the_true_boxes_of_a_set_are_drawn_without_scores(coco):
    example = load(coco(), split="train")[0]
    picture = draw(example.image, example, ("sign", "brush"))
    # 16 times the size.
    left, _, right, bottom = colored(picture, 1)
    assert [left, right, bottom] == pytest.approx([64, 224, 224], abs=2)


def test_a_sheet_holds_all_pictures():
    pictures = [Image.new("RGB", size, color) for size, color in (((40, 20), "red"), ((80, 80), "blue"))]
    assert sheet(pictures[:1]) is pictures[0]
    whole = sheet(pictures * 2, columns=2)
    # Two columns of 80 pixels, 8 between them; rows of 80 pixels.
    assert whole.size == (168, 168)
    assert [whole.getpixel(at) for at in ((5, 5), (90, 5), (5, 90))] == [(255, 0, 0), (0, 0, 255), (255, 0, 0)]


def test_a_thin_picture_does_not_make_a_sheet_endless():
    whole = sheet([Image.new("RGB", (60, 40), "red"), Image.new("RGB", (1, 3000), "blue")])
    assert whole.size == (60 + 8 + 60, 180) and whole.getpixel((68, 5)) == (0, 0, 255)


def test_precision_has_a_line_for_each_detector(tmp_path):
    recalls = np.linspace(0, 1, 101)
    metrics = {"AP": 0.5, "AP50": 0.5, "AP75": 0.5}
    evaluation = CocoEvaluation(metrics, {}, recalls, {iou: 1 - recalls for iou in ("0.50", "0.75", "0.50:0.95")})
    figure = plot_precision_recall({"plain": evaluation, "dia": evaluation})
    plot_precision_recall({"costs $x^$": evaluation}).savefig(tmp_path / "no_formulas.png")
    assert [len(axis.lines) for axis in figure.axes] == [2, 2, 2]
    np.testing.assert_array_equal(figure.axes[1].lines[0].get_ydata(), 1 - recalls)
    assert figure.axes[0].get_legend().get_texts()[1].get_text() == "dia (AP50 0.500)"
