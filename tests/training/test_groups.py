"""Tests of images that are held out together: no group is on both sides."""

import numpy as np
import pytest

from dia_keras.training import FineTuning
from dia_keras.training.tuning.groups import choose_groups, groups_of

PATIENT = r"person\d+|.*IM-\d+"
NAMES = {
    "NORMAL": ["IM-0115-0001.jpg", "IM-0838-0001.jpg", "NORMAL2-IM-0838-0001-0002.jpg", "NORMAL2-IM-0838-0001.jpg"],
    "PNEUMONIA": ["person1242_bacteria_3198.jpg", "person1242_virus_1.jpg", "person12_virus_3.jpg"],
}


@pytest.fixture
def folder(tmp_path):
    """The names of some chest X-rays, in the order in which they are loaded, without images."""
    for label, names in NAMES.items():
        (tmp_path / "train" / label).mkdir(parents=True)
        for name in names:
            (tmp_path / "train" / label / name).touch()
    (tmp_path / "train" / "NORMAL" / ".DS_Store").touch()
    return tmp_path


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        (PATIENT, [0, 1, 2, 2, 4, 4, 3]),
        (r"(\d\d+)[-_]", [0, 1, 1, 1, 3, 3, 2]),
        (r"person(\d+)|IM", [2, 2, 2, 2, 1, 1, 0]),
    ],
    ids=["all that it matches", "the first group", "all where the first group has no part"],
)
def test_a_group_is_what_the_pattern_finds_in_a_name(folder, pattern, expected):
    assert groups_of(folder, pattern).tolist() == expected


def test_folders_within_a_class_are_part_of_the_name(folder):
    (folder / "train" / "NORMAL" / "zoe").mkdir()
    (folder / "train" / "NORMAL" / "zoe" / "1.jpg").touch()
    assert groups_of(folder, r"^zoe(?=/)|\d").tolist()[4] == 3


@pytest.mark.parametrize(("pattern", "name"), [("IM", "person1242_bacteria_3198.jpg"), ("x*", "IM-0115-0001.jpg")])
def test_a_name_without_a_group_is_an_error_that_names_it(folder, pattern, name):
    with pytest.raises(ValueError, match=rf"`group` must match in .* Received: group='.*', which finds .* {name}"):
        groups_of(folder, pattern)


@pytest.mark.parametrize("source", ["cifar10", "none/data.npz"])
def test_only_folders_have_names(source):
    with pytest.raises(ValueError, match=r"`group` needs a folder of images: .* Received: group='a', source="):
        groups_of(source, "a")


def test_a_name_with_a_folder_of_data_sets_is_that_of_a_data_set(folder, monkeypatch):
    """As for `data.load`: else the groups would be of other images than those that are loaded."""
    monkeypatch.chdir(folder.parent)
    assert len(groups_of(folder.name, r"\d")) == len(groups_of(folder, r"\d", data_dir="tfds"))
    with pytest.raises(ValueError, match=r"`group` needs a folder of images: .* data_dir='tfds'"):
        groups_of(folder.name, r"\d", data_dir="tfds")


@pytest.mark.parametrize("options", [{"group": "(a"}, {"group": "a", "held_out": 0.0}, {"group": 5}])
def test_settings_refuse_what_groups_nothing(options):
    with pytest.raises(ValueError, match=r"`group` (must|needs) .*Received: group="):
        FineTuning("x", **options)


def choose(labels, groups, share, seed=0):
    return choose_groups(np.array(labels), np.array(groups), share, seed, ("a", "b"), "pattern")


@pytest.mark.parametrize("share", [0.1, 0.3])
def test_groups_are_held_out_whole_and_classes_by_their_shares(share):
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(300), rng.integers(1, 8, 300))
    labels = np.where(groups < 100, 0, 1)
    labels[groups == 50] = np.arange(np.sum(groups == 50)) % 2  # of both classes
    masks = [choose(labels, groups, share, seed) for seed in (0, 0, 1)]
    for chosen in masks:
        assert not set(groups[chosen]) & set(groups[~chosen])
        for label in (0, 1):
            assert abs(chosen[labels == label].mean() - share) < 0.01
    assert np.array_equal(*masks[:2]) and not np.array_equal(*masks[1:])


def test_of_every_class_one_group_is_held_out_and_one_is_not():
    labels, groups = [0] * 9 + [1] * 9, [0] * 4 + [1] * 5 + [2] * 5 + [3] * 4
    for seed in range(5):
        assert choose(labels, groups, 0.1, seed).tolist() == [True] * 4 + [False] * 10 + [True] * 4  # the smaller ones
        for share in (0.5, 0.9):
            chosen = choose(labels, groups, share, seed)
            assert len(set(np.array(groups)[chosen] // 2)) == len(set(np.array(groups)[~chosen] // 2)) == 2


@pytest.mark.parametrize("share", [0.1, 0.9])
@pytest.mark.parametrize("groups", [[0, 0, 0, 1, 1, 1], [0, 0, 0, 1, 2, 3]])
def test_a_class_of_one_group_is_an_error(groups, share):
    with pytest.raises(ValueError, match=r"leave every class with groups .* finds 1 groups in the class a"):
        choose([0, 0, 0, 1, 1, 1], groups, share)
