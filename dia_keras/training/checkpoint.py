"""Checkpoints from which a run goes on exactly."""

import pathlib
import re

import h5py
import keras
import numpy as np

NAME = re.compile(r"epoch_(\d+)(?:_phase_(\d+))?\.weights\.h5")


class Checkpoint(keras.callbacks.Callback):
    """Saves weights, optimizer state and seeds after every epoch; keeps the newest. Sets the seeds of a resumed run.

    Args:
        directory: Folder of the checkpoints, `epoch_<epochs done>.weights.h5`.
        seed: Seed of the run.
    """

    def __init__(self, directory: pathlib.Path, seed: int = 0):
        super().__init__()
        self.directory = directory
        self.seed = seed

    def on_train_begin(self, logs=None):
        # Here and not in `resume`, since on PyTorch `fit` draws from the seeds once while it builds the model.
        for _, path in checkpoints(self.directory)[-1:]:
            with h5py.File(path) as file:
                for i, seed in enumerate(_seeds(self.model)):
                    seed.assign(np.asarray(file[f"seeds/{i}"]))

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch = epoch

    def on_train_batch_begin(self, batch, logs=None):
        # On PyTorch, Keras' dropout draws from the global generator, which no checkpoint holds.
        if keras.backend.backend() == "torch":
            keras.utils.set_random_seed(
                int(np.random.SeedSequence((self.seed, self._epoch, batch)).generate_state(1)[0])
            )

    def on_epoch_end(self, epoch, logs=None):
        save(self.model, self.directory / f"epoch_{epoch + 1}.weights.h5")


def save(model: keras.Model, path: pathlib.Path) -> None:
    """Saves weights, optimizer state and seeds of a model; the file replaces all other checkpoints of its folder."""
    temporary = path.with_name("partial.weights.h5")
    model.save_weights(temporary)
    with h5py.File(temporary, "a") as file:
        for i, seed in enumerate(_seeds(model)):
            file[f"seeds/{i}"] = keras.ops.convert_to_numpy(seed)
    temporary.rename(path)
    for _, other in checkpoints(path.parent):
        if other != path:
            other.unlink()


def checkpoints(directory: pathlib.Path) -> list[tuple[int, pathlib.Path]]:
    """Returns the checkpoints in a folder as (epochs done, path), oldest first."""
    found = [(NAME.fullmatch(path.name), path) for path in directory.glob("epoch_*.weights.h5")]
    ordered = sorted((int(match[1]), int(match[2] or 0), path) for match, path in found if match)
    return [(done, path) for done, _, path in ordered]


def epochs_done(directory: pathlib.Path) -> int:
    """Returns the number of epochs after which the newest checkpoint of a folder was written, 0 without one."""
    return max((done for done, _ in checkpoints(directory)), default=0)


def begun_phase(path: pathlib.Path) -> int:
    """Returns the number of the phase, counted from 0, that a checkpoint begins, or 0 where it begins none."""
    match = NAME.fullmatch(path.name)
    return int(match[2] or 0) if match else 0


def resume(model: keras.Model, directory: pathlib.Path) -> int:
    """Loads the newest checkpoint into a compiled model; returns the number of epochs done, 0 if there is none.

    `Checkpoint`, among the callbacks of `fit`, sets the seeds.
    """
    found = checkpoints(directory)
    if not found:
        return 0
    done, path = found[-1]
    # The file holds the optimizer's state, which loads only into variables that exist.
    model.optimizer.build(model.trainable_variables)
    model.load_weights(path)
    return done


def _seeds(model: keras.Model) -> list[keras.Variable]:
    """Returns the states of dropout's random generators, which Keras' weight files leave out."""
    return [v for v in model.non_trainable_variables if v.path.endswith("seed_generator_state")]
