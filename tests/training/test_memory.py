"""Tests of memory that is kept from step to step."""

import os
import platform
import subprocess
import sys

import pytest

from dia_keras.training.steps import memory

# A process of its own, with settings of its own: how much is cleared again for 4 arrays of 64 MiB, one after another.
FAULTS = """
import ctypes, resource, runpy, sys
kept_memory = runpy.run_path(sys.argv[1])["kept_memory"]
library = ctypes.CDLL(None)
library.malloc.restype, library.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
library.memset.argtypes, library.free.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t], [ctypes.c_void_p]
def take():
    block = library.malloc(64 * 2**20)
    library.memset(block, 1, 64 * 2**20)
    library.free(block)
def faults():
    take()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(4):
        take()
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
with kept_memory():
    within = faults()
print(within, faults())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries do not take these options")
@pytest.mark.parametrize(("own", "is_kept"), [({}, True), ({"MALLOC_TRIM_THRESHOLD_": "131072"}, False)])
def test_freed_memory_is_taken_again_until_the_end(own, is_kept):
    unset = {name: value for name, value in os.environ.items() if not name.startswith(("MALLOC_", "GLIBC_"))}
    run = subprocess.run(
        [sys.executable, "-c", FAULTS, memory.__file__],
        env={**unset, **own},
        capture_output=True,
        text=True,
        check=True,
    )
    within, after = map(int, run.stdout.split())
    assert after >= 4 * 32  # a page at least every 2 MiB
    assert (within < 10) == is_kept
