"""Tests of the log of a run."""

from dia_keras.training.runs.log import EpochLog, read_log
from dia_keras.training.tuning.best_epoch import held_out_losses


def test_a_log_is_read_as_it_was_written(tmp_path):
    log = tmp_path / "log.csv"
    assert read_log(log) == [] == held_out_losses(log)
    callback = EpochLog(log)
    callback.on_epoch_end(0, {"loss": 2.5, "accuracy": 0.1})
    callback.on_epoch_end(1, {"loss": float("nan"), "accuracy": 0.2})
    first, second = read_log(log)
    assert first == {"epoch": 0, "loss": 2.5, "accuracy": 0.1}
    assert second["loss"] != second["loss"]
    assert held_out_losses(log) == [None, None]


def test_held_out_losses_are_those_of_the_log(tmp_path):
    callback = EpochLog(tmp_path / "log.csv")
    for epoch, loss in enumerate([3.5, 3.25]):
        callback.on_epoch_end(epoch, {"loss": 1.0, "val_loss": loss})
    assert held_out_losses(tmp_path / "log.csv") == [3.5, 3.25]


def test_a_row_that_was_cut_while_it_was_written_has_what_is_there(tmp_path):
    log = tmp_path / "log.csv"
    EpochLog(log).on_epoch_end(0, {"accuracy": 0.1, "loss": 2.5})
    with log.open("a") as file:
        file.write("1,0.25")
    assert read_log(log)[1] == {"epoch": 1, "accuracy": 0.25}
