"""Checkpoints from which a run goes on exactly, also within an epoch."""

import pathlib
import warnings
from typing import NamedTuple

import h5py
import keras
import numpy as np

from .budget import WallClockBudget
from .checkpoint_files import checkpoints, name_of, put_in_place
from .divergence import diverged


class Stopped(Exception):
    """The training stopped within an epoch; it goes on from its newest checkpoint."""


class Position(NamedTuple):
    """How far a training is: epochs done, and steps of the next."""

    epochs: int
    step: int


class Checkpoint(keras.callbacks.Callback):
    """Saves weights, optimizer state and seeds after every epoch; sets the seeds of a resumed run.

    Args:
        directory: Folder of the checkpoints, see `checkpoint_files`.
        seed: Seed of the run.
        budget: Budget that stops the training; once it has, a checkpoint is saved before the next step, and `Stopped`
            raised.
        phase: Number of the phase.
        first_step: Steps done of the first epoch by an earlier run: `model.fit` counts from there.
    """

    def __init__(
        self,
        directory: pathlib.Path,
        seed: int = 0,
        budget: WallClockBudget | None = None,
        phase: int = 0,
        first_step: int = 0,
    ):
        super().__init__()
        self.directory, self.seed, self.budget = directory, seed, budget
        self.phase, self.first_step = phase, first_step

    def on_train_begin(self, logs=None):
        # Here and not in `resume`, since on PyTorch `fit` draws from the seeds once while it builds the model.
        _set("seeds", _seeds(self.model), self.directory)

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch = epoch
        if self.first_step:  # the epoch's loss and accuracy are means over all of it
            build_metrics(self.model)
            _set("metrics", self.model.metrics_variables, self.directory)

    def on_train_batch_begin(self, batch, logs=None):
        step = self.first_step + batch
        if self.budget is not None and self.budget.stopped:
            if batch:
                save(self.model, self.directory / name_of(self._epoch, self.phase, step))
            raise Stopped
        _seed_torch(self.seed, self._epoch, step)

    def on_epoch_end(self, epoch, logs=None):
        save(self.model, self.directory / name_of(epoch + 1))


def set_seeds(model: keras.Model, directory: pathlib.Path, seed: int) -> None:
    """Gives a model's random generators the state that they have after the newest checkpoint.

    Args:
        model: The model.
        directory: Folder of the checkpoints.
        seed: Seed of the run.
    """
    _set("seeds", _seeds(model), directory)
    for saved in checkpoints(directory)[-1:]:
        _seed_torch(seed, saved.epochs, saved.step)


def _set(group: str, variables: list[keras.Variable], directory: pathlib.Path) -> None:
    """Gives variables the values that the newest checkpoint, if there is one, has for them."""
    for saved in checkpoints(directory)[-1:]:
        with h5py.File(saved.path) as file:
            for i, variable in enumerate(variables):
                variable.assign(np.asarray(file[f"{group}/{i}"]))


def _seed_torch(seed: int, epoch: int, step: int) -> None:
    """On PyTorch, seeds the global generator, from which Keras' dropout draws, and which no checkpoint holds."""
    if keras.backend.backend() == "torch":
        keras.utils.set_random_seed(int(np.random.SeedSequence((seed, epoch, step)).generate_state(1)[0]))


def save(model: keras.Model, path: pathlib.Path) -> None:
    """Saves weights, optimizer state, seeds and metrics of a model; of the folder's other checkpoints the newest stays.

    Raises:
        Diverged: Where a weight is not finite.
    """
    if keras.backend.backend() == "jax":
        model.jax_state_sync()  # within an epoch, `fit` keeps the state from the model
    for variable in [*model.weights, *model.optimizer.variables]:
        if not np.isfinite(keras.ops.convert_to_numpy(variable)).all():
            raise diverged(f"{variable.path} is no longer finite", path.parent)
    written = path.with_name("partial.weights.h5")
    try:
        model.save_weights(written)
        with h5py.File(written, "a") as file:
            for group, variables in (("seeds", _seeds(model)), ("metrics", model.metrics_variables)):
                for i, variable in enumerate(variables):
                    file[f"{group}/{i}"] = keras.ops.convert_to_numpy(variable)
    except OSError:  # as where the disk is full
        written.unlink(missing_ok=True)
        raise
    put_in_place(written, path)


def resume(model: keras.Model, directory: pathlib.Path) -> Position:
    """Loads the newest checkpoint, if there is one, into a compiled model; returns how far the training is.

    `Checkpoint`, among the callbacks of `fit`, sets the seeds.

    Raises:
        ValueError: Where the checkpoint is another network's, or has no state of its optimizer.
    """
    all_saved = checkpoints(directory)
    if not all_saved:
        return Position(0, 0)
    # The file holds the optimizer's state, which loads only into variables that exist.
    model.optimizer.build(model.trainable_variables)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)  # Keras only warns of another optimizer's state
            model.load_weights(all_saved[-1].path)
    except (ValueError, KeyError, OSError, UserWarning) as error:
        raise ValueError(
            f"`directory` must hold checkpoints of this network and optimizer. Received: {all_saved[-1].path}, which "
            f"does not fit ({error})"
        ) from error
    return Position(all_saved[-1].epochs, all_saved[-1].step)


def build_metrics(model: keras.Model) -> None:
    """Makes the variables of compiled metrics. On TensorFlow, the first step makes them otherwise."""
    if model._compile_metrics is None:
        return
    shapes = model.input_shape, model.output_shape
    model._symbolic_build(data_batch=tuple(np.empty((2, *shape[1:]), "float32") for shape in shapes))


def _seeds(model: keras.Model) -> list[keras.Variable]:
    """Returns the states of dropout's random generators, which Keras' weight files leave out."""
    return [v for v in model.non_trainable_variables if v.path.endswith("seed_generator_state")]
