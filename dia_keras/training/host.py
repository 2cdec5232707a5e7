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
        "command": shlex.join(["python", *sys.argv]),
        "backend": backend,
        "device": device_name(),
        "keras": keras.version(),
        backend: importlib.import_module(backend).__version__,
        "python": platform.python_version(),
    }


def device_name() -> str:
    """Returns the accelerator's name, or the processor's with its number of cores."""
    if keras.backend.backend() == "jax":
        import jax

        if jax.devices()[0].platform != "cpu":
            return jax.devices()[0].device_kind
    elif accelerators := keras.distribution.list_devices("gpu"):
        return ", ".join(accelerators)
    return f"{_processor()}, {os.cpu_count()} cores"


def _processor() -> str:
    # Linux has the name only here; `platform.processor()` is often empty there.
    cpuinfo = pathlib.Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor()
