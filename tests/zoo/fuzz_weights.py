"""Damages weights files at random and loads them: each must load exactly or be refused, and none may end the process.

    python tests/zoo/fuzz_weights.py --mutations 2000

The files are those of a small network: ours in both forms, and Keras' own. Most of the damage is outside of the
tensors' numbers, since that is where parsers fail. Prints the counts of outcomes, and ends with an error where there is
one that is neither a load nor a refusal. `test_fuzz.py` runs a short one. HDF5 files are parsed in the same process as
the loading here, as those of the zoo are; others are parsed in a process of their own.
"""

import collections
import json
import os
import pathlib
import resource
import subprocess
import sys
import tempfile
import time

import click
import numpy as np

ROOT = pathlib.Path(__file__).parents[2]
#: What may become of a damaged file. Keras' own have no checksums: of them, a changed number loads as it is, and a
#: changed address may load what lies there, if it is no other tensor.
GOOD = ("exact", "refused")
GOOD_OF_KERAS = (*GOOD, "a changed number", "a changed address")
SECONDS = 20  # for one file
MEGABYTES = 200  # that a process may grow by
EXTREMES = (0, 1, 255, 1 << 16, (1 << 31) - 1, (1 << 32) - 1, 1 << 40, (1 << 63) - 1, (1 << 64) - 1)


def prepare(folder: pathlib.Path) -> None:
    """Writes the sound files, and what the network expects of them, for processes without Keras."""
    from dia_keras import zoo
    from dia_keras.backbones import resnet
    from dia_keras.units.initializers import without_initial_values
    from dia_keras.zoo.files.keras_layout import layout_of

    with without_initial_values():  # JAX compiles a program for each
        model = resnet(8, "basic", attention="dia_lstm", name="small", input_shape=(8, 8, 3))
    rng = np.random.default_rng(0)
    for weight in model.weights:
        weight.assign(rng.normal(size=weight.shape))
    zoo.save_weights(model, folder / "ours.weights.h5")
    zoo.save_weights(model, folder / "ours.safetensors")
    model.save_weights(folder / "keras.weights.h5")
    (folder / "layout.json").write_text(json.dumps(layout_of(model)[0]))


def fuzz(folder: pathlib.Path, mutations: int, seed: int) -> list[dict]:
    """Damages every file in a folder so many times, in processes of their own; returns the outcomes."""
    outcomes: list[dict] = []
    paths = files(folder)
    while len(outcomes) < mutations * len(paths):
        command = [
            sys.executable,
            __file__,
            "--child",
            *map(str, (folder, len(outcomes), mutations * len(paths), seed)),
        ]
        done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)})
        outcomes += [json.loads(line) for line in done.stdout.splitlines()]
        if done.returncode:  # -11: a segmentation fault; -14: `SECONDS` are over
            number = len(outcomes)
            row = {"number": number, "file": paths[number % len(paths)].name, "outcome": f"exit {done.returncode}"}
            outcomes.append({**row, "detail": done.stderr[-500:]})
            if done.returncode > 0:  # the fault is not in a file
                break
    return outcomes


def files(folder: pathlib.Path) -> list[pathlib.Path]:
    return sorted(path for path in folder.iterdir() if path.suffix != ".json")


def child(folder: pathlib.Path, begin: int, end: int, seed: int) -> None:
    """Loads damaged files, and prints an outcome each."""
    import signal

    sys.argv[0] = "dia-keras"  # this process needs no Keras
    from dia_keras.zoo.files import reading, tensors

    network, places, groups = json.loads((folder / "layout.json").read_text())
    places = {key: tensors.Place(tuple(shape), *rest) for key, (shape, *rest) in places.items()}
    layout = tensors.Layout(network, places, groups)
    paths = files(folder)
    sound = {path: path.read_bytes() for path in paths}
    expected = {path: reading.tensors_in(reading.read_file(path), layout) for path in paths}
    numbers = {path: extents(path) for path in paths}
    for number in range(begin, end):
        path = paths[number % len(paths)]
        damaged, kind = mutate(sound[path], numbers[path], np.random.default_rng((seed, number)))
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        signal.alarm(SECONDS)
        detail, started = "", time.perf_counter()
        try:
            found = reading.tensors_in(reading.WeightsFile(path, damaged, is_trusted=True), layout)
            outcome = compare(found, expected[path], damaged, numbers[path])
        except ValueError as error:
            outcome, detail = (
                "refused" if str(path) in str(error) else "an error that does not name the file",
                str(error),
            )
        except BaseException as error:
            outcome, detail = f"{type(error).__name__}", str(error)
        signal.alarm(0)
        if resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory > MEGABYTES * 1000:
            outcome = f"grew by more than {MEGABYTES} MB"
        seconds = round(time.perf_counter() - started, 3)
        row = {"number": number, "file": path.name, "kind": kind, "outcome": outcome, "detail": detail[:300]}
        print(json.dumps({**row, "seconds": seconds}), flush=True)


