"""Figures of networks: they are trained if need be, kept, and drawn, with what is drawn in numbers."""

import json

import keras
import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from dia_keras.analysis import integration_by_stage, stage_gradients
from dia_keras.cli import main
from dia_keras.reproduction import Scale, read_table, reproduce, write_drawing
from dia_keras.reproduction.data_sets import load
from dia_keras.reproduction.report.drawings import _spread
from dia_keras.reproduction.trainings.classifier import ClassifierTraining
from dia_keras.zoo.networks.keras_file import load_keras

pytestmark = pytest.mark.filterwarnings("ignore:Gradients do not exist")  # of the first block's state


def run(*arguments):
    return CliRunner().invoke(main, ["reproduce", *map(str, arguments)])


@pytest.fixture(scope="module")
def figure7(noise, tmp_path_factory):
    """The folder of a smoke run of Figure 7, of networks of two blocks a stage."""
    folder = tmp_path_factory.mktemp("figure7")
    options = ("--smoke", "--network", "ResNet164=ResNet14-basic", "--image-size", 8, "--data", noise, "--out", folder)
    output = run("figure7", *options).output
    assert "2 of 2 trainings are complete." in output and "Wrote" in output, output
    return folder


def test_trained_networks_are_kept_and_drawn(figure7, noise):
    with Image.open(figure7 / "figure7.png") as picture:
        assert min(picture.size) > 300
    page = (figure7 / "figure7.md").read_text()
    assert "(figure7.png)" in page and "1 seed a row (the paper: 1)" in page
    values = json.loads((figure7 / "figure7.json").read_text())["values"]
    assert [(value["row"], value["stage"]) for value in values] == [
        (row, stage) for row in ("SE", "DIA-LSTM") for stage in (1, 2, 3)
    ]
    with np.load(noise) as data:
        images = data["x_test"][np.arange(8) * 10 // 8]
    model = load_keras(figure7 / "networks" / "resnet164_cifar100_dia-lstm-0.keras")
    for value, importance in zip(values[3:], integration_by_stage(model, images, 2).values(), strict=True):
        np.testing.assert_allclose(value["importance"], importance, atol=1e-4)


def test_the_spread_of_importances_by_hand():
    found = _spread(np.array([[1.0, 0, 0], [0.5, 0.5, 0], [0.0, 0.0, 1.0]]))
    assert found == {"previous": 0.75, "blocks": 1.5}  # two blocks of one weight, then one alone
    assert _spread(np.array([[1.0]])) == {"previous": None, "blocks": None}


def test_a_report_draws_again(figure7, noise):
    (figure7 / "figure7.png").unlink()
    options = ("--smoke", "--network", "ResNet164=ResNet14-basic", "--image-size", 8, "--data", noise, "--out", figure7)
    assert "Wrote" in run("figure7", "--report", *options).output
    assert (figure7 / "figure7.png").exists()


def test_other_data_are_not_drawn(figure7, noise, tmp_path):
    before = (figure7 / "figure7.json").read_bytes()
    options = ("--smoke", "--network", "ResNet164=ResNet14-basic", "--image-size", 8, "--out", figure7)
    with np.load(noise) as data:
        arrays = dict(data)
    np.savez(tmp_path / "names.npz", **{**arrays, "class_names": arrays["class_names"][::-1]})
    np.savez(tmp_path / "images.npz", **{**arrays, "x_test": 255 - arrays["x_test"]})
    for name, message in (("names", "with other names or another order of the classes"), ("images", "with other test")):
        output = run("figure7", "--report", *options, "--data", tmp_path / f"{name}.npz").output
        assert "must hold trainings on the same data" in output and message in " ".join(output.split())
    assert (figure7 / "figure7.json").read_bytes() == before


def test_grad_cam_is_of_the_first_images_of_each_class(sources, tmp_path):
    table = read_table("figure6")
    scale = Scale(seeds=1, networks={"ResNet50": "ResNet14-basic"}, image_size=8, is_smoke=True)
    reproduce(table, tmp_path, scale=scale, sources=sources, rows=["*_se"])
    write_drawing(table, tmp_path, scale, sources)
    values = json.loads((tmp_path / "figure6.json").read_text())["values"]
    assert [(value["row"], value["image"]) for value in values] == [("SE", image) for image in (0, 2, 4, 1, 3, 5)]
    assert [value["class"] for value in values] == ["NORMAL"] * 3 + ["PNEUMONIA"] * 3
    assert {value["answer"] for value in values} <= {"NORMAL", "PNEUMONIA"}
    assert all(0.5 <= value["probability"] <= 1 for value in values)


def test_gradients_are_those_of_initial_values(noise, sources, tmp_path):
    """Nothing is trained: the networks are those that a training of seed 0 would begin with."""
    table = read_table("figure9")
    options = ("--smoke", "--network", "ResNet56=ResNet8-basic", "--image-size", 8, "--data", noise)
    assert "Wrote" in run("figure9", *options, "--out", tmp_path).output
    assert sorted(path.name for path in tmp_path.iterdir()) == ["figure9.json", "figure9.png"]
    values = json.loads((tmp_path / "figure9.json").read_text())["values"]
    assert len(values) == 4 * 3
    scale = Scale(networks={"ResNet56": "ResNet8-basic"}, image_size=8, is_smoke=True)
    data = load("cifar100", sources, 8, any_data=True)
    model = ClassifierTraining.of(table.rows[-1], 0, scale).build(data)
    chosen = np.arange(8) * 10 // 8
    for value, gradient in zip(
        values[-3:], stage_gradients(model, data.test.images[chosen], data.test.labels[chosen]).values(), strict=True
    ):
        assert value["row"] == "DIA-LSTM, no skip"
        assert (value["mean"], value["variance"]) == pytest.approx((gradient.mean(), gradient.var()), rel=1e-3)
    assert keras.backend.backend() in json.dumps(json.loads((tmp_path / "figure9.json").read_text())["run"])


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["figure9", "--epochs", "3"], "figure9 is drawn, not trained, so it does not take --epochs."),
        (["figure9", "--dry-run"], "figure9 is drawn, not trained, so it does not take --dry-run."),
        (["cost", "--report"], "cost is timed, not trained, so it does not take --report."),
        (["figure9", "--data", "none.npz"], "The data set cifar100 is not at none.npz."),
    ],
)
def test_what_a_figure_does_not_take_is_one_line(arguments, error, tmp_path):
    result = run(*arguments, "--out", tmp_path / "run")
    assert result.exit_code and error in result.output and not (tmp_path / "run").exists()


def test_without_trained_networks_nothing_is_drawn(sources, tmp_path):
    scale = Scale(seeds=1, networks={"ResNet50": "ResNet14-basic"}, image_size=8, is_smoke=True)
    with pytest.raises(ValueError, match=r"must hold trained networks of Figure 6"):
        write_drawing(read_table("figure6"), tmp_path, scale, sources)
    reproduce(read_table("figure6"), tmp_path, scale=scale, sources=sources, rows=["*_org"])
    other = Scale(seeds=1, networks=scale.networks, image_size=12, is_smoke=True)
    with pytest.raises(ValueError, match=r"`directory` must be new or hold a run of the same table at the same scale"):
        write_drawing(read_table("figure6"), tmp_path, other, sources)
    with pytest.raises(ValueError, match=r"`table` must be one with a drawing. Received: 'table13'"):
        write_drawing(read_table("table13"), tmp_path, scale, sources)
    with pytest.raises(ValueError, match=r"Figure 9 is not trained: `dia-keras reproduce figure9`, or `write_drawing`"):
        reproduce(read_table("figure9"), tmp_path, scale=Scale(), sources=sources)
