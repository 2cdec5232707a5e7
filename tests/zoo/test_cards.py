import dataclasses
import json
import math
import pathlib

import keras
import pytest
from small_weights import METRICS

from dia_keras import zoo
from dia_keras.zoo import cards, downloads, entries

RECIPES = pathlib.Path(__file__).parents[2] / "zoo" / "recipes"
# Of the ImageNet ResNets with 1000 classes, plain and with DIA-LSTM.
IMAGENET = {
    18: (11_689_512, 12_568_072),
    34: (21_797_672, 22_676_232),
    50: (25_557_032, 28_358_052),
    101: (44_549_160, 47_350_180),
}
ATTENTIONS = {"": None, "dia_": "dia_lstm", "dia_light_": "dia_lstm_light", "se_": "se"}
MODULES = ["se", "eca", "cbam", "srm", "spa", "sem", "spem"]
BACKBONES = ["resnet20", "resnet56", "resnet110", "resnet164", "wrn52_4", "resnext101_8x32d"]
# CIFAR-10, CIFAR-100: the paper's, and for basic blocks those of osmr's zoo.
PARAMETERS = {
    "resnet164": (1_704_154, 1_727_284),
    "dia_resnet164": (1_923_002, 1_946_132),
    "dia_light_resnet164": (1_731_538, 1_754_668),
    "se_resnet164": (1_906_258, 1_929_388),
    "wrn52_4": (12_049_370, 12_072_500),
    "dia_wrn52_4": (12_275_386, 12_298_516),
    "dia_light_wrn52_4": (12_083_922, 12_107_052),
    "se_wrn52_4": (12_397_914, 12_421_044),
    "resnext101_8x32d": (32_092_074, 32_138_244),
    "dia_resnext101_8x32d": (32_959_850, 33_006_020),
    "dia_light_resnext101_8x32d": (32_189_850, 32_236_020),
    "se_resnext101_8x32d": (33_984_426, 34_030_596),
    "eca_resnet164": (1_704_424, 1_727_554),
    "cbam_wrn52_4": (12_137_738, 12_160_868),
    "srm_resnext101_8x32d": (32_131_498, 32_177_668),
    "spa_resnet164": (3_833_050, 3_856_180),
    "sem_wrn52_4": (12_416_010, 12_439_140),
    "spem_resnext101_8x32d": (32_131_564, 32_177_734),
    # Shared: Table 3's count of the attention alone, with the plain net's.
    "dia_se_resnet164": (1_704_154 + 11_228, 1_727_284 + 11_228),
    "dia_srm_resnet164": (1_704_154 + 17_024, 1_727_284 + 17_024),
    "dia_spa_resnet164": (1_704_154 + 118_272, 1_727_284 + 118_272),
    "dia_resnet20": (286_866, 292_716),
    "dia_resnet56": (870_162, 876_012),
    "dia_resnet110": (1_745_106, 1_750_956),
}


def trainable(model):
    return sum(math.prod(weight.shape) for weight in model.trainable_weights)


def test_there_is_an_entry_for_every_attention_backbone_and_data_set():
    stems = [attention + backbone for attention in ATTENTIONS for backbone in BACKBONES]
    stems += ["preresnet164", "dia_preresnet164"]
    main = [backbone for backbone in BACKBONES if backbone not in ("resnet56", "resnet110")]
    stems += [f"{dia}{module}_{backbone}" for dia in ("", "dia_") for module in MODULES for backbone in main]
    names = {f"{stem}_cifar{classes}" for stem in stems for classes in (10, 100)}
    assert set(zoo.list_models()) == names | {f"{dia}resnet{d}_imagenet" for dia in ("", "dia_") for d in IMAGENET}


