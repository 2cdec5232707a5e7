"""What a figure was measured on."""

import importlib
import os
import pathlib
import platform
import shlex
import sys

import keras


def describe_run() -> dict[str, str]:
    """Returns command, device and versions of this process, as logs and results cite them."""
    backend = keras.backend.backend()
    return {
        "command": shlex.join(["python", *map(_portable, sys.argv)]),
        "backend": backend,
        "device": device_name(),
        "keras": keras.version(),
        backend: importlib.import_module(backend).__version__,
        "python": platform.python_version(),
    }


def _portable(argument: str) -> str:
    """Returns an argument of a command as another machine would give it: of an absolute path, the last part."""
    return pathlib.PurePath(argument).name if pathlib.PurePath(argument).is_absolute() else argument


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
    # Linux has the name only here; `platform.processor()` is often empty there.
    cpuinfo = pathlib.Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor()
