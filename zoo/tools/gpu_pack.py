"""Packs what a GPU machine without network lacks into `.gpu/1`, `.gpu/2`, ...: a folder a call. See `zoo/GPU.md`.

    make gpu-pack DATA=folder

The folder given holds `cifar10.npz` and `cifar100.npz`. Wheels come first, in the versions that are installed here;
then the data, as lossless WebP sheets, which Pillow reads without help, in parts that fill a call's limit. The limit
counts the files that git tracks, which travel, too, without the weights of the zoo and the pages of `docs`: move these
folders away meanwhile.
"""

import hashlib
import importlib.metadata
import io
import json
import pathlib
import subprocess
import sys
import tempfile
import zipfile

import click
import file_parts
import numpy as np
import wanted
from PIL import Image

from dia_keras.files import staged

ROOT = pathlib.Path(__file__).resolve().parents[2]
#: Keras and dia_keras, as far as a machine with JAX may lack them. What is there already is not installed there.
WHEELS = ("keras", "namex", "optree", "absl-py", "packaging", "typing_extensions", "platformdirs")
#: For `benchmarks/training.py --peers`; the environment here need not have it.
PEERS = "pytorchcv==0.0.74"
PLATFORMS = ("manylinux_2_28_x86_64", "manylinux_2_27_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64")
#: What a call takes along, tracked files included, less room for what is written meanwhile.
CALL_BYTES = (64 << 20) - (1 << 20)
#: No training of the campaign reads these folders.
MOVED_AWAY = (ROOT / "dia_keras" / "zoo" / "weights", ROOT / "docs")
TILES = 50  # images along each side of a sheet


def download_wheels(folder: pathlib.Path, python: str) -> None:
    """Downloads the wheels for another Python version than this, maybe."""
    pins = [f"{name}=={importlib.metadata.version(name)}" for name in WHEELS] + [PEERS]
    platforms = [argument for platform in PLATFORMS for argument in ("--platform", platform)]
    options = ["--no-deps", "--only-binary=:all:", "--implementation", "cp", "--python-version", python, *platforms]
    command = [sys.executable, "-P", "-m", "pip", "download", "--quiet", *options, "--dest", str(folder), *pins]
    subprocess.run(command, check=True)


def pack_data(npz: pathlib.Path, target: pathlib.Path) -> None:
    """Writes the arrays of an npz file into a zip file, images as sheets."""
    index, others = {}, {}
    with np.load(npz) as arrays, zipfile.ZipFile(target, "w") as file:
        for name in arrays.files:
            array = arrays[name]
            if array.dtype != np.uint8 or array.ndim != 4 or array.shape[-1] != 3:
                others[name] = array
                continue
            index[name] = {"shape": array.shape, "sha256": hashlib.sha256(array.tobytes()).hexdigest()}
            for number, begin in enumerate(range(0, len(array), TILES**2)):
                file.writestr(f"{name}/{number}.webp", webp(sheet(array[begin : begin + TILES**2])))
        rest = io.BytesIO()
        np.savez_compressed(rest, **others)
        file.writestr("others.npz", rest.getvalue())
        file.writestr("index.json", json.dumps(index))


def sheet(images: np.ndarray) -> np.ndarray:
    """Returns up to `TILES` x `TILES` images, uint8 `(n, height, width, 3)`, as one; the last places may be black."""
    n, height, width, channels = images.shape
    places = np.zeros((TILES**2, height, width, channels), np.uint8)
    places[:n] = images
    return places.reshape(TILES, TILES, height, width, channels).swapaxes(1, 2).reshape(TILES * height, -1, channels)


def webp(picture: np.ndarray) -> bytes:
    """Returns a picture as lossless WebP."""
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "WEBP", lossless=True, method=4, quality=75)
    return file.getvalue()


def travelling_bytes() -> int:
    """Returns the bytes of the files that travel with every call: what git does not ignore, less `MOVED_AWAY`."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split("\0")
    paths = [ROOT / name for name in names if name]
    travelling = [path for path in paths if path.is_file() and not any(map(path.is_relative_to, MOVED_AWAY))]
    return sum(path.stat().st_size for path in travelling)


def in_order(files: list[pathlib.Path]) -> list[pathlib.Path]:
    """Returns data sets in the order in which the queue needs them."""
    entries = [row.get("entry", "") for row in wanted.read(ROOT / "zoo" / "queue.toml")]
    first = {path: [name.endswith(f"_{path.stem}") for name in entries] for path in files}
    return sorted(files, key=lambda path: first[path].index(True) if any(first[path]) else len(entries))


def fill(folder: pathlib.Path, files: list[pathlib.Path], limit: int, used: int) -> int:
    """Distributes files over folders named 1, 2, ..., the first of which is used already; returns their number."""
    number = 1
    for path in files:
        if used >= limit:
            number, used = number + 1, 0
        for part, (name, data) in enumerate(file_parts.cut(path, limit, limit - used)):
            if part:
                number, used = number + 1, 0
            (folder / str(number)).mkdir(exist_ok=True)
            file_parts.write(folder / str(number) / name, data)
            used += len(data)
    return number


@click.command(help=__doc__)
@click.option("--data", required=True, type=click.Path(exists=True, file_okay=False, path_type=pathlib.Path))
@click.option("--to", default=ROOT / ".gpu", show_default=".gpu", type=click.Path(path_type=pathlib.Path))
@click.option("--python", default="3.12", show_default=True, help="Python version of the machine.")
@click.option("--limit", type=float, help="MiB a call; default: 63, less the files that travel with every call.")
def main(data: pathlib.Path, to: pathlib.Path, python: str, limit: float | None):
    files = in_order(sorted(data.glob("*.npz")))
    if not files:
        raise click.UsageError(f"--data must hold .npz files. Received: {data}")
    if to.exists() and not all(path.name.isdecimal() for path in to.iterdir()):
        raise click.UsageError(f"--to must be a new folder, or one that this command wrote. Received: {to}")
    room = CALL_BYTES - travelling_bytes() if limit is None else int(limit * (1 << 20))
    if room <= 0:
        own = f"{travelling_bytes() / (1 << 20):.1f} MiB of files that git tracks travel with every call"
        raise click.UsageError(f"--limit must leave room for wheels and data. Received: {room} bytes; {own}")
    with tempfile.TemporaryDirectory() as temporary, staged(to) as new:
        (new / "1").mkdir(parents=True)
        download_wheels(new / "1", python)
        packed = []
        for npz in files:
            packed.append(pathlib.Path(temporary, f"{npz.stem}.data.zip"))
            pack_data(npz, packed[-1])
            print(f"{npz.name}: {packed[-1].stat().st_size / (1 << 20):.1f} MiB packed")
        used = sum(path.stat().st_size for path in (new / "1").iterdir())
        calls = fill(new, packed, room, used)
    for number in range(1, calls + 1):
        names = sorted(path.name for path in (to / str(number)).iterdir())
        size = sum(path.stat().st_size for path in (to / str(number)).iterdir())
        print(f"{to.name}/{number}: {size / (1 << 20):.1f} MiB, {', '.join(names)}")
    for name in (f"{path.stem}.data.zip" for path in files):
        last = max(number for number in range(1, calls + 1) if any((to / str(number)).glob(f"{name}.*")))
        print(f"{name.removesuffix('.data.zip')} is complete with {to.name}/{last}")
    if here := [str(folder.relative_to(ROOT)) for folder in MOVED_AWAY if folder.is_dir()]:
        print(f"Before the first call, move {' and '.join(here)} away: there is no room for them.")


if __name__ == "__main__":
    main()
