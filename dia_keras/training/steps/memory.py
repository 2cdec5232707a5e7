"""Memory that the C library keeps from step to step."""

import contextlib
import ctypes
import os
import platform
from collections.abc import Iterator

#: Options of glibc's `mallopt`, by their numbers in malloc.h.
TRIM_THRESHOLD, TOP_PAD, MMAP_THRESHOLD, MMAP_MAX = -1, -2, -3, -4
#: What glibc starts with, from mallopt(3). Its threshold for `mmap` grows to 32 MiB by itself until it is first set.
DEFAULTS = {TRIM_THRESHOLD: 128 * 1024, TOP_PAD: 128 * 1024, MMAP_THRESHOLD: 32 * 1024**2, MMAP_MAX: 65536}
#: All memory comes from the heap, which grows in large parts and does not shrink.
KEEPING = {TRIM_THRESHOLD: 2**31 - 1, TOP_PAD: 256 * 1024**2, MMAP_MAX: 0}


@contextlib.contextmanager
def kept_memory() -> Iterator[None]:
    """Within it, memory that a step frees is what the next step takes, on Linux with glibc.

    By itself, glibc gives every large array back to the system when it is freed. The system then clears the memory and
    hands it out again page by page, at each step of a training on a CPU. At the end, what is free goes back. Settings
    of the user come first: the environment variables `MALLOC_*_` and `GLIBC_TUNABLES`.
    """
    library = _glibc()
    if library is None or "GLIBC_TUNABLES" in os.environ or any(name.startswith("MALLOC_") for name in os.environ):
        yield
        return
    _set(library, KEEPING)
    try:
        yield
    finally:
        _set(library, DEFAULTS)
        library.malloc_trim(0)


def _glibc() -> ctypes.CDLL | None:
    return ctypes.CDLL(None) if platform.libc_ver()[0] == "glibc" else None


def _set(library: ctypes.CDLL, options: dict[int, int]) -> None:
    for option, value in options.items():
        library.mallopt(option, value)
