"""Tests of what a record tells about the process that wrote it."""

import pytest

from dia_keras.host import portable_command


@pytest.mark.parametrize(
    ("argv", "command"),
    [
        (["zoo/train.py", "zoo/recipes/paper_wrn.py"], "python zoo/train.py zoo/recipes/paper_wrn.py"),
        (["/a/zoo/train.py", "--data", "/b/cifar10.npz"], "python train.py --data cifar10.npz"),
        (["/a/bin/dia-keras", "export", "model.tflite"], "dia-keras export model.tflite"),
        (["-c", "x"], "python -c x"),
        (["C:/Scripts/dia-keras.exe", "list"], "dia-keras list"),
        (["/a/dia_keras/__main__.py", "reproduce", "table15"], "python -m dia_keras reproduce table15"),
        (["train.py", "--data", "cifar10=/b/cifar10.npz"], "python train.py --data cifar10=cifar10.npz"),
        (["train.py", "--data=/b/cifar10.npz", "--set", "seed=1"], "python train.py --data=cifar10.npz --set seed=1"),
        (["train.py", "--set", 'teachers=("/b/c/a.h5", "x")'], """python train.py --set 'teachers=("a.h5", "x")'"""),
        (["train.py", "--data", "/b=c/cifar10.npz"], "python train.py --data cifar10.npz"),
    ],
)
def test_commands_are_those_that_one_types_on_another_machine(argv, command):
    assert portable_command(argv) == command
