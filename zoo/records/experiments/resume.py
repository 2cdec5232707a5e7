"""A training that is killed and goes on, against one that is not: their checkpoints must be equal to the bit.

    KERAS_BACKEND=jax python zoo/records/experiments/resume.py --entry dia_resnet164_cifar100 --data cifar100.npz

The second training is killed (SIGKILL) in the midst of its second epoch and started once more by the same command.
What was compared is written to the folder `resume` beside this file, which `zoo/RECIPES.md` cites.
"""

import json
import pathlib
import subprocess
import sys
import tempfile
import time

import click
import h5py
import keras
import numpy as np

from dia_keras.cli import data_options, without_traceback
from dia_keras.files import write_json
from dia_keras.host import describe_run
from dia_keras.training.runs.checkpoint_files import checkpoints

HERE = pathlib.Path(__file__).resolve().parent
ZOO = HERE.parents[1]
RESULTS = HERE / "resume"


@click.command(help=__doc__)
@click.option("--recipe", default=ZOO / "recipes" / "one_cycle_gpu.py", type=click.Path(exists=True))
@click.option("--entry", default="dia_resnet164_cifar100", show_default=True)
@click.option("--images", default=1024, show_default=True, type=click.IntRange(1))
@click.option("--epochs", default=3, show_default=True, type=click.IntRange(2))
@data_options
@without_traceback
def main(recipe, entry: str, images: int, epochs: int, source: str | None, data_dir: str | None):
    command = [sys.executable, str(ZOO / "train.py"), str(recipe), "--entry", entry]
    command += ["--set", f"images={images}", "--set", f"epochs={epochs}"]
    command += ["--data", source] if source else []
    command += ["--data-dir", data_dir] if data_dir else []
    with tempfile.TemporaryDirectory() as name:
        whole, cut = pathlib.Path(name, "whole"), pathlib.Path(name, "cut")
        subprocess.run([*command, "--out", str(whole)], check=True)
        kill_in_second_epoch([*command, "--out", str(cut)], cut)
        subprocess.run([*command, "--out", str(cut)], check=True)
        last = [checkpoints(folder)[-1] for folder in (whole, cut)]
        ended = [saved.epochs for saved in last]
        if ended != [epochs, epochs]:
            raise click.ClickException(f"The trainings ended after {ended[0]} and {ended[1]} epochs, not {epochs}.")
        arrays, different = compare(*(saved.path for saved in last))
        used = json.loads((whole / "recipe.json").read_text())
    found = {"entry": entry, "arrays": arrays, "different": different, "recipe": used, "run": describe_run()}
    RESULTS.mkdir(exist_ok=True)
    write_json(RESULTS / f"{entry}-{keras.backend.backend()}.json", found)
    print(f"{arrays} arrays of weights and optimizer, {len(different)} of them different")
    sys.exit(1 if different else 0)


def kill_in_second_epoch(command: list[str], folder: pathlib.Path) -> None:
    """Starts a training, and kills it a second after its first checkpoint."""
    process = subprocess.Popen(command)
    while not checkpoints(folder):
        if process.poll() is not None:
            raise click.ClickException(f"The training ended before its first checkpoint, with {process.returncode}.")
        time.sleep(0.1)
    time.sleep(1)
    process.kill()
    process.wait()
    done = checkpoints(folder)[-1].epochs
    if done != 1:
        raise click.ClickException(f"The training had {done} epochs behind it when it was killed: give more --images.")
    print("Killed in its second epoch; goes on.", flush=True)


def compare(one: pathlib.Path, other: pathlib.Path) -> tuple[int, list[str]]:
    """Returns the number of arrays in two HDF5 files, and the names of those that differ or that one lacks."""
    with h5py.File(one) as a, h5py.File(other) as b:
        found: list[dict[str, np.ndarray]] = []
        for file in (a, b):
            arrays: dict[str, np.ndarray] = {}

            def take(name, item, arrays=arrays):
                if isinstance(item, h5py.Dataset):
                    arrays[name] = item[()]

            file.visititems(take)
            found.append(arrays)
    names = sorted(found[0].keys() | found[1].keys())
    same = {name for name in names if all(name in f for f in found) and np.array_equal(*(f[name] for f in found))}
    return len(names), [name for name in names if name not in same]


if __name__ == "__main__":
    main()
