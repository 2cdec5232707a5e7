"""How fast a detector trains."""

import pathlib
import tempfile

from ..training.fitting import is_xla_worth_it
from ..training.runs.checkpoint import Checkpoint
from ..training.runs.epochs_that_fit import EpochClock, Speed
from .data import DetectionSet
from .models.detector import Detector
from .settings import DetectorSettings
from .training import batches_from, training_batches


def measure_speed(settings: DetectorSettings, detector: Detector, images: DetectionSet, probe_steps: int) -> Speed:
    """Returns how fast a detector trains, after two epochs of `probe_steps`, each with its checkpoint.

    Args:
        settings: The settings.
        detector: Their detector; it gets trained a little.
        images: Images to train on.
        probe_steps: Most steps of an epoch to take.
    """
    data, clock = training_batches(settings, images), EpochClock()
    steps, probe = len(data), min(probe_steps, len(data))
    detector.compile(settings.optimizer(steps), jit_compile=is_xla_worth_it())
    with tempfile.TemporaryDirectory() as folder:
        detector.fit(
            batches_from(data, 0, 0),
            steps_per_epoch=probe,
            epochs=2,
            shuffle=False,
            verbose=0,
            callbacks=[clock, Checkpoint(pathlib.Path(folder), settings.seed)],
        )
    per_epoch = clock.seconds[1] + clock.steps[1] * (steps / probe - 1)
    return Speed(per_epoch, max(0.0, clock.seconds[0] - clock.seconds[1]))
