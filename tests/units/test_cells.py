"""The recurrent cells hold to the paper's equations."""

import keras
import numpy as np
import pytest
from unit_cases import CELLS, KERAS_CELLS, N, features, numpy, randomize, reference_step

from dia_keras.units import DIALSTMCell, DIALSTMLightCell, RecurrentAttention, StandardLSTMCell, stacked_dia_lstm

each_cell = pytest.mark.parametrize("name", CELLS)


def built(name, **kwargs):
    cell = CELLS[name](**kwargs)
    cell.build((None, N))
    randomize(cell)
    return cell


@each_cell
def test_a_residual_stage_equals_the_numpy_reference(name):
    cell = built(name)
    unit = RecurrentAttention(cell)
    step, zero = reference_step(name, cell)
    branches = [features(N, N, seed=10 + t) / 4 for t in range(5)]
    expected = features(3, 4, 5, N).astype("float64")
    x = keras.ops.convert_to_tensor(expected, "float32")
    states, expected_states = None, zero(3)
    for branch in branches:
        out, states = unit(keras.ops.matmul(x, branch), states)
        x = keras.ops.relu(x + out)
        pre = expected @ branch
        attention, expected_states = step(pre.mean((1, 2)), expected_states)
        expected = np.maximum(expected + pre * attention[:, None, None, :], 0)
        np.testing.assert_allclose(numpy(x), expected, rtol=1e-5, atol=1e-5)
    for state, wanted in zip(keras.tree.flatten(states), keras.tree.flatten(expected_states), strict=True):
        np.testing.assert_allclose(numpy(state), wanted, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("output", ["sigmoid", "tanh", "relu"])
@each_cell
def test_output_activation(name, output):
    cell = built(name, output_activation=output)
    step, zero = reference_step(name, cell, output=output)
    states, expected_states = None, zero(3)
    for t in range(3):
        y = features(3, N, seed=t)
        h, states = cell(y, states)
        expected, expected_states = step(y, expected_states)
        np.testing.assert_allclose(numpy(h), expected, rtol=1e-5, atol=1e-5)


@each_cell
def test_no_states_equals_the_explicit_zero_state(name):
    cell = built(name)
    y = features(3, N)
    for one, other in zip(
        keras.tree.flatten(cell(y)), keras.tree.flatten(cell(y, cell.get_initial_state(batch_size=3))), strict=True
    ):
        np.testing.assert_allclose(numpy(one), numpy(other), rtol=1e-6, atol=1e-6)


@each_cell
def test_keras_rnn_layer_drives_the_cell(name):
    cell = built(name)
    sequence = features(2, 4, N)
    driven = numpy(keras.layers.RNN(cell, return_sequences=True)(sequence))
    states = None
    for t in range(4):
        h, states = cell(sequence[:, t], states)
        np.testing.assert_allclose(driven[:, t], numpy(h), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", KERAS_CELLS)
def test_keras_cells_are_units(name):
    """On features of one pixel, the unit's recalibration is by what `keras.layers.RNN` gives."""
    cell = KERAS_CELLS[name](N)
    unit = RecurrentAttention(cell)
    sequence = features(2, 4, N)
    states, attentions = None, []
    for t in range(4):
        out, states = unit(sequence[:, t, None, None], states)
        attentions.append(numpy(out)[:, 0, 0] / sequence[:, t])
    driven = numpy(keras.layers.RNN(cell, return_sequences=True)(sequence))
    np.testing.assert_allclose(np.stack(attentions, 1), driven, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("n, r", [(64, 1), (64, 4), (128, 8), (256, 16), (256, 20), (16, 16)])
def test_dia_lstm_parameters(n, r):
    cell = DIALSTMCell(n, r)
    cell.build((None, n))
    q = n // r
    assert cell.count_params() == 2 * (n * q + q) + 2 * (q * 4 * n + 4 * n)
    if n % r == 0:
        assert cell.count_params() == 10 * n * n // r + 2 * n // r + 8 * n


@pytest.mark.parametrize("n, count", [(64, 1_864), (128, 5_776), (256, 19_744), (512, 72_256)])
def test_light_parameters(n, count):
    cell = DIALSTMLightCell(n)
    cell.build((None, n))
    assert cell.count_params() == count


@pytest.mark.parametrize("cells", [2, 3])
def test_each_stacked_cell_adds_full_linear_maps(cells):
    n = 64
    one, stacked = stacked_dia_lstm(n), stacked_dia_lstm(n, cells)
    standard = StandardLSTMCell(n)
    for cell in (one, stacked, standard):
        cell.build((None, n))
    assert standard.count_params() == 8 * n * n + 8 * n
    assert stacked.count_params() == one.count_params() + (cells - 1) * standard.count_params()


@pytest.mark.parametrize("given", [{}, {"output_activation": "relu", "trainable": False, "dtype": "bfloat16"}])
def test_all_cells_of_a_stack_have_the_settings_of_the_first(given):
    for stacked in (stacked_dia_lstm(N, 3, **given), DIALSTMCell.for_channels(N, 3, **given)):
        activation, trainable = given.get("output_activation", "sigmoid"), given.get("trainable", True)
        assert [cell.output_activation for cell in stacked.cells] == [activation] * 3
        assert [cell.trainable for cell in stacked.cells] == [trainable] * 3
        assert {cell.dtype_policy.name for cell in stacked.cells} == {given.get("dtype", "float32")}


@pytest.mark.parametrize("name", ["dia_lstm", "standard_lstm"])
def test_linear_maps_start_uniform_by_fan_in(name):
    cell = CELLS[name]()
    cell.build((None, N))
    for v in cell.weights:
        if v.name.endswith("kernel"):
            fan_in = v.shape[0]
        largest = np.abs(numpy(v)).max()
        assert 0.5 / np.sqrt(fan_in) < largest <= 1 / np.sqrt(fan_in), v.name


def test_light_starts_with_zero_element_wise_maps():
    cell = DIALSTMLightCell(N, 4)
    cell.build((None, N))
    zero = {v.name for v in cell.weights if not numpy(v).any()}
    assert zero == {"input_scale", "input_shift", "hidden_scale", "hidden_shift"}


@pytest.mark.parametrize("name, spread", [("dia_lstm", 0.25), ("dia_lstm_light", 0.12)])
def test_attention_starts_near_a_quarter(name, spread):
    cell = CELLS[name]()
    y, states = np.abs(features(64, N)), None
    for _ in range(4):
        h, states = cell(y, states)
        h = numpy(h)
        assert abs(h.mean() - 0.25) < 0.05
        assert np.abs(h - 0.25).max() < spread


def test_dropout_between_stacked_cells_is_only_in_training():
    plain, dropped = stacked_dia_lstm(N, 3, dropout=0.0), stacked_dia_lstm(N, 3, dropout=0.5)
    y = features(3, N)
    plain(y)
    dropped(y)
    for one, other in zip(plain.trainable_weights, dropped.trainable_weights, strict=True):
        other.assign(one)
    np.testing.assert_array_equal(numpy(plain(y)[0]), numpy(dropped(y)[0]))
    h, states = dropped(y, training=True)
    assert np.abs(numpy(h) - numpy(plain(y)[0])).max() > 1e-4
    np.testing.assert_array_equal(numpy(states[0][0]), numpy(plain(y)[1][0][0]))


@each_cell
def test_config_round_trip(name):
    cell = CELLS[name](name="unit") if name != "stacked" else CELLS[name]()
    twin = type(cell).from_config(cell.get_config())
    assert twin.get_config() == cell.get_config()
    assert twin.state_size == cell.state_size


@pytest.mark.parametrize("policy, atol", [("mixed_bfloat16", 2e-2), ("mixed_float16", 2e-3), ("float16", 2e-3)])
@each_cell
def test_low_precision_stays_near_float32(name, policy, atol):
    cell = built(name)
    keras.config.set_dtype_policy(policy)
    low = CELLS[name]()
    low.build((None, N))
    for one, other in zip(cell.trainable_weights, low.trainable_weights, strict=True):
        other.assign(one)
        assert keras.backend.standardize_dtype(other.dtype) == keras.config.dtype_policy().variable_dtype
    states, low_states = None, None
    for t in range(3):
        y = features(3, N, seed=t)
        h, states = cell(y, states)
        low_h, low_states = low(y, low_states)
        assert keras.backend.standardize_dtype(low_h.dtype) == keras.config.dtype_policy().compute_dtype
        np.testing.assert_allclose(numpy(low_h), numpy(h), atol=atol)


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: DIALSTMCell(0), "`units` must be a positive integer.*Received: units=0"),
        (lambda: DIALSTMCell(16.0), "`units` must be a positive integer.*Received: units=16.0"),
        (lambda: DIALSTMCell(16, 17), "`reduction` must be an integer from 1 to units=16.*Received: reduction=17"),
        (lambda: DIALSTMCell(16, True), "`reduction` must be.*Received: reduction=True"),
        (lambda: DIALSTMCell(16, 0), "`reduction` must be.*Received: reduction=0"),
        (lambda: DIALSTMLightCell(8), "`reduction` must be an integer from 1 to units=8.*Received: reduction=16"),
        (lambda: DIALSTMCell(16, output_activation="gelu"), "`output_activation` must be one of.*Received: .*'gelu'"),
        (lambda: StandardLSTMCell(16, dropout=1.0), r"`dropout` must be in \[0, 1\).*Received: dropout=1.0"),
        (lambda: StandardLSTMCell(16, dropout="0.3"), r"`dropout` must be in \[0, 1\).*Received: dropout='0.3'"),
        (lambda: stacked_dia_lstm(16, 1, dropout=0.3), r"`dropout` is for two cells or more.*Received: dropout=0.3"),
        (lambda: stacked_dia_lstm(16, cells=0), "`cells` must be a positive integer.*Received: cells=0"),
        (
            lambda: DIALSTMCell(16)(features(2, 8)),
            r"takes inputs of width 16.*Received: input_shape=\(2, 8\)",
        ),
    ],
)
def test_wrong_arguments_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_integers_of_numpy_are_integers():
    config = DIALSTMCell(np.int64(16), np.int32(4)).get_config()
    assert (config["units"], config["reduction"]) == (16, 4)
    assert {type(config[name]) for name in ("units", "reduction")} == {int}