@pytest.mark.parametrize("name", zoo.list_models())
def test_the_name_says_what_the_card_holds(name):
    card = zoo.card(name)
    stem, _, dataset = name.rpartition("_")
    arguments = card.architecture.arguments
    attention, shared = arguments["attention"], arguments.get("shared", False)
    prefix = {attention: prefix for prefix, attention in ATTENTIONS.items()}.get(attention, f"{attention}_")
    prefix = "dia_" * shared + prefix
    numbers = [value for value in arguments.values() if isinstance(value, int) and value is not shared]
    parts = {"imagenet_resnet": "resnet{}", "resnext": "resnext{}_{}x{}d", "wrn": "wrn{}_{}"}
    expected = parts.get(card.architecture.backbone, card.architecture.backbone + "{}").format(*numbers)
    assert stem == prefix + expected
    assert card.dataset.name == dataset
    assert card.license == "Apache-2.0"
    assert "https://" in card.paper


@pytest.mark.parametrize("name", zoo.list_models())
def test_the_recipe_of_every_entry_exists(name):
    card = zoo.card(name)
    assert (RECIPES / f"{card.recipe}.py").is_file()
    command = f"python zoo/train.py zoo/recipes/{card.recipe}.py --entry {name}"
    assert card.training_command == (card.metrics.command if card.metrics else command)


@pytest.mark.parametrize("stem", PARAMETERS)
def test_cards_have_the_parameter_counts_of_the_paper(stem):
    assert tuple(zoo.card(f"{stem}_cifar{classes}").parameters for classes in (10, 100)) == PARAMETERS[stem]


@pytest.mark.parametrize("depth", IMAGENET)
def test_cards_for_imagenet_have_the_counts_of_the_paper_s_networks_with_more_classes(depth):
    cards = zoo.card(f"resnet{depth}_imagenet"), zoo.card(f"dia_resnet{depth}_imagenet")
    assert tuple(card.parameters for card in cards) == IMAGENET[depth]
    assert all(
        (len(set(card.labels)), card.dataset.image_size, card.resize) == (1000, (224, 224), "center") for card in cards
    )


@pytest.mark.counts
@pytest.mark.parametrize("name", [*zoo.list_models("*resnet20_*"), *zoo.list_models("*resnet18_imagenet")])
def test_networks_have_the_parameters_that_their_cards_say(name):
    with keras.StatelessScope(initialize_variables=False):
        model = zoo.load(name, weights=None)
    card = zoo.card(name)
    assert trainable(model) == card.parameters
    assert model.name == name
    assert model.input_shape == (None, *card.dataset.image_size, 3)
    assert model.output_shape == (None, len(card.labels))


@pytest.mark.parametrize("name", zoo.list_models(pretrained=True))
def test_the_file_of_a_trained_entry_says_what_the_table_says(name):
    fields = json.loads((cards.CARDS / f"{name}.json").read_text())
    row = entries.row(name)
    assert {key for key in row if fields[key] != row[key]} <= {"recipe"}  # the one that trained it may be another
    assert fields.keys() == row.keys() | {"weights", "metrics"}


def test_only_trained_entries_have_a_file_and_all_entries_are_in_the_table():
    assert {path.stem for path in cards.CARDS.iterdir()} == set(zoo.list_models(pretrained=True))
    assert sorted(entries.names()) == sorted(zoo.list_models())


@pytest.mark.parametrize("name", zoo.list_models("*_cifar100"))
def test_counts_for_two_data_sets_differ_by_the_classifiers(name):
    """In every row as in the plain network's: a wrong digit in one cell stands out."""
    plain = max((each for each in [*BACKBONES, "preresnet164"] if name.endswith(f"{each}_cifar100")), key=len)
    more, plain_more = (
        zoo.card(f"{stem}_cifar100").parameters - zoo.card(f"{stem}_cifar10").parameters
        for stem in (name.removesuffix("_cifar100"), plain)
    )
    assert more == plain_more > 0


