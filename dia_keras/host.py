"""The machine and the versions that a figure was measured with."""

import importlib
import os
import pathlib
import platform
import re
import shlex
import sys
from collections.abc import Sequence

import keras

CPUINFO = pathlib.Path("/proc/cpuinfo")
#: Linux' names of instructions for bfloat16: three of x86, one of Arm.
BFLOAT16 = {"avx512_bf16", "amx_bf16", "avx_ne_convert", "bf16"}


def describe_run() -> dict[str, str]:
    """Returns command, device and versions of this process, as logs and results cite them."""
    backend = keras.backend.backend()
    return {
        "command": portable_command(sys.argv),
        "backend": backend,
        "device": device_name(),
        "keras": keras.version(),
        backend: importlib.import_module(backend).__version__,
        "python": platform.python_version(),
    }


def portable_command(argv: Sequence[str]) -> str:
    """Returns a command as one would type it on another machine: of absolute paths, the last part.

    Args:
        argv: Arguments of the process, `sys.argv`.
    """
    program, arguments = pathlib.PurePath(argv[0]), map(_portable, argv[1:])
    if program.suffix == ".py" and program.stem == "__main__":
        return shlex.join(["python", "-m", program.parent.name, *arguments])
    if program.suffix == ".py" or argv[0] in ("", "-c"):
        return shlex.join(["python", _portable(argv[0]), *arguments])
    return shlex.join([program.stem, *arguments])  # a script that pip installed


def _portable(argument: str) -> str:
    """Returns an argument without folders of this machine: `PATH`, `NAME=PATH`, and paths in quotes, as in a tuple."""
    if pathlib.PurePath(argument).is_absolute():
        return pathlib.PurePath(argument).name
    name, separator, value = argument.partition("=")
    if separator:
        return f"{name}={_portable(value)}"
    return re.sub(r"""(?<=['"])/[^'"]*/(?=[^'"/]+['"])""", "", argument)


def device_name() -> str:
    """Returns the accelerator's name, or the processor's with its number of cores."""
    return _accelerator() or f"{_processor()}, {os.cpu_count()} cores"


def _accelerator() -> str | None:
    backend = keras.backend.backend()
    if backend == "jax":
        import jax

        device = jax.devices()[0]
        return device.device_kind if device.platform != "cpu" else None
    if backend == "torch":
        import torch

        return torch.cuda.get_device_name() if torch.cuda.is_available() else None
    return ", ".join(keras.distribution.list_devices("gpu")) or None


def _processor() -> str:
    return _of_processor("model name") or platform.processor()  # the latter is often empty on Linux


def lacks_bfloat16() -> bool:
    """Returns whether this process computes on a processor without instructions for bfloat16, as far as Linux says."""
    features = _of_processor("flags") or _of_processor("Features")
    return _accelerator() is None and features is not None and BFLOAT16.isdisjoint(features.split())


def _of_processor(entry: str) -> str | None:
    """Returns an entry of the first core, as Linux has it."""
    if CPUINFO.exists():
        for line in CPUINFO.read_text().splitlines():
            name, _, value = line.partition(":")
            if name.strip() == entry:
                return value.strip()
    return None
