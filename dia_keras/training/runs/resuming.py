"""Keras' `fit`, resumed from the newest checkpoint, also within an epoch."""

import pathlib
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import keras

from ..precision import warn_of_slow_bfloat16
from .budget import WallClockBudget
from .checkpoint import Checkpoint, Stopped, resume
from .divergence import FiniteLoss
from .log import EpochLog


def fit_resumed(
    model: keras.Model,
    batches: Callable[[int, int], Iterable],
    directory: pathlib.Path,
    *,
    steps: int,
    end: int,
    budget: WallClockBudget,
    seed: int = 0,
    phase: int = 0,
    before_checkpoint: Sequence[keras.callbacks.Callback] = (),
    callbacks: Sequence[keras.callbacks.Callback] = (),
    **options: Any,
) -> bool:
    """Trains a compiled model to the end of an epoch, with a row in `log.csv` and a checkpoint after every one.

    Args:
        model: The model.
        batches: Function that returns batches without end, from the epochs done and the steps done of the next.
        directory: Folder of log and checkpoints.
        steps: Steps of an epoch.
        end: Number of the epoch to stop after, counted from 1.
        budget: Ends the training early, with a checkpoint.
        seed: Seed of the run.
        phase: Number of the phase, for the checkpoints within it.
        before_checkpoint: Callbacks that write what must be there once the checkpoint of an epoch is.
        callbacks: Further callbacks.
        **options: Further arguments of `model.fit`.

    Returns:
        Whether the training got there, or one of the callbacks ended it; `False` where the budget did.
    """
    while (begin := resume(model, directory)).epochs < end:
        warn_of_slow_bfloat16(model)
        try:
            model.fit(
                batches(*begin),
                steps_per_epoch=steps - begin.step,
                epochs=begin.epochs + 1 if begin.step else end,  # the rest of an epoch, then whole ones
                initial_epoch=begin.epochs,
                shuffle=False,  # the generator shuffles
                verbose=1 if sys.stdout.isatty() else 2,
                callbacks=[
                    *[budget, FiniteLoss(directory, begin.step), EpochLog(directory / "log.csv")],
                    *before_checkpoint,
                    Checkpoint(directory, seed, budget, phase, begin.step),
                    *callbacks,
                ],
                **options,
            )
        except Stopped:
            return False
        if budget.stopped:
            return False
        if model.stop_training:
            return True
    return True
