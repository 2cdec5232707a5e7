"""The examples that need no data run."""

import itertools
import pathlib
import pkgutil
import re
import runpy
import shlex
import shutil
import subprocess
import sys
import time
import types

import click
import numpy as np
import pytest

from dia_keras.backbones import resnet
from dia_keras.cli import main

EXAMPLES = pathlib.Path(__file__).parents[2] / "examples"


def test_an_attention_of_ones_own_is_shared_by_a_stage(capsys):
    example = runpy.run_path(str(EXAMPLES / "custom_attention.py"), run_name="__main__")
    assert capsys.readouterr().out.splitlines() == [
        "shared=False: 9 layers, 672 parameters",
        "shared=True : 3 layers, 224 parameters",
    ]
    model = resnet(8, "basic", attention=example["ContrastAttention"](), shared=True)
    model.compile("sgd", "sparse_categorical_crossentropy")
    loss = model.train_on_batch(np.ones((2, 32, 32, 3), "float32"), np.zeros(2))
    assert np.isfinite(loss)


def test_the_slurm_array_runs_the_table_in_the_shared_folder(tmp_path):
    """`srun` is a script that prints its arguments; Slurm's own lines are comments for bash."""
    bash = shutil.which("bash")
    srun = tmp_path / "srun"
    srun.write_text(f'#!{bash}\nprintf "%s|" "$@"\n')
    srun.chmod(0o755)
    script = [bash, EXAMPLES / "slurm_array.sh"]
    environment = {"PATH": str(tmp_path), "HOME": "/home"}
    found = subprocess.run(
        [*script, "table4", "/runs", "--seeds", "3"], env=environment, capture_output=True, text=True
    )
    common = "--minutes|470|--stale-after|1|"
    assert found.stdout == f"dia-keras|reproduce|table4|--out|/runs|{common}--seeds|3|", found.stderr
    assert subprocess.run(script, env=environment, capture_output=True).returncode != 0


@pytest.mark.parametrize(
    ("options", "codes", "ends_with"),
    [
        ([], [0, 0], 0),
        ([], [3, 3, 0, 0], 0),  # the first worker waits for others
        (["--minutes", "60"], [3, 0], 0),  # the second worker completes the table
        (["--minutes=60"], [3, 3], 3),
    ],
)
def test_the_ray_job_has_a_worker_for_each_gpu(options, codes, ends_with, monkeypatch):
    """Ray is a module that runs what is remote at once."""
    commands, left, waits = [], list(codes), []

    def remote(**options):
        assert options["num_gpus"] == 1
        return lambda function: types.SimpleNamespace(remote=function)

    ray = types.SimpleNamespace(
        remote=remote, init=lambda: None, cluster_resources=lambda: {"GPU": 2.0, "CPU": 8.0}, get=list
    )

    def run(command):
        commands.append(command)
        return types.SimpleNamespace(returncode=left.pop(0))

    monkeypatch.setitem(sys.modules, "ray", ray)
    monkeypatch.setattr(time, "sleep", waits.append)
    monkeypatch.setattr(subprocess, "run", run)
    monkeypatch.setattr(sys, "argv", ["ray_job.py", "table4", "--out", "runs", *options])
    with pytest.raises(SystemExit) as stop:
        runpy.run_path(str(EXAMPLES / "ray_job.py"), run_name="__main__")
    assert stop.value.code == ends_with
    command = ["dia-keras", "reproduce", "--stale-after", "1", "table4", "--out", "runs", *options]
    assert commands == [command] * len(codes) and left == [] and len(waits) == len(codes) - 2


def test_the_options_of_the_cluster_examples_exist():
    options = {option for parameter in main.commands["reproduce"].params for option in parameter.opts}
    assert {"--out", "--minutes", "--stale-after"} <= options


PAGES = [
    page
    for folder in (".", "docs", "zoo", "export")
    for page in sorted((EXAMPLES.parent / folder).glob("*.md" if folder == "." else "**/*.md"))
    if "node_modules" not in page.parts
]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(EXAMPLES.parent)))
def test_commands_and_names_on_a_page_exist(page):
    text = page.read_text().replace("\\\n", " ")
    commands = re.findall(r"^ {4}dia-keras (.+)$|`dia-keras ([^`|]+)`", text, re.MULTILINE)
    for words in (shlex.split(line, comments=True) for line in map("".join, commands)):
        command = main
        while isinstance(command, click.Group) and words and not words[0].startswith("-"):
            assert words[0] in command.commands, f"dia-keras {words[0]}"
            command = command.commands[words.pop(0)]
        options = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
        options.add("--help")
        given = [word.partition("=")[0] for word in itertools.takewhile(lambda word: word != "--", words)]
        assert [word for word in given if re.match(r"--?[a-z]", word) and word not in options] == [], command.name
    for name in re.findall(r"\bdia_keras((?:\.[A-Za-z_]\w*)+)(?!\w*[/*])", text):
        pkgutil.resolve_name(f"dia_keras{name}")
    assert commands or page.name != "README.md" or page.parent != EXAMPLES.parent
