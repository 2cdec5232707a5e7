"""Tests of XLA's cache on disk."""

import keras
import pytest

from dia_keras.training.steps.xla_cache import keep_compiled_programs


@pytest.mark.parametrize(
    ("device", "own", "expected"), [("cpu", None, None), ("gpu", None, "/cache/dia_keras/xla"), ("gpu", "/x", "/x")]
)
def test_programs_for_an_accelerator_are_kept_where_the_user_says(device, own, expected, monkeypatch):
    import jax

    monkeypatch.setenv("XDG_CACHE_HOME", "/cache")
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    monkeypatch.setattr(jax, "default_backend", lambda: device)
    before = jax.config.values["jax_compilation_cache_dir"]
    try:
        jax.config.update("jax_compilation_cache_dir", own)
        keep_compiled_programs()
        assert jax.config.values["jax_compilation_cache_dir"] == expected
    finally:
        jax.config.update("jax_compilation_cache_dir", before)
