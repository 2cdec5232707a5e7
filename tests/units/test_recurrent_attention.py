"""The layer that makes a cell the attention of a stage."""

import keras
import numpy as np
import pytest
from unit_cases import CELLS, KERAS_CELLS, N, features, numpy, randomize, stage_model, unit_of

from dia_keras.units import DIALSTMCell, RecurrentAttention, StackedCells

each_cell = pytest.mark.parametrize("name", CELLS)
# XLA compiles for TensorFlow, where it is a choice, and for JAX.
XLA = {"tensorflow": [False, True], "jax": [True], "torch": [False]}
each_compiler = pytest.mark.parametrize("jit_compile", XLA[keras.backend.backend()])


def train_one_step(model, jit_compile=False):
    jit_compile = jit_compile or keras.backend.backend() == "jax"
    model.compile(keras.optimizers.SGD(0.1), "mse", run_eagerly=not jit_compile, jit_compile=jit_compile)
    return model.train_on_batch(features(4, 4, 4, N), np.ones((4, 1), "float32"))


@each_compiler
@each_cell
def test_one_training_step_changes_every_weight(name, jit_compile):
    model = stage_model(unit_of(name))
    before = [numpy(w) for w in model.trainable_weights]
    assert np.isfinite(train_one_step(model, jit_compile))
    for w, old in zip(model.trainable_weights, before, strict=True):
        assert np.abs(numpy(w) - old).max() > 0, w.path
        assert np.isfinite(numpy(w)).all(), w.path


def test_the_state_is_not_detached():
    """A layer that the loss sees through the state alone learns."""
    unit = RecurrentAttention(DIALSTMCell(N))
    inputs = keras.Input((4, 4, N))
    seen_by_state = keras.layers.Dense(N)
    _, states = unit(seen_by_state(inputs))
    x, _ = unit(inputs, states)
    model = keras.Model(inputs, keras.layers.Dense(1)(keras.layers.GlobalAveragePooling2D()(x)))
    before = numpy(seen_by_state.kernel)
    train_one_step(model)
    assert np.abs(numpy(seen_by_state.kernel) - before).max() > 0


@pytest.mark.parametrize("name", KERAS_CELLS)
def test_keras_cells_train_as_units(name):
    """Their dropout masks are drawn again, so that batches may differ in size."""
    model = stage_model(RecurrentAttention(KERAS_CELLS[name](N, dropout=0.3, recurrent_dropout=0.3)))
    model.compile("sgd", "mse")
    before = [numpy(w) for w in model.trainable_weights]
    model.fit(features(5, 4, 4, N), np.ones((5, 1), "float32"), batch_size=3, verbose=0)
    model(features(2, 4, 4, N), training=True)
    assert all(np.abs(numpy(w) - old).max() > 0 for w, old in zip(model.trainable_weights, before, strict=True))


@each_cell
def test_the_carry_is_seen_in_the_functional_graph(name):
    unit = unit_of(name)
    x = keras.Input((None, None, N))
    out, states = unit(x)
    again, new_states = unit(x, states)
    assert out.shape == again.shape == (None, None, None, N)
    assert keras.tree.map_structure(lambda s: s.shape[-1], new_states) == unit.cell.state_size
    assert all(isinstance(s, keras.KerasTensor) for s in keras.tree.flatten(states))
    assert unit.count_params() == unit.cell.count_params()


@each_cell
def test_symbolic_shapes_and_dtypes_are_the_computed_ones(name):
    keras.config.set_dtype_policy("mixed_bfloat16")
    unit = unit_of(name)
    symbolic, computed = unit(keras.Input((4, 4, N))), unit(features(2, 4, 4, N))
    keras.tree.assert_same_structure(symbolic, computed)
    for one, other in zip(keras.tree.flatten(symbolic), keras.tree.flatten(computed), strict=True):
        assert one.shape[1:] == tuple(other.shape[1:])
        assert one.dtype == keras.backend.standardize_dtype(other.dtype) == "bfloat16"


