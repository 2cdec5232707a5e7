"""What the trainings of classifiers and of detectors have in common, so that one runner does both."""

import abc
import dataclasses
import math
import pathlib
from collections.abc import Hashable, Mapping, Sequence
from typing import Any, NamedTuple, Self

import keras

from ...training.runs.budget import WallClockBudget
from ...training.runs.divergence import Diverged
from ..data_sets import Sources
from ..scale import Scale
from ..table import Row

#: Steps that an estimate measures, after as many that warm up.
STEPS = 5


class Trained(NamedTuple):
    """The result of a training, and the network where it has weights to keep."""

    result: dict[str, Any]
    model: keras.Model | None


class Seconds(NamedTuple):
    """Seconds of compiling, of an epoch with its checkpoint, and of an image in an evaluation."""

    compiling: float
    epoch: float
    image: float


@dataclasses.dataclass(frozen=True)
class Options:
    """Settings that do not change the result of a training.

    Attributes:
        budget: Stops the training early.
        callbacks: Further callbacks of `model.fit`.
        watch_test: Whether the log has the accuracy on the test images after every epoch. Nothing is chosen by it.
        run_eagerly: Whether nothing is compiled: sooner for a few steps.
    """

    budget: WallClockBudget
    callbacks: Sequence[keras.callbacks.Callback] = ()
    watch_test: bool = False
    run_eagerly: bool = False


@dataclasses.dataclass(frozen=True)
class Training(abc.ABC):
    """One training of a row.

    Attributes:
        data_name: Name of the data set.
    """

    data_name: str

    @classmethod
    @abc.abstractmethod
    def of(cls, row: Row, seed: int, scale: Scale) -> Self:
        """Returns the training of a row with a seed at a scale.

        Raises:
            ValueError: Where the scale changes what this training does not have.
        """

    @property
    @abc.abstractmethod
    def epochs(self) -> int:
        """Number of epochs."""

    @abc.abstractmethod
    def record(self) -> dict[str, Any]:
        """Returns the settings, but for the data, as JSON has them."""

    @staticmethod
    @abc.abstractmethod
    def completed(record: Any) -> Any:
        """Returns a record with the defaults of settings that trainings did not have then; `None` if it is none."""

    @abc.abstractmethod
    def own_among(self, results: Sequence[Mapping[str, Any]], data: Any) -> int | None:
        """Returns the place of the first result, of any row of any table, that is of this training; `None` if none is.

        Args:
            results: Results of trainings on the same data.
            data: The data.
        """

    @property
    @abc.abstractmethod
    def data_key(self) -> Hashable:
        """What of the settings decides which data are loaded, and which of them train."""

    @abc.abstractmethod
    def load(self, sources: Sources, scale: Scale) -> Any:
        """Returns the data, of the training and for the test.

        Raises:
            FileNotFoundError: If they are missing; the message says how to get them.
            ValueError: If they cannot be read, or are not those of the name.
        """

    @abc.abstractmethod
    def data_record(self, data: Any) -> dict[str, Any]:
        """Returns what a result says of its data: their SHA-256, and whether others stand in for the name's."""

    @abc.abstractmethod
    def train(self, data: Any, directory: pathlib.Path, record: Mapping[str, Any], options: Options) -> Trained | None:
        """Trains a network, or goes on training it, and measures it on the test images after the last epoch.

        Args:
            data: The data.
            directory: Folder of checkpoints and log.
            record: The `data_record` of the data.
            options: What does not change the result.

        Returns:
            The result and the network, or `None` where the budget ended the training. Of a network that explodes, all
            measures are NaN.
        """

    @staticmethod
    @abc.abstractmethod
    def save(model: keras.Model, path: pathlib.Path) -> None:
        """Writes a trained network to a `.keras` file, without its optimizer."""

    @abc.abstractmethod
    def speed_key(self, data: Any) -> Hashable:
        """What two trainings that take the same time have in common."""

    @abc.abstractmethod
    def seconds(self, data: Any) -> Seconds:
        """Measures a few steps."""

    @abc.abstractmethod
    def evaluated_images(self, data: Any, watch_test: bool) -> int:
        """Returns the number of images that the training evaluates, all epochs together."""


def parameters_of(model: keras.Model) -> int:
    """Returns the number of trainable parameters."""
    return sum(math.prod(weight.shape) for weight in model.trainable_weights)


def explosion(error: Diverged) -> str:
    """Returns what a result says of a training that exploded."""
    return str(error).partition(": the training stops")[0]
