"""Every test starts from the same seed and leaves Keras' settings as it found them."""

import keras
import pytest


@pytest.fixture(autouse=True)
def clean_keras():
    policy, data_format = keras.config.dtype_policy(), keras.config.image_data_format()
    keras.utils.set_random_seed(0)
    yield
    keras.config.set_dtype_policy(policy)
    keras.config.set_image_data_format(data_format)
    keras.utils.clear_session(free_memory=False)
