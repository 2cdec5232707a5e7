"""Tests of the checkpoints in a folder: what is kept, what is checked, what a run goes on from."""

import json
import os

import h5py
import numpy as np
import pytest

from dia_keras.training.runs.checkpoint_files import checkpoints, keep_whole, name_of, put_in_place


def put(folder, *names):
    for name in names:
        written = folder / "partial.weights.h5"
        written.write_bytes(name.encode() * 100)
        put_in_place(written, folder / name)


def names(folder):
    return [saved.path.name for saved in checkpoints(folder)]


def files(folder):
    return sorted(path.name for path in folder.iterdir())


def older(folder, name, steps, weight=0.0, optimizer=True):
    """Writes a checkpoint as runs did before hashes were recorded."""
    with h5py.File(folder / name, "w") as file:
        file["vars/0"] = np.full(8, weight, "float32")
        if optimizer:
            file["optimizer/vars/0"] = steps


def test_names_tell_epochs_phase_and_step_and_give_the_order(tmp_path):
    ordered = [name_of(0, step=7), name_of(2), name_of(2, 1), name_of(2, 1, 30), name_of(10)]
    assert ordered[3] == "epoch_2_phase_1_step_30.weights.h5"
    for name in [*ordered[::-1], "epoch_x.weights.h5", "partial.weights.h5"]:
        (tmp_path / name).touch()
    assert names(tmp_path) == ordered
    assert [saved[:3] for saved in checkpoints(tmp_path)] == [(0, 0, 7), (2, 0, 0), (2, 1, 0), (2, 1, 30), (10, 0, 0)]


def test_the_two_newest_are_kept_and_all_is_on_the_disk_before_the_oldest_goes(tmp_path, monkeypatch):
    put(tmp_path, "epoch_1.weights.h5", "epoch_2.weights.h5")
    (tmp_path / "epoch_0.weights.h5").touch()  # somebody's own
    seen = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: seen.append(files(tmp_path)))
    put(tmp_path, "epoch_3.weights.h5")
    assert all("epoch_1.weights.h5" in found for found in seen) and len(seen) == 4
    assert "partial.weights.h5" in seen[0] and "epoch_3.weights.h5" in seen[1]
    assert names(tmp_path) == ["epoch_2.weights.h5", "epoch_3.weights.h5"]
    expected = ["checkpoints.json", "epoch_0.weights.h5", "epoch_2.weights.h5", "epoch_3.weights.h5"]
    assert files(tmp_path) == expected


def flip(path):
    data = bytearray(path.read_bytes())
    data[50] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("harm", "fault"),
    [
        (flip, "is damaged"),
        (lambda path: path.write_bytes(path.read_bytes()[:50]), "is damaged"),
        (lambda path: path.rename(path.with_name("epoch_99.weights.h5")), "is not there"),
        (lambda path: path.unlink(), "is not there"),
    ],
    ids=["flipped bit", "truncated", "renamed", "removed"],
)
def test_a_harmed_checkpoint_is_named_and_the_older_one_taken(harm, fault, tmp_path):
    put(tmp_path, "epoch_1.weights.h5", "epoch_2.weights.h5")
    harm(tmp_path / "epoch_2.weights.h5")
    with pytest.warns(UserWarning, match=rf"epoch_2.weights.h5 {fault}.*: the run goes on from epoch_1.weights.h5"):
        assert [saved.epochs for saved in keep_whole(tmp_path, 10)] == [1]
    assert names(tmp_path) == ["epoch_1.weights.h5"]
    put(tmp_path, "epoch_2.weights.h5")
    assert [saved.epochs for saved in keep_whole(tmp_path, 10)] == [1, 2]


def test_without_a_whole_checkpoint_there_is_one_error(tmp_path):
    assert keep_whole(tmp_path, 10) == []
    put(tmp_path, "epoch_1.weights.h5", "epoch_2.weights.h5")
    for name in names(tmp_path):
        flip(tmp_path / name)
    with pytest.raises(
        ValueError, match=r"another folder\. Received: .*epoch_1.* is damaged.*; .*epoch_2.* is damaged"
    ):
        keep_whole(tmp_path, 10)


@pytest.mark.parametrize("record", [None, "{", "[]"])
def test_checkpoints_of_before_hashes_were_recorded_are_read_and_recorded(record, tmp_path, capsys):
    older(tmp_path, "epoch_2.weights.h5", 20)
    older(tmp_path, "epoch_2_phase_1.weights.h5", 20)
    if record:
        (tmp_path / "checkpoints.json").write_text(record)
    assert [saved.phase for saved in keep_whole(tmp_path, 10)] == [0, 1]
    assert "their content is checked" in capsys.readouterr().out
    assert list(json.loads((tmp_path / "checkpoints.json").read_text())) == names(tmp_path)


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"steps": 10}, "was written after 10 steps, and its name says 20"),
        ({"optimizer": False}, "has no state of the optimizer"),
        ({"weight": np.nan}, "holds numbers that are not finite"),
        (None, "cannot be read"),
    ],
)
def test_what_is_wrong_with_an_older_checkpoint_is_said(changes, fault, tmp_path):
    older(tmp_path, "epoch_1.weights.h5", 10)
    older(tmp_path, "epoch_2.weights.h5", **{"steps": 20, **(changes or {})})
    if changes is None:
        (tmp_path / "epoch_2.weights.h5").write_bytes(b"\x89HDF")
    with pytest.warns(UserWarning, match=rf"epoch_2.weights.h5 {fault}.*: the run goes on from epoch_1.weights.h5"):
        assert [saved.epochs for saved in keep_whole(tmp_path, 10)] == [1]
