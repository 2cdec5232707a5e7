"""Errors of commands speak of their options."""

import click
import pytest
from click.testing import CliRunner

from dia_keras.cli import benchmark, convert, evaluate, export, main, predict, push, train
from dia_keras.cli.terminal.words import in_options
from dia_keras.zoo import finding


@pytest.mark.parametrize(
    ("command", "message", "expected"),
    [
        (
            evaluate,
            "`source` must exist. Received: source='a.npz', which is not a folder",
            "`--data` must exist. Received: --data='a.npz', which is not a folder",
        ),
        (evaluate, "name its folder by `data_dir=` or VARIABLE", "name its folder by `--data-dir` or VARIABLE"),
        (evaluate, "Run `tfds`. In Python, `download=True` does so, too.", "Run `tfds`."),
        (evaluate, "None. In Python, `weights=None` builds it. Trained: none.", "None. Trained: none."),
        (predict, "`name` must be one of `dia_keras.zoo.list_models()`. Received: name='a'", None),
        (predict, "`entry` must be one of `dia_keras.zoo.list_models()`. Received: entry='a'", None),
        (train, "`path` must be a file. Received: path='a'", "`RECIPE` must be a file. Received: RECIPE='a'"),
        (
            train,
            "`directory` must be new, `minutes` a number. Received: directory='a', minutes=0",
            "`--out` must be new, `--minutes` a number. Received: --out='a', --minutes=0",
        ),
        (convert, "`path` must end in .keras. Received: path='a'", "`--out` must end in .keras. Received: --out='a'"),
        (
            push,
            "`path` must exist. Received: path='a'",
            "`--folder` must exist. Received: --folder='a'",
        ),
        (export, "`path` must end in .tflite. Received: path='a'", "`PATH` must end in .tflite. Received: PATH='a'"),
        (
            export,
            "`input_dtype` must be 'float32'. Received: input_dtype=7",
            "`--input-dtype` must be 'float32'. Received: --input-dtype=7",
        ),
        (
            benchmark,
            "`runtimes` must be among 'onnx'. Received: 'x'",
            "`--runtime` must be among 'onnx'. Received: 'x'",
        ),
        *(
            (
                main.commands[name],
                "`input_shape` must be at least 4 pixels high. Received: input_shape=(3, 3, 3)",
                f"`{option}` must be at least 4 pixels high. Received: {option}=(3, 3, 3)",
            )
            for name, option in (("fine-tune", "--size"), ("reproduce", "--image-size"))
        ),
        # What is no argument of the command stays as it is.
        (
            evaluate,
            "`model` must be built. Received: model='m', shape=3",
            "`model` must be built. Received: model='m', shape=3",
        ),
        (evaluate, "Received: weights.source='a'", "Received: weights.source='a'"),
    ],
)
def test_arguments_become_options(command, message, expected):
    expected = expected or "`--model` must be one that `dia-keras list` shows. Received: --model='a'"
    assert in_options(message, command) == expected


def test_commands_say_what_is_wrong_with_their_options(tmp_path):
    entry = "dia_resnet20_cifar10"
    for arguments, message in (
        (
            ["evaluate", entry, "--weights", "a.h5"],
            "`--weights` must be 'pretrained' or the path of an existing .safetensors file or an existing .weights.h5",
        ),
        (
            ["evaluate", "dia_resnet20"],
            "`NAME` must be one that `dia-keras list` shows. Did you mean 'dia_resnet20_cifar10'",
        ),
        (["predict", "--model", "dia_resnet20", __file__], "`--model` must be one that `dia-keras list` shows."),
        (["benchmark", entry, "--runtime", "x"], "`--runtime` must be among 'tflite', "),
        (["train", str(tmp_path / "none.py")], "`RECIPE` must be "),
        (["export", entry, str(tmp_path / "a.pt")], "`PATH` must "),
    ):
        result = CliRunner().invoke(main, arguments)
        assert result.exit_code == 1 and result.output.startswith(f"Error: {message}"), result.output


def test_the_parameters_of_all_commands_have_names_that_the_library_uses(monkeypatch):
    """A message about `source` from deep within is about --data wherever there is --data."""

    def fail(*arguments, **options):
        raise ValueError("`source` is bad. Received: source=1")

    monkeypatch.setattr(finding, "list_models", fail)
    for arguments in (
        ["evaluate", "a"],
        ["export", "a", "b.onnx", "--test", "--data=x"],
        ["fine-tune", "x.npz", "--from", "a"],
    ):
        output = CliRunner().invoke(main, arguments).output
        assert "`--data` is bad. Received: --data=1" in output or "`DATA` is bad. Received: DATA=1" in output, output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["reproduce", "cost", "--epochs", "3"], "cost is timed, not trained, so it does not take --epochs."),
        (["reproduce", "cost", "--minutes", "3"], "cost is timed, not trained, so it does not take --minutes."),
        (["reproduce", "table9", "--report", "--row", "*"], "so it does not take `--row`."),
        (["convert", "w.pth", "--list"], "`--list` takes `--json` only."),
        (["convert", "--fetch", "x", "--json"], "`--json` is for `--list`."),
    ],
)
def test_options_that_do_nothing_are_refused(arguments, message):
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 2 and message in result.output


def test_scripts_with_options_of_their_own_have_them_in_errors():
    @click.command()
    @click.option("--rate", "learning_rate")
    def script(learning_rate):
        pass

    assert (
        in_options("`learning_rate` must be 1. Received: learning_rate=2", script)
        == "`--rate` must be 1. Received: --rate=2"
    )
