"""XLA's cache on disk."""

import keras

from ...zoo.downloads import cache


def keep_compiled_programs() -> None:
    """Lets JAX keep what it compiles for an accelerator, so that a run which goes on need not compile again.

    JAX's own settings come first, e.g. the environment's `JAX_COMPILATION_CACHE_DIR`. On a CPU nothing is kept.
    """
    if keras.backend.backend() != "jax":
        return
    import jax

    if jax.default_backend() != "cpu" and not jax.config.values.get("jax_compilation_cache_dir"):
        jax.config.update("jax_compilation_cache_dir", str(cache() / "xla"))
