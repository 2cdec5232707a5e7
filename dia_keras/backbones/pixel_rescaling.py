"""The normalization of the zoo's networks, with a warning for images that are not pixel values."""

import contextlib
import sys
import warnings
import weakref
from typing import Any

import keras
import numpy as np

from ..pixel_range import PixelRangeWarning, range_problem
from .first_batch import first_images

#: Methods of `keras.Model` that are given images as `x`.
TAKING_IMAGES = ("fit", "evaluate", "predict", "train_on_batch", "test_on_batch", "predict_on_batch")


@keras.saving.register_keras_serializable("dia_keras")
class PixelRescaling(keras.layers.Rescaling):
    """`scale * images + offset` of pixel values, 0 to 255, with a warning for images that do not look like these.

    The warning is a `dia_keras.PixelRangeWarning`, once for a layer. The layer looks at:

    - images that pass through the layer themselves: in calls of a model, in everything that PyTorch runs uncompiled,
      and with `run_eagerly`. On a GPU, and in training, it is only the first batch, so as not to wait for each.
    - the array, data set or generator that `fit`, `evaluate`, `predict` or their `_on_batch` forms are given, when
      Keras traces the model to compile it: at the first call, and at the first with another shape or dtype. Of a data
      set it is the first batch. The images must go straight into this layer, as in a network of the zoo, or one built
      on it.

    In compiled runs it does not see a `tf.data.Dataset` or `DataLoader` of unknown length, and what PyTorch compiles.

    Args:
        scale: Factor: a number, or one for each channel.
        offset: What is added then, of the same form.
    """

    def __init__(self, scale, offset=0.0, **kwargs):
        super().__init__(scale, offset, **kwargs)
        self._has_warned = False
        self._has_looked = False
        self._looked_at: weakref.ref | None = None

    def call(self, inputs, training=False):
        if not self._has_warned:
            self._look_at(inputs, training)
        return super().call(inputs)

    def _look_at(self, inputs, training) -> None:
        if not _is_concrete(inputs):
            # PyTorch's compiler cannot look up the stack.
            images = None if keras.backend.backend() == "torch" else self._given_to_keras()
        elif self._has_looked and (training or not _is_on_cpu(inputs)):
            return
        else:
            images, self._has_looked = inputs, True
        if images is None or len(images.shape) != 4:
            return
        images = _numpy(images)  # first: a slice of a tensor, taken while TensorFlow compiles, has no values
        # A few pixels answer for most batches; an array that `fit` is given may be larger than the memory.
        problem = range_problem(images[:8, ::4, ::4]) and range_problem(images[:32])
        if problem is None:
            return
        self._has_warned = True
        warnings.warn(
            f"The images look like {problem}. To silence this: "
            "`warnings.filterwarnings('ignore', category=dia_keras.PixelRangeWarning)`",
            PixelRangeWarning,
            stacklevel=3,
        )

    def _given_to_keras(self) -> Any | None:
        """Returns the first images of the data that Keras compiles a model for, `None` where others reach this layer.

        Keras traces the model within the call of its method, whose arguments are up the stack. It does so several
        times for the same data, whose first batch need not be loaded again.
        """
        frame = sys._getframe().f_back
        while frame:
            model = frame.f_locals.get("self")
            if frame.f_code.co_name in TAKING_IMAGES and isinstance(model, keras.Model):
                data = frame.f_locals.get("x")
                if (keras.ops.is_tensor(data) and not _is_concrete(data)) or not _feeds(model, self):
                    return None
                if not hasattr(data, "shape"):
                    if self._looked_at and self._looked_at() is data:
                        return None
                    with contextlib.suppress(TypeError):  # lists have no weak references
                        self._looked_at = weakref.ref(data)
                return first_images(data, getattr(frame.f_locals.get("epoch_iterator"), "data_adapter", None))
            frame = frame.f_back
        return None


def _is_concrete(x) -> bool:
    """Whether a tensor has values, and does not only stand for them while a function is compiled."""
    backend = keras.backend.backend()
    if backend == "torch":
        import torch

        if torch.compiler.is_compiling() or torch.jit.is_tracing():
            return False
        # Subclasses may have no values, and tensors that `torch.func.vmap` maps over have none.
        is_plain = type(x) is torch.Tensor and not torch._C._functorch.is_functorch_wrapped_tensor(x)
        return is_plain and x.device.type != "meta"
    if backend == "jax":
        import jax

        return isinstance(x, jax.Array) and not isinstance(x, jax.core.Tracer)
    return hasattr(x, "numpy")


def _is_on_cpu(x) -> bool:
    if keras.backend.backend() == "jax":
        return all(device.platform == "cpu" for device in x.devices())
    return "cpu" in str(x.device).lower()


def _numpy(x) -> np.ndarray:
    return keras.ops.convert_to_numpy(x) if keras.backend.backend() == "torch" else np.asarray(x)


def _feeds(model, layer) -> bool:
    """Whether the images that a model takes go into a layer as they are, in models within the model, too."""
    inputs = getattr(model, "inputs", None) or []
    readers = [
        reader
        for reader in model.layers
        if any(tensor is image for node in reader._inbound_nodes for tensor in node.input_tensors for image in inputs)
    ]
    return any(reader is layer or (isinstance(reader, keras.Model) and _feeds(reader, layer)) for reader in readers)