def extents(path: pathlib.Path) -> dict[str, tuple[int, int]]:
    """Returns where the numbers of every tensor in a sound file begin and end."""
    if path.suffix == ".safetensors":
        content = path.read_bytes()
        begin = 8 + int.from_bytes(content[:8], "little")
        header = json.loads(content[8:begin])
        return {
            key: (begin + value["data_offsets"][0], begin + value["data_offsets"][1])
            for key, value in header.items()
            if key != "__metadata__"
        }
    import h5py

    found = {}

    def visit(key, value):
        if isinstance(value, h5py.Dataset):
            found[key] = (value.id.get_offset(), value.id.get_offset() + value.id.get_storage_size())

    with h5py.File(path) as file:
        file.visititems(visit)
    return found


def mutate(sound: bytes, numbers: dict, rng: np.random.Generator) -> tuple[bytes, str]:
    """Returns a damaged copy, and what was done to it."""
    content = bytearray(sound)
    is_number = np.zeros(len(sound), bool)
    for begin, end in numbers.values():
        is_number[begin:end] = True
    rest = np.flatnonzero(~is_number)
    kinds = ["bit", "bits", "byte", "field", "block", "anywhere", "truncated", "longer"]
    kind = str(rng.choice(kinds, p=[0.4, 0.1, 0.1, 0.15, 0.1, 0.05, 0.07, 0.03]))
    if kind in ("bit", "bits"):
        for place in rng.choice(rest, 1 if kind == "bit" else rng.integers(2, 9)):
            content[place] ^= 1 << int(rng.integers(8))
    elif kind == "byte":
        content[rng.choice(rest)] = int(rng.choice([0, 1, 127, 128, 255]))
    elif kind == "field":
        place, size = int(rng.choice(rest)), int(rng.choice([2, 4, 8]))
        value = int(rng.choice(EXTREMES[:4] if size == 2 else EXTREMES[:6] if size == 4 else range(len(EXTREMES))))
        value = EXTREMES[value] if size == 8 else value
        content[place : place + size] = (value % (1 << 8 * size)).to_bytes(size, "little")[: len(content) - place]
    elif kind == "block":
        size = int(rng.integers(1, 200))
        source, target = (int(rng.choice(rest[rest < len(content) - size])) for _ in range(2))
        content[target : target + size] = content[source : source + size]
    elif kind == "anywhere":
        content[rng.integers(len(content))] ^= 1 << int(rng.integers(8))
    elif kind == "truncated":
        del content[rng.integers(len(content)) :]
    else:
        content += rng.bytes(int(rng.integers(1, 5000)))
    return bytes(content), kind


def compare(found: dict, expected: dict, damaged: bytes, numbers: dict) -> str:
    different = [key for key in expected if found[key].tobytes() != expected[key].tobytes()]
    if not different:
        return "exact"
    stored = {key: damaged[slice(*numbers[key])] for key in different}  # as float32, where there is no checksum
    same = all(found[key].tobytes() == stored[key] for key in different)
    return "a changed number" if same else "a changed address"


def bad(outcomes: list[dict]) -> list[dict]:
    return [row for row in outcomes if row["outcome"] not in (GOOD_OF_KERAS if "keras" in row["file"] else GOOD)]


@click.command()
@click.option("--mutations", default=2000, show_default=True, help="Damaged copies of each file.")
@click.option("--seed", default=0, show_default=True)
def main(mutations: int, seed: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        prepare(folder)
        outcomes = fuzz(folder, mutations, seed)
    counts = collections.Counter((row["file"], row["outcome"]) for row in outcomes)
    for (file, outcome), count in sorted(counts.items()):
        print(f"{file:20}{outcome:50}{count:8}")
    print(f"slowest: {max(row.get('seconds', 0) for row in outcomes)} s")
    for row in bad(outcomes):
        print(json.dumps(row))
    sys.exit(bool(bad(outcomes)))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        child(pathlib.Path(sys.argv[2]), *map(int, sys.argv[3:6]))
    else:
        main()
