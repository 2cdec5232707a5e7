"""Every test starts from the same seed and leaves Keras' settings as it found them."""

import gc
import itertools
import sys

import keras
import pytest

if keras.backend.backend() == "tensorflow":
    # PyTorch's build with CUDA loads Triton where an optimizer is made. In a process with TensorFlow that crashes.
    sys.modules.setdefault("triton", None)


_TESTS = itertools.count(1)


def pytest_collection_finish():
    """Garbage is collected every few tests, without what was imported. Otherwise it takes a tenth of all time."""
    gc.collect()
    gc.freeze()
    gc.disable()


@pytest.fixture(autouse=True)
def clean_keras():
    policy, data_format = keras.config.dtype_policy(), keras.config.image_data_format()
    keras.utils.set_random_seed(0)
    yield
    keras.config.set_dtype_policy(policy)
    keras.config.set_image_data_format(data_format)
    keras.utils.clear_session(free_memory=False)
    if next(_TESTS) % 20 == 0:
        gc.collect()
