"""What trainings in tests share."""

import keras
import pytest

from dia_keras.training import averaging


@pytest.fixture(scope="module")
def programs_compiled_once(tmp_path_factory):
    """Lets JAX keep what it compiles for the tests of a module: a resumed training compiles what the first one did."""
    if keras.backend.backend() != "jax":
        yield
        return
    import jax
    from jax.experimental.compilation_cache.compilation_cache import reset_cache

    folder = str(tmp_path_factory.mktemp("xla"))
    changes = {"jax_compilation_cache_dir": folder, "jax_persistent_cache_min_compile_time_secs": 0.1}
    before = {name: jax.config.values[name] for name in changes}
    for settings in (changes, before):
        for name, value in settings.items():
            jax.config.update(name, value)
        reset_cache()
        if settings is changes:
            yield


@pytest.fixture(scope="module")
def few_batches_for_statistics():
    """Lets averaged weights take their statistics from one batch, for tests of everything else about them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(averaging, "BATCHES", 1)
        yield
