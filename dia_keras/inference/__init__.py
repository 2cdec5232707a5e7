"""Networks for inference: the same answers from fewer ops, in float32. Keras only, on any backend."""

from .folding import optimize as optimize
