"""A learning rate from a range test: the loss against a rate that rises exponentially.

The test is that of Smith, Cyclical Learning Rates for Training Neural Networks, 2015, https://arxiv.org/abs/1506.01186.
The suggestion is the rate at which the smoothed loss falls most steeply.
"""

import math
import os
import pathlib
import sys
from typing import Any

import keras
import numpy as np
from keras import ops

from ...backbones import stage_outputs
from ...data.picture import Resize
from ...figure_text import SOFTWARE
from ...files import staged
from ..precision import warn_of_slow_bfloat16
from ..steps.cpu_steps import fast_cpu_steps
from .images import prepare, starting_model
from .settings import FineTuning
from .two_phases import (
    batch_size_of,
    batches_of,
    check_freeze,
    compile_with,
    set_trainable,
    without_classifier_activation,
)

#: The test ends where the smoothed loss is so many times its lowest.
DIVERGED = 4.0
#: Standard deviation of the smoothing, in steps.
SMOOTHING = 5.0


def find_learning_rate(
    settings: FineTuning,
    source: str | os.PathLike,
    picture: str | os.PathLike,
    *,
    data_dir: str | os.PathLike | None = None,
    image_size: tuple[int, int] | None = None,
    channels: int | None = None,
    resize: Resize | None = None,
    weights: str | os.PathLike = "pretrained",
    lowest: float = 1e-5,
    highest: float = 1.0,
    steps: int = 100,
) -> float:
    """Finds a peak for the learning rate of a fine-tuning, `FineTuning.learning_rate`, and draws how it was found.

    First the head is trained alone, as the fine-tuning would. Then all that is not frozen is, for some steps, while the
    rate rises from step to step. Nothing of this is kept.

    Args:
        settings: How the network would be fine-tuned; its `learning_rate` does not count.
        source, data_dir, image_size, channels, resize, weights: As for `fine_tune`.
        picture: PNG file to write.
        lowest, highest: First and last learning rate.
        steps: Number of steps; fewer are taken where the loss explodes.

    Returns:
        The learning rate at which the smoothed loss falls most steeply, with two digits.

    Raises:
        ValueError: On an argument out of range, or data that cannot be used.
        RuntimeError: Where the loss does not fall; nothing is drawn.
    """
    if not 0 < lowest < highest < math.inf:
        raise ValueError(f"`lowest` must be positive and less than `highest`. Received: {lowest!r} and {highest!r}")
    if steps < 20:
        raise ValueError(f"`steps` must be at least 20. Received: steps={steps!r}")
    images = prepare(settings, source, data_dir, image_size, channels, resize, weights)
    model = starting_model(settings, images)
    stages = len(stage_outputs(model))
    check_freeze(settings, stages)
    options: dict[str, Any] = {"shuffle": False, "verbose": 1 if sys.stdout.isatty() else 2}
    training, classes = images.training, len(images.class_names)
    recorder = _Losses()
    warn_of_slow_bfloat16(model)
    data = batches_of(settings, training, classes)
    with without_classifier_activation(model), fast_cpu_steps(model):
        if settings.head_epochs:
            set_trainable(model, stages, stages, settings.norms, is_head_only=True)
            compile_with(model, settings, stages, settings.head_learning_rate)
            of_epoch = len(training.labels) // batch_size_of(settings, training)
            model.fit(
                data(),
                epochs=settings.head_epochs,
                steps_per_epoch=of_epoch,
                **options,
            )
        set_trainable(model, stages, settings.freeze, settings.norms, is_head_only=False)
        compile_with(model, settings, stages, Rising(lowest, highest, steps))
        model.fit(data(settings.head_epochs), steps_per_epoch=steps, callbacks=[recorder], **options)
    losses = np.array(recorder.losses)
    rates = lowest * (highest / lowest) ** (np.arange(len(losses)) / (steps - 1))
    rate = steepest(rates, losses)
    plot_losses(rates, losses, rate, pathlib.Path(picture), f"{settings.entry}: {len(losses)} steps")
    return rate


class Rising(keras.optimizers.schedules.LearningRateSchedule):
    """A learning rate that rises from `lowest` to `highest` in so many steps, by the same factor in each."""

    def __init__(self, lowest: float, highest: float, steps: int):
        self.lowest, self.highest, self.steps = lowest, highest, steps

    def __call__(self, step):
        share = ops.cast(step, "float32") / (self.steps - 1)
        return self.lowest * ops.exp(share * math.log(self.highest / self.lowest))

    def get_config(self):
        return {"lowest": self.lowest, "highest": self.highest, "steps": self.steps}


class _Losses(keras.callbacks.Callback):
    """Records the loss of every step, and ends the training where it explodes."""

    def on_train_begin(self, logs=None):
        self.losses: list[float] = []
        self._sum = 0.0

    def on_train_batch_end(self, batch, logs=None):
        total = (batch + 1) * float((logs or {})["loss"])  # Keras gives the mean since the epoch began
        loss, self._sum = total - self._sum, total
        if not math.isfinite(loss):
            self.model.stop_training = True
            return
        self.losses.append(loss)
        smooth = smoothed(np.array(self.losses))
        if len(smooth) >= 10 and smooth[-1] > DIVERGED * smooth.min():
            self.model.stop_training = True


def smoothed(losses: np.ndarray) -> np.ndarray:
    """Returns Gaussian means of losses. A running mean would lag, and find too high a rate."""
    steps = np.arange(len(losses))
    weights = np.exp(-0.5 * ((steps[:, None] - steps) / SMOOTHING) ** 2)
    return weights @ losses / weights.sum(axis=1)


def steepest(rates: np.ndarray, losses: np.ndarray) -> float:
    """Returns the rate, with two digits, at which the smoothed loss falls most steeply over the logarithm of the rate.

    Raises:
        RuntimeError: Where the loss does not fall, or is not finite in the first step.
    """
    if not len(losses):
        raise RuntimeError("The loss is not finite after the training of the head: try a lower `head_learning_rate`.")
    smooth = smoothed(losses)
    begin, end = len(losses) // 10, int(smooth.argmin()) + 1  # the first means are of few losses
    if end - begin < 3:
        raise RuntimeError(
            "The loss does not fall at any learning rate: try more `head_epochs`, larger batches or more images."
        )
    slope = np.gradient(smooth, np.log(rates))[begin:end]
    return float(f"{rates[begin + int(slope.argmin())]:.2g}")


def plot_losses(rates: np.ndarray, losses: np.ndarray, rate: float, picture: pathlib.Path, title: str) -> None:
    """Draws the loss against the learning rate into a PNG, with the rate that was found."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4.2), layout="constrained")
    axes = figure.subplots()
    smooth = smoothed(losses)
    axes.semilogx(rates, losses, ".", color="tab:gray", alpha=0.5, label="loss of a step")
    axes.semilogx(rates, smooth, color="tab:blue", label="smoothed")
    axes.axvline(rate, color="tab:red", linestyle="--", label=f"steepest descent: {rate:g}")
    span = smooth.max() - smooth.min()
    axes.set_ylim(min(losses.min(), smooth.min()) - 0.05 * span, min(losses.max(), smooth[0] + 1.5 * span))
    axes.set(title=title, xlabel="learning rate of the head", ylabel="loss in training")
    axes.grid(alpha=0.3)
    axes.legend()
    with staged(picture) as new:
        figure.savefig(new, dpi=110, format="png", metadata={"Software": SOFTWARE})
