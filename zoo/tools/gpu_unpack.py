"""Unpacks a folder of `make gpu-pack` on the GPU machine: wheels are installed, data are put together.

    python3 zoo/tools/gpu_unpack.py .gpu/1 --to ~/gpu && export PYTHONPATH=~/gpu/site:$PWD

Called with every folder, in any order and again if need be. `~/gpu/site` gets the packages that the machine lacks,
`~/gpu/data` each data set whose parts are all there. Needs NumPy and Pillow, and no network.
"""

import argparse
import hashlib
import importlib.metadata
import io
import json
import pathlib
import subprocess
import sys
import zipfile

import file_parts
import numpy as np
from PIL import Image


def install(folder: pathlib.Path, site: pathlib.Path) -> None:
    """Installs the wheels in a folder that are neither installed here nor in `site`."""
    sys.path.append(str(site))
    wheels = [path for path in sorted(folder.glob("*.whl")) if not is_installed(path.name.split("-")[0])]
    if not wheels:
        return
    options = ["--quiet", "--no-index", "--no-deps", "--no-compile", "--no-cache-dir", "--disable-pip-version-check"]
    subprocess.run([sys.executable, "-P", "-m", "pip", "install", *options, "--target", site, *wheels], check=True)
    print(f"installed in {site}: {', '.join(path.name for path in wheels)}")


def is_installed(name: str) -> bool:
    try:
        return bool(importlib.metadata.version(name))
    except importlib.metadata.PackageNotFoundError:
        return False


def unpack(packed: pathlib.Path, npz: pathlib.Path) -> None:
    """Writes the npz file whose arrays `gpu_pack.py` packed.

    Raises:
        ValueError: Where the images are not those that were packed.
    """
    with zipfile.ZipFile(packed) as file:
        arrays = dict(np.load(io.BytesIO(file.read("others.npz"))))
        for name, known in json.loads(file.read("index.json")).items():
            count, height, width, channels = known["shape"]
            sheets = [item for item in file.namelist() if item.startswith(f"{name}/")]
            images = []
            for item in sorted(sheets, key=lambda item: int(pathlib.PurePath(item).stem)):
                picture = np.asarray(Image.open(io.BytesIO(file.read(item))).convert("RGB"))
                rows = picture.reshape(picture.shape[0] // height, height, -1, width, channels).swapaxes(1, 2)
                images.append(rows.reshape(-1, height, width, channels))
            arrays[name] = np.concatenate(images)[:count]
            if hashlib.sha256(arrays[name].tobytes()).hexdigest() != known["sha256"]:
                raise ValueError(f"{packed.name} must give the images that were packed. Received: other {name}")
    whole = io.BytesIO()
    np.savez(whole, **arrays)
    file_parts.write(npz, whole.getvalue())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path, help="a folder that `make gpu-pack` made")
    parser.add_argument("--to", type=pathlib.Path, required=True, help="folder that the machine keeps between calls")
    options = parser.parse_args()
    if not options.folder.is_dir():
        parser.error(f"folder must be one that `make gpu-pack` made. Received: {options.folder}, which is not there")
    site, parts, data = (options.to / name for name in ("site", "parts", "data"))
    for folder in (site, parts, data):
        folder.mkdir(parents=True, exist_ok=True)
    install(options.folder, site)
    for paths in file_parts.find([options.folder]).values():
        for path in paths.values():
            file_parts.write(parts / path.name, path.read_bytes())
    for whole, paths in file_parts.find([parts]).items():
        npz = data / f"{whole.name.removesuffix('.data.zip')}.npz"
        if len(paths) < whole.count:
            print(f"{npz.name}: {len(paths)} of {whole.count} parts are here")
            continue
        packed = options.to / whole.name
        try:
            file_parts.join(whole, paths, packed)
            unpack(packed, npz)
            print(f"{npz} is complete")
        finally:  # parts that are damaged go, too, and are brought again
            packed.unlink(missing_ok=True)
            for path in paths.values():
                path.unlink()


if __name__ == "__main__":
    main()
