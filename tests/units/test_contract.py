"""What every unit tells of itself, and how the blocks of a stage call it."""

import re

import keras
import pytest
from unit_cases import KERAS_CELLS, N, features

from dia_keras.backbones import ATTENTIONS
from dia_keras.units import SE, SGE, SRM, AttentionModule, DIALSTMCell, RecurrentAttention
from dia_keras.units.stage_units import stage_unit

each_attention = pytest.mark.parametrize("key", ATTENTIONS)


@each_attention
def test_title_formula_and_paper_stand_on_the_class(key):
    unit = ATTENTIONS[key]
    own = vars(unit)
    assert own["key"] == key and own["title"] and own["formula"] and unit.paper.startswith("https://")


@each_attention
def test_the_formula_states_the_defaults_of_the_class(key):
    unit = ATTENTIONS[key]
    config = (unit(N) if key in ("dia_lstm", "dia_lstm_light", "lstm") else unit()).get_config()
    for name, value in re.findall(r"\w: (\w+) = (\d+)", unit.formula):
        assert config[name] == int(value)


@pytest.mark.parametrize(
    "unit, settings, known",
    [
        (SE, {"reduction": 8}, "'se' must have keywords among ratio, use_bias, data_format, bias_initializer"),
        (DIALSTMCell, {"ratio": 8}, "'dia_lstm' must have keywords among cells, dropout, reduction, output_activation"),
        (SGE, {"G": 8}, "'sge' must have keywords among groups, data_format, unbiased"),
        (SRM, {"bias": 8}, "'srm' must have keywords among share_norm, data_format, unbiased"),
    ],
)
def test_a_class_names_the_settings_that_it_takes(unit, settings, known):
    with pytest.raises(ValueError, match=f"`attention_config` for {known}.* Received: attention_config={settings}"):
        unit.check_settings(settings)


class Scaled(SE):
    """Hands on to `SE` what it does not know."""

    def __init__(self, factor=1.0, **kwargs):
        super().__init__(**kwargs)
        self.factor = factor


def test_a_subclass_takes_its_own_settings_and_those_that_it_hands_on():
    Scaled.check_settings({"factor": 2.0, "ratio": 4, "dtype": "float32", "trainable": False})
    with pytest.raises(ValueError, match="keywords among factor, ratio, use_bias"):
        Scaled.check_settings({"name": "mine"})


def test_sge_has_as_many_groups_as_the_channels_allow():
    assert [SGE.for_channels(channels).groups for channels in (128, 64, 48, 7)] == [64, 64, 16, 1]
    assert SGE.for_channels(128, groups=2).groups == 2


def test_a_class_of_another_kind_is_no_unit_without_its_function():
    with pytest.raises(NotImplementedError, match="must define `attention` or `call`"):
        AttentionModule.for_channels(N)(features(2, 4, 4, N))


@pytest.mark.parametrize(
    "make, carries",
    [
        (lambda: SE(4), False),
        (lambda: SRM(), False),
        (lambda: keras.layers.Activation("tanh"), False),
        (lambda: DIALSTMCell(N), True),
        (lambda: RecurrentAttention(DIALSTMCell(N)), True),
        *[(lambda cell=cell: cell(N), True) for cell in KERAS_CELLS.values()],
    ],
)
def test_every_kind_of_unit_is_called_alike(make, carries):
    """With features and states, in a block of its own or in one of those that share it."""
    unit = stage_unit(make())
    assert unit.carries_state is carries
    x = features(2, 4, 4, N)
    for attention in (unit.of_one_block(), unit.of_block("block1")):
        out, states = attention(x, None)
        out, states = attention(out, states)
        assert out.shape == x.shape
        assert (states is not None) is carries


def test_states_pass_by_a_unit_without_a_state():
    _, states = stage_unit(SE(4)).of_one_block()(features(2, 4, 4, N), "states")
    assert states == "states"


def test_what_blocks_must_not_share_a_module_gives_to_each():
    unit = stage_unit(SRM())
    for name in ("block1", "block2"):
        out, _ = unit.of_block(name)(keras.Input((4, 4, N)), None)
        assert out._keras_history.operation.name == f"{name}_attention"
