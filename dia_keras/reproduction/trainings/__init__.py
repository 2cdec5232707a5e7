"""What one training of a row is: that of a classifier or of a detector."""

from ..scale import Scale
from ..table import Row
from .classifier import ClassifierTraining
from .detector import DetectorTraining
from .training import Training


def training_of(row: Row, seed: int, scale: Scale) -> Training:
    """Returns what the training of a row with a seed is at a scale.

    Raises:
        ValueError: Where the scale changes what this training does not have.
    """
    return (DetectorTraining if row.detector else ClassifierTraining).of(row, seed, scale)