def test_a_row_of_the_table_is_a_whole_card():
    shared = zoo.card("dia_se_resnext101_8x32d_cifar100")
    assert shared == cards.Card(
        name="dia_se_resnext101_8x32d_cifar100",
        architecture=cards.Architecture(
            "resnext",
            {"depth": 101, "cardinality": 8, "group_width": 32, "attention": "se", "shared": True},
        ),
        parameters=32_310_276,
        dataset=cards.dataset("cifar100"),
        recipe="one_cycle_gpu",
        license="Apache-2.0",
        paper="Huang et al., Layer-wise Shared Attention Network on Dynamical System Perspective, "
        "https://arxiv.org/abs/2210.16101",
    )
    plain, cell = zoo.card("wrn52_4_cifar10"), zoo.card("dia_light_wrn52_4_cifar10")
    assert plain.architecture.arguments == {"depth": 52, "widen": 4, "attention": None}
    assert plain.paper == "Zagoruyko and Komodakis, Wide Residual Networks, https://arxiv.org/abs/1605.07146"
    assert cell.architecture.arguments == {"depth": 52, "widen": 4, "attention": "dia_lstm_light"}


def test_a_changed_argument_of_a_card_does_not_change_the_next_card():
    zoo.card("resnet20_cifar10").architecture.arguments["depth"] = 1
    assert zoo.card("resnet20_cifar10").architecture.arguments["depth"] == 20


def test_pretrained_entries_have_metrics_and_weights_that_load():
    for name in zoo.list_models(pretrained=True):
        card = zoo.card(name)
        assert 0 < card.metrics.top1 <= card.metrics.top5 <= 100
        assert downloads.read_weights(card, card.weights).path.name == card.weights.file
        assert trainable(zoo.load(name)) == card.parameters


def test_list_models_takes_patterns_and_sorts_numbers_as_numbers():
    assert zoo.list_models("dia_resnet*_cifar100") == [f"dia_resnet{depth}_cifar100" for depth in (20, 56, 110, 164)]
    assert zoo.list_models("vgg*") == []


def test_list_models_can_list_the_pretrained_entries_only(small_zoo):
    assert zoo.list_models() == ["tiny_cifar10", "tiny_cifar100"]
    assert zoo.list_models(pretrained=True) == ["tiny_cifar10"]


def test_a_card_has_the_labels_and_preprocessing_of_its_data_set():
    card = zoo.card("dia_resnet20_cifar100")
    assert card.labels[:3] == ("apple", "aquarium_fish", "baby")
    assert card.labels == tuple(sorted(card.labels))
    assert len(card.labels) == 100
    assert zoo.card("resnet20_cifar10").labels[0] == "airplane"
    assert (card.dataset.mean, card.dataset.std) == ((0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010))
    assert card.dataset.image_size == (32, 32)


def test_cards_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        zoo.card("dia_resnet20_cifar100").parameters = 1


def test_an_unknown_name_gives_those_that_come_close():
    with pytest.raises(
        ValueError, match=r"Did you mean 'dia_resnet20_cifar100'.*Received: name='dia_resnet20_cifar1000'"
    ):
        zoo.card("dia_resnet20_cifar1000")
    with pytest.raises(ValueError, match=r"list_models\(\)`\. .*Received: entry='\.\./setup'"):
        zoo.load("../setup")


def test_update_card_records_weights_and_metrics(small_zoo):
    card = cards.update_card("tiny_cifar100", weights=small_zoo.file, metrics={**METRICS, "images": 10_000})
    assert card == zoo.card("tiny_cifar100")
    assert card.weights.file == "tiny_cifar10.weights.h5"
    assert card.weights.size == small_zoo.file.stat().st_size
    assert card.metrics.top1 == 60.5
    assert card.metrics.details == {"images": 10_000}
    assert [path.name for path in sorted(small_zoo.cards.iterdir())] == ["tiny_cifar10.json", "tiny_cifar100.json"]


def test_update_card_leaves_a_card_as_it_was_where_metrics_are_missing(small_zoo):
    before = (small_zoo.cards / "tiny_cifar10.json").read_text()
    with pytest.raises(TypeError, match="top5"):
        cards.update_card("tiny_cifar10", metrics={"top1": 50.0})
    assert (small_zoo.cards / "tiny_cifar10.json").read_text() == before
    assert json.loads(before)["metrics"] == METRICS
