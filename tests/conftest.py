"""Every test starts from the same seed and leaves Keras' settings as it found them."""

import sys

import keras
import pytest

if keras.backend.backend() == "tensorflow":
    # PyTorch's build with CUDA loads Triton where an optimizer is made. In a process with TensorFlow that crashes.
    sys.modules.setdefault("triton", None)


@pytest.fixture(autouse=True)
def clean_keras():
    policy, data_format = keras.config.dtype_policy(), keras.config.image_data_format()
    keras.utils.set_random_seed(0)
    yield
    keras.config.set_dtype_policy(policy)
    keras.config.set_image_data_format(data_format)
    keras.utils.clear_session(free_memory=False)
