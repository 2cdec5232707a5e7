"""Every test, and what tests share, starts from the same seed. Every test leaves Keras' settings as it found them."""

import gc
import itertools
import os
import signal
import sys

# TensorFlow convolves channels first on a CPU by oneDNN alone, which is off by default on processors without AVX512.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")

import keras
import pytest

if keras.backend.backend() != "torch":
    # PyTorch's build with CUDA loads Triton where an optimizer is made. Beside TensorFlow and JAX that may crash.
    sys.modules.setdefault("triton", None)

if keras.backend.backend() == "tensorflow":
    import tensorflow as tf
    from tensorflow.python import pywrap_tfe

    # With every seed and session Keras forgets TensorFlow's compiled operations, for random ones that have a state.
    # Keras has none of these, and compiling all operations again for every test took an eighth of the time.
    pywrap_tfe.TFE_ContextClearCaches = lambda context: None

    prefetch = tf.data.Dataset.prefetch

    def untuned(dataset, *arguments, **options):
        """Prefetches, as Keras does last, without tf.data's tuner: an iterator that ends early may wait long for it."""
        no_tuner = tf.data.Options()
        no_tuner.autotune.enabled = False
        return prefetch(dataset, *arguments, **options).with_options(no_tuner)

    tf.data.Dataset.prefetch = untuned


_TESTS = itertools.count(1)

#: Files that take longest, which come first, so that no process waits for the other at the end.
LONGEST = (
    *("test_torch_step.py", "test_torch_step_bfloat16.py", "test_counts.py", "test_models_counts.py"),
    *("test_campaign.py", "test_networks.py", "test_fine_tuning.py", "test_export.py", "test_quantized.py"),
    *("test_detector_export.py", "test_models_step.py", "test_tensorflow_process.py", "test_evaluate.py"),
    *("test_cli.py", "test_python_samples.py", "test_converted.py", "test_detector_training.py"),
)


def pytest_collection_modifyitems(items):
    places = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path.name, len(LONGEST)))


def pytest_collection_finish():
    """Garbage is collected every few tests, without what was imported. Otherwise it takes a tenth of all time."""
    gc.collect()
    gc.freeze()
    gc.disable()


def pytest_fixture_setup(fixturedef):
    """What tests share is the same whichever of them asks for it first: it is made before that test sets its seed."""
    if fixturedef.scope != "function":
        keras.utils.set_random_seed(0)


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


@pytest.fixture
def heeded_ctrl_c():
    """Ctrl-C raises a `KeyboardInterrupt`. Without this, tests that a shell runs in the background ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
