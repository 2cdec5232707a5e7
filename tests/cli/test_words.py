"""Errors of commands speak of their options."""

import click
import pytest
from click.testing import CliRunner

from dia_keras import zoo
from dia_keras.cli import benchmark, evaluate, export, main, predict, train
from dia_keras.cli.terminal.words import in_options


@pytest.mark.parametrize(
    ("command", "message", "expected"),
    [
        (
            evaluate,
            "`source` must exist. Received: source='a.npz', which is no folder",
            "`--data` must exist. Received: --data='a.npz', which is no folder",
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
    monkeypatch.setattr(
        zoo, "card", lambda name: (_ for _ in ()).throw(ValueError("`source` is bad. Received: source=1"))
    )
    for arguments in (["evaluate", "a"], ["export", "a", "b.onnx"]):
        assert "`source`" not in CliRunner().invoke(main, arguments).output


def test_scripts_with_options_of_their_own_have_them_in_errors():
    @click.command()
    @click.option("--rate", "learning_rate")
    def script(learning_rate):
        pass

    assert (
        in_options("`learning_rate` must be 1. Received: learning_rate=2", script)
        == "`--rate` must be 1. Received: --rate=2"
    )
