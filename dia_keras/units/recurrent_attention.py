"""The layer that makes an RNN cell the attention of a network's blocks."""

import inspect

import keras
from keras import ops, tree

from .attention_module import FeatureLayer


@keras.saving.register_keras_serializable(package="dia_keras")
class RecurrentAttention(FeatureLayer):
    """Attention whose state is carried from block to block: pool, step, recalibrate (Eq. 4, Table 2).

        y = GAP(x),    h, states' = cell(y, states),    x' = x * h

    Called in every block of a stage, with the states that the block before returned, one such layer is the
    paper's DIA unit. Any cell of Keras' RNN protocol will do: the cells of this package, or Keras' own
    `LSTMCell`, `GRUCell` and `SimpleRNNCell`.

    Args:
        cell: Layer with `call(inputs, states) -> output, new_states`, `state_size` and
            `get_initial_state`, whose output is as wide as the features have channels.
        data_format: `"channels_last"` or `"channels_first"`; the default is Keras' image data format.
        **kwargs: Arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: Features, `(batch, height, width, N)`, or `(batch, N, height, width)` if channels first.
        states: The states returned for the block before, or `None` for the zero state.

    Returns:
        `(x', states')`: the recalibrated features, of the shape of `inputs`, and the cell's new states.

    Raises:
        ValueError: Where `cell` is not an RNN cell, or its output is not as wide as the features.

    Example:

    >>> unit = RecurrentAttention(DIALSTMCell(64))
    >>> x = keras.Input((32, 32, 64))
    >>> x, states = unit(x)
    >>> x, states = unit(keras.layers.Conv2D(64, 3, padding="same")(x), states)
    """

    carries_state = True

    def __init__(self, cell: keras.layers.Layer, data_format: str | None = None, **kwargs):
        super().__init__(data_format, **{**kwargs, "autocast": False})  # states have the precision of the cell
        missing = [name for name in ("call", "state_size", "get_initial_state") if not hasattr(cell, name)]
        if missing:
            raise ValueError(
                f"`cell` must be an RNN cell with `call`, `state_size` and `get_initial_state`. "
                f"Received: cell={cell!r}, without {', '.join(f'`{name}`' for name in missing)}"
            )
        self.cell = cell
        parameters = inspect.signature(cell.call).parameters
        self._states_are_optional = list(parameters.values())[1].default is None
        self._takes_training = "training" in parameters

    def build(self, input_shape):
        channels = input_shape[self.channel_axis]
        output_size = getattr(self.cell, "output_size", None) or tree.flatten(self.cell.state_size)[0]
        if output_size != channels:
            raise ValueError(
                f"The output of `cell` must be as wide as the features have channels. "
                f"Received: cell={self.cell!r} of width {output_size}, features of shape {tuple(input_shape)}"
            )
        if not self.cell.built:
            self.cell.build((input_shape[0], channels))
        self.built = True

    def call(self, inputs, states=None, training=False):
        inputs = ops.cast(inputs, self.compute_dtype)
        pooled = self.pool(inputs)
        if states is None and not self._states_are_optional:
            states = self.cell.get_initial_state(batch_size=ops.shape(pooled)[0])
        kwargs = {"training": training} if self._takes_training else {}
        attention, states = self.cell(pooled, states, **kwargs)
        _reset_dropout_masks(self.cell)
        return inputs * self.over_space(ops.cast(attention, self.compute_dtype)), states

    def compute_output_spec(self, inputs, states=None, training=False):
        def spec(size):
            if isinstance(size, int):
                return keras.KerasTensor((inputs.shape[0], size), self.cell.compute_dtype)
            return [spec(part) for part in size]

        size = self.cell.state_size
        return keras.KerasTensor(inputs.shape, self.compute_dtype), spec([size] if isinstance(size, int) else size)

    def get_config(self):
        return {**super().get_config(), "cell": keras.saving.serialize_keras_object(self.cell)}

    @classmethod
    def from_config(cls, config):
        return cls(**{**config, "cell": keras.saving.deserialize_keras_object(config["cell"])})


def _reset_dropout_masks(cell) -> None:
    """Makes Keras' own cells draw new masks, as `keras.layers.RNN` does: they keep them until told so."""
    for inner_cell in getattr(cell, "cells", [cell]):
        if hasattr(inner_cell, "reset_dropout_mask"):
            inner_cell.reset_dropout_mask()
            inner_cell.reset_recurrent_dropout_mask()