@each_cell
def test_channels_first_is_the_transpose(name):
    last = unit_of(name)
    last.build((None, 4, 5, N))
    randomize(last)
    first = RecurrentAttention(last.cell, data_format="channels_first")
    x = features(2, 4, 5, N)
    states = first_states = None
    for _ in range(2):
        out, states = last(x, states)
        first_out, first_states = first(x.transpose(0, 3, 1, 2), first_states)
        np.testing.assert_allclose(numpy(first_out).transpose(0, 2, 3, 1), numpy(out), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", [*CELLS, *KERAS_CELLS])
def test_a_saved_model_answers_the_same(name, tmp_path):
    cell = CELLS[name]() if name in CELLS else KERAS_CELLS[name](N)
    model = stage_model(RecurrentAttention(cell, data_format="channels_last"))
    randomize(model)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    x = features(2, 4, 4, N)
    np.testing.assert_allclose(numpy(loaded(x)), numpy(model(x)), rtol=1e-6, atol=1e-6)
    assert len(loaded.trainable_weights) == len(model.trainable_weights)


@pytest.mark.parametrize("cells", [1, 2])
def test_a_cell_of_float32_keeps_its_states_in_a_network_of_half_precision(cells):
    keras.config.set_dtype_policy("mixed_bfloat16")
    cell = DIALSTMCell.for_channels(N, cells, dtype="float32")
    unit = RecurrentAttention(cell)
    states, expected = None, None
    for seed in range(3):
        x = keras.ops.cast(features(2, 4, 4, N, seed=seed), "bfloat16")
        given, states = unit(x, states)
        _, expected = cell(keras.ops.mean(x, axis=(1, 2)), expected)
        assert keras.backend.standardize_dtype(given.dtype) == "bfloat16"
        for state, right in zip(keras.tree.flatten(states), keras.tree.flatten(expected), strict=True):
            assert keras.backend.standardize_dtype(state.dtype) == "float32"
            np.testing.assert_array_equal(numpy(state), numpy(right))
    symbolic, symbolic_states = unit(keras.KerasTensor((2, 4, 4, N), "bfloat16"))
    assert symbolic.dtype == "bfloat16" and {state.dtype for state in keras.tree.flatten(symbolic_states)} == {
        "float32"
    }


def test_config_round_trip():
    unit = RecurrentAttention(DIALSTMCell(N, 2), data_format="channels_first", name="unit")
    twin = RecurrentAttention.from_config(unit.get_config())
    assert twin.get_config() == unit.get_config()
    assert twin.cell is not unit.cell


def test_a_built_cell_is_not_built_again():
    cell = DIALSTMCell(N)
    cell(features(2, N))
    kernel = cell.input_reduce_kernel
    RecurrentAttention(cell)(features(2, 4, 4, N))
    assert cell.input_reduce_kernel is kernel
    assert len(cell.weights) == 8


class Mean(keras.layers.Layer):
    """The smallest cell of the protocol: the running mean of inputs, whatever its arguments are called."""

    state_size = N

    def call(self, y, previous):
        mean = (y + previous[0]) / 2
        return mean, [mean]

    def get_initial_state(self, batch_size=None):
        return [keras.ops.zeros((batch_size, N))]


@pytest.mark.parametrize("stacked", [False, True])
def test_any_cell_of_the_protocol_is_a_unit(stacked):
    unit = RecurrentAttention(keras.layers.StackedRNNCells([Mean(), Mean()]) if stacked else Mean())
    x = features(2, 4, 4, N)
    y = x.mean((1, 2))
    out, states = unit(x)
    out, _ = unit(x, states)
    np.testing.assert_allclose(numpy(out), x * (y * (0.5 if stacked else 0.75))[:, None, None], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: RecurrentAttention(keras.layers.Dense(N)), "`cell` must be an RNN cell.*without `state_size`"),
        (lambda: RecurrentAttention(DIALSTMCell(N), "nhwc"), "`data_format` must be.*Received: data_format='nhwc'"),
        (
            lambda: RecurrentAttention(DIALSTMCell(N))(features(2, 4, 4, 8)),
            "as wide as the features.*of width 16, features of shape",
        ),
        (
            lambda: RecurrentAttention(StackedCells([DIALSTMCell(N)]))(features(2, 4, 4, 8)),
            "as wide as the features.*of width 16, features of shape",
        ),
    ],
)
def test_wrong_arguments_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()
