"""Names of classes, networks and folders are shown as they are, with what matplotlib takes for formulas."""

import keras
import matplotlib.figure
import numpy as np
import pytest

from dia_keras import analysis
from dia_keras.analysis.blocks import Block
from dia_keras.analysis.grad_cam import ClassActivation
from dia_keras.benchmark import Measurement, show
from dia_keras.cli.predictions import _picture
from dia_keras.training.runs.curves import plot_curves
from dia_keras.training.tuning.confusion import plot_confusion

#: A formula that is none, which ends in an error where it is taken for one.
NAME = r"$\frac$"
IMAGES = np.zeros((1, 8, 8, 3), "uint8")


def grad_cam(patch, path):
    found = ClassActivation(np.ones((1, 2, 2)), np.array([0]), np.array([0.5]))
    patch("grad_cam.class_activation", found)
    patch("grad_cam.axes_of", (-1, (1, 2)))
    model = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Flatten(), keras.layers.Dense(1)])
    return analysis.plot_grad_cam({NAME: model}, IMAGES, labels=[NAME])


def lesions(patch, path):
    patch("lesion.accuracy_without_blocks", (0.5, {Block(1, 1): 0.5}))
    return analysis.plot_lesions({NAME: None}, IMAGES, [0])


def attention(patch, path):
    patch("attention_maps.attention_by_stage", {1: np.ones((1, 2, 4))})
    return analysis.plot_attention(None, IMAGES, title=NAME)


def integration(patch, path):
    patch("integration.attention_by_stage", {1: np.ones((3, 2, 4))})
    patch("integration.gini_importance", np.ones((1, 1)))
    return analysis.plot_integration({NAME: None}, np.repeat(IMAGES, 2, axis=0))


def gradients(patch, path):
    patch("gradient_flow.stage_gradients", {"stage1": np.array([0.1, 0.2])})
    patch("gradient_flow.check_inputs", [None])
    patch("gradient_flow.sums", True)
    return analysis.plot_gradients({NAME: None}, IMAGES, [0], title=NAME)


def predictions(patch, path):
    _picture(IMAGES, [[(NAME, 0.5)]], path)


def confusion(patch, path):
    plot_confusion(np.eye(2), [NAME, "other"], path, "a title")


def curves(patch, path):
    (path.parent / "log.csv").write_text("epoch,loss,accuracy\n0,2.5,0.1\n")
    plot_curves(path.parent / "log.csv", path, NAME)


def benchmark(patch, path):
    show.plot([Measurement(NAME, NAME, "tflite", 4, 1, 2.0, 1.0, 10)], path)


@pytest.mark.parametrize(
    "draw", [grad_cam, lesions, attention, integration, gradients, predictions, confusion, curves, benchmark]
)
def test_names_are_not_taken_for_formulas(draw, tmp_path, monkeypatch):
    def patch(name, value):
        monkeypatch.setattr(f"dia_keras.analysis.{name}", lambda *arguments, **options: value)

    drawn = []
    monkeypatch.setattr(matplotlib.figure.Figure, "savefig", lambda figure, path, **options: drawn.append(figure))
    monkeypatch.setattr("pathlib.Path.replace", lambda *paths: None)  # nothing was written
    figure = draw(patch, tmp_path / "a.png") or drawn[0]
    figure.draw_without_rendering()
