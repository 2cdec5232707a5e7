"""What commands show on a terminal: progress bars, and nothing of TensorFlow's import."""

import functools
import importlib
import io
import os
import pathlib
import subprocess
import sys

import keras
import numpy as np
import pytest

import dia_keras
from dia_keras.benchmark import Measurement
from dia_keras.benchmark.show import table as measurements_table
from dia_keras.cli import console
from dia_keras.cli.terminal import quiet
from dia_keras.data import Split
from dia_keras.export import ExportReport
from dia_keras.export.comparison import best_classes
from dia_keras.export.report import table as report_table
from dia_keras.progress import shown, terminal, track
from dia_keras.training import evaluate

PACKAGE = pathlib.Path(dia_keras.__file__).parent


class Terminal(io.StringIO):
    def isatty(self):
        return True


def on_terminal(monkeypatch):
    """Returns what is written to stderr, which from now on is a terminal."""
    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.setenv("TERM", "xterm")
    return sys.stderr


def test_an_evaluation_has_a_bar_within_a_command_only(capsys, monkeypatch):
    screen = on_terminal(monkeypatch)
    model = keras.Sequential([keras.Input((2, 2, 1)), keras.layers.Flatten(), keras.layers.Softmax()])
    images = np.random.default_rng(0).integers(0, 3, (10, 2, 2, 1), "uint8")
    split = Split(images, images.reshape(10, 4).argmax(-1))
    quiet = evaluate(model, split, ("a", "b", "c", "d"), batch_size=4)
    assert screen.getvalue() == ""
    with shown():
        assert evaluate(model, split, ("a", "b", "c", "d"), batch_size=4) == quiet
    assert quiet.top1 == 1 and quiet.images == 10
    assert "Evaluating" in screen.getvalue() and "100%" in screen.getvalue() and capsys.readouterr().out == ""


def test_the_test_of_an_export_has_a_bar(monkeypatch):
    screen = on_terminal(monkeypatch)
    with shown():
        assert best_classes(lambda images: np.eye(3)[images], np.array([0, 1, 2]), "Testing").tolist() == [0, 1, 2]
    assert "Testing" in screen.getvalue()


def test_bars_are_on_a_terminal_only(capsys):
    assert terminal() is None
    with shown():
        assert terminal() is None
    with shown(Terminal()), shown(stream := Terminal()):
        assert terminal() is stream
    assert terminal() is None


def test_a_pipe_has_no_bar(capsys, monkeypatch):
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    with shown():
        assert list(track(range(3), "Working")) == [0, 1, 2]
    assert sys.stderr.getvalue() == "" and capsys.readouterr().out == ""


def test_there_is_no_other_kind_of_bar():
    """Rich's own would write into the JSON on stdout."""
    users = [
        path.name
        for path in PACKAGE.rglob("*.py")
        if "progress.track(" in (text := path.read_text()) or "rich.progress" in text
    ]
    assert users == ["progress.py"]


IMPORT = """
import sys
sys.argv[0] = "dia-keras"
import dia_keras.cli
import tensorflow
print(tensorflow.number)
"""


def imported(folder, code):
    """Returns a process of the command line that imports a TensorFlow of this code."""
    (folder / "tensorflow.py").write_text(code)
    path = os.pathsep.join([str(folder), str(PACKAGE.parent)])
    return subprocess.run(
        [sys.executable, "-c", IMPORT],
        capture_output=True,
        text=True,
        env={"PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"},
    )


def test_tables_of_reports_are_whole_in_40_columns(monkeypatch):
    report = ExportReport(
        pathlib.Path("a.tflite"), "tflite", "int16x8", 10**6, 1.0, 1.0, 1e-3, 8, {"MUL": 1}, 1, 1.0, 0.5, 0.5
    )
    measured = Measurement("dia_resnet164_cifar100", "resnet164_cifar100", "tflite-dynamic", 32, 2, 123.45, 1.234, 100)
    monkeypatch.setattr(console, "width", 40)
    for table in (report_table([report]), measurements_table([measured])):
        with console.capture() as capture:
            console.print(table)
        assert "…" not in capture.get() and all(len(line) <= 40 for line in capture.get().splitlines())


def test_what_litert_says_before_its_first_answer_is_not_shown(tmp_path):
    (tmp_path / "ai_edge_litert").mkdir()
    (tmp_path / "ai_edge_litert" / "__init__.py").touch()
    code = "import os\nclass Interpreter:\n    def allocate_tensors(self):\n        os.write(2, b'INFO: XNNPACK')\n"
    code += "class SignatureRunner:\n    def __call__(self, *, images):\n        os.write(2, b'INFO: XNNPACK')\n"
    (tmp_path / "ai_edge_litert" / "interpreter.py").write_text(code + "        return 1 / images\n")
    use = "from ai_edge_litert.interpreter import Interpreter, SignatureRunner\nInterpreter().allocate_tensors()\n"
    use += "number = SignatureRunner()(images=1)"
    done = imported(tmp_path, use)
    assert (done.stdout, done.stderr) == ("1.0\n", "")
    assert "INFO: XNNPACK" in imported(tmp_path, use.replace("=1)", "=0)")).stderr


@pytest.mark.tensorflow
def test_the_functions_that_are_made_quiet_exist():
    for module, names in quiet.NOISY.items():
        for name in names:
            assert callable(functools.reduce(getattr, name.split("."), importlib.import_module(module)))


def test_what_tensorflow_says_as_it_is_imported_is_not_shown(tmp_path):
    noise = "import os\nos.write(2, b'I0000 port.cc: oneDNN\\n')\n"
    level = "number = os.environ['TF_CPP_MIN_LOG_LEVEL']\n"
    done = imported(tmp_path, noise + level)
    assert (done.stdout, done.stderr) == ("3\n", "")
    done = imported(tmp_path, noise + "raise OSError('cannot load')")
    assert done.stderr.startswith("I0000 port.cc: oneDNN\n") and done.stderr.endswith("OSError: cannot load\n")
