"""The training of a fine-tuning: the head alone, then all that is not frozen, earlier stages more slowly."""

import contextlib
import pathlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import keras
import numpy as np

from ...backbones import stage_outputs
from ...data import Split
from ..augmentation.batches import Batches
from ..averaging import AveragedWeights
from ..fitting import TEST_BATCH_SIZE, is_xla_worth_it, validation_steps
from ..recipe import AUGMENTATIONS, Recipe
from ..runs.budget import WallClockBudget
from ..runs.checkpoint import save
from ..runs.checkpoint_files import checkpoints, epochs_done, keep_whole, name_of
from ..runs.log import keep_epochs
from ..runs.resuming import fit_resumed
from ..schedule import one_cycle
from ..steps.cpu_steps import fast_cpu_steps
from ..steps.torch_step import compiled_step
from .best_epoch import (
    BestEpoch,
    best_of,
    check_epochs,
    epochs_of,
    epochs_without_progress,
    held_out_losses,
    load_best,
)
from .layerwise import LayerwiseSGD, depth_of, factors_of
from .settings import FineTuning


class TrainingPart(NamedTuple):
    """A part of the training: its number, the stages that are frozen, its epochs at most, and its learning rate."""

    number: int
    freeze: int
    epochs: int
    rate: float


def train_in_two_phases(
    model: keras.Model,
    settings: FineTuning,
    training: Split,
    held_out: Split,
    directory: pathlib.Path,
    budget: WallClockBudget,
) -> int | None:
    """Trains the head, then what is not frozen, and leaves the weights of the best epoch.

    Returns:
        The number of that epoch, counted from 1: the last one where nothing is held out. `None` where the budget ended
        the training before.
    """
    stages = len(stage_outputs(model))
    check_freeze(settings, stages)
    log = directory / "log.csv"
    keep_whole(directory, None)  # each part has an optimizer of its own
    keep_epochs(log, epochs_done(directory))
    check_epochs(directory, epochs_done(directory))
    budget.epochs = settings.head_epochs + settings.epochs
    begin = 0
    with without_classifier_activation(model):
        for part in (
            TrainingPart(0, stages, settings.head_epochs, settings.head_learning_rate),
            TrainingPart(1, settings.freeze, settings.epochs, settings.learning_rate),
        ):
            own = _losses_of(part, begin, log, settings)
            if len(own) < part.epochs and epochs_without_progress(own) < settings.patience:
                set_trainable(model, stages, part.freeze, settings.norms, is_head_only=part.number == 0)
                compile_part(model, settings, stages, len(training.labels), part)
                if begin and _is_before(part, begin, directory):
                    load_best(model, directory, best_of(held_out_losses(log)))
                    model.optimizer.build(model.trainable_variables)
                    save(model, directory / name_of(begin, part.number))
                if not _train(model, settings, training, held_out, directory, budget, part, begin):
                    return None
            begin += len(_losses_of(part, begin, log, settings))
    best = best_of(held_out_losses(log))
    load_best(model, directory, best)
    return best


def _losses_of(part: TrainingPart, begin: int, log: pathlib.Path, settings: FineTuning) -> list[float | None]:
    """Returns the losses of a part's own epochs, which began after so many."""
    losses = held_out_losses(log)[begin:]
    return losses[: epochs_of(losses, part.epochs, settings.patience)]


def _is_before(part: TrainingPart, begin: int, directory: pathlib.Path) -> bool:
    """Returns whether the newest checkpoint is that of the end of the part before."""
    newest = checkpoints(directory)[-1]
    return newest.epochs == begin and newest.phase < part.number


@contextlib.contextmanager
def without_classifier_activation(model: keras.Model) -> Iterator[None]:
    """Within it, a network answers with logits, to train by: JAX and PyTorch clip the logarithms of probabilities."""
    classifier = model.get_layer("classifier")
    activation, classifier.activation = classifier.activation, keras.activations.linear
    try:
        yield
    finally:
        classifier.activation = activation


def check_freeze(settings: FineTuning, stages: int) -> None:
    """Raises a `ValueError` where more stages are to be frozen than there are."""
    if settings.freeze > stages:
        raise ValueError(
            f"`freeze` must be at most {stages}, the stages of {settings.entry}. Received: freeze={settings.freeze}"
        )


def set_trainable(model: keras.Model, stages: int, freeze: int, norms: str, is_head_only: bool) -> None:
    """Sets which layers are trained: those beyond the frozen stages, and norms only where they are to be."""
    for layer in model.layers:
        depth = depth_of(layer, stages)
        set_all_trainable(layer, layer.name == "classifier" if is_head_only else not freeze or depth > freeze)
    if norms == "frozen":
        for layer in model._flatten_layers():
            if isinstance(layer, keras.layers.BatchNormalization):
                layer.trainable = False


def set_all_trainable(layer: keras.Layer, value: bool) -> None:
    """Sets whether a layer or a model is trained, with everything within it.

    `layer.trainable = value` alone does not do so on TensorFlow, where the layer has this value already and what is
    within it has another, as in networks that were saved with frozen layers.
    """
    for part in layer._flatten_layers():
        part.trainable = value


def batch_size_of(settings: FineTuning, training: Split) -> int:
    """Returns the number of images per step: fewer than the settings say where there are not as many."""
    return min(settings.batch_size, len(training.labels))


def compile_part(model: keras.Model, settings: FineTuning, stages: int, images: int, part: TrainingPart) -> None:
    """Compiles a network for a part of the training on so many images.

    The head alone has a constant learning rate. Then, it is one cycle, with a tenth of the steps to warm up.
    """
    steps = part.epochs * (images // min(settings.batch_size, images))
    rate = part.rate if part.number == 0 else one_cycle(part.rate, steps, steps // 10)
    compile_with(model, settings, stages, rate)


def compile_with(model: keras.Model, settings: FineTuning, stages: int, rate) -> None:
    """Compiles a network that answers with logits, with a learning rate or a schedule of it, that of the head."""
    balanced = keras.metrics.CategoricalAccuracy(name="balanced_accuracy")
    model.compile(
        LayerwiseSGD(
            rate,
            factors_of(model, stages, settings.layer_decay),
            l2=settings.weight_decay,
            momentum=0.9,
            nesterov=True,
            global_clipnorm=1.0,
            use_ema=settings.ema is not None,
            ema_momentum=settings.ema if settings.ema is not None else 0.99,
        ),
        keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=settings.label_smoothing),
        metrics=[keras.metrics.CategoricalAccuracy(name="accuracy")],
        weighted_metrics=[balanced] if settings.balance else [],
        jit_compile=is_xla_worth_it(),
    )


def batches_of(settings: FineTuning, training: Split, classes: int) -> Callable[..., Iterator]:
    """Returns the function from the epochs done, and the steps done of the next, to the batches that follow.

    They are augmented, without end, and have the weights of images where classes are balanced.
    """
    recipe = Recipe(
        settings.entry,
        epochs=1,
        batch_size=batch_size_of(settings, training),
        pad=round(min(training.images.shape[1:3]) / 8),
        flip=settings.flip,
        **{name: getattr(settings, name) for name in AUGMENTATIONS},
        seed=settings.seed,
    )
    weights = class_weights(training.labels, classes) if settings.balance else None
    drawn = Batches(training.images, training.labels, classes, recipe)
    return lambda *done: weighted(drawn(*done), weights)


def _train(
    model: keras.Model,
    settings: FineTuning,
    training: Split,
    held_out: Split,
    directory: pathlib.Path,
    budget: WallClockBudget,
    part: TrainingPart,
    begin: int,
) -> bool:
    """Trains for a part, which began after so many epochs. Returns whether it is over, by its epochs or early."""
    classes = model.output_shape[-1]
    validation: dict[str, Any] = {}
    if len(held_out.labels):
        targets = keras.utils.to_categorical(held_out.labels, classes)
        weights = class_weights(training.labels, classes)[held_out.labels]
        of_images = (weights,) if settings.balance else ()
        validation = {
            "validation_data": (held_out.images, targets, *of_images),
            "validation_batch_size": TEST_BATCH_SIZE,
        }
    data = batches_of(settings, training, classes)
    averaged = None if settings.ema is None else AveragedWeights(data)
    steps = len(training.labels) // batch_size_of(settings, training)
    test_steps = validation_steps(held_out)
    with fast_cpu_steps(model), compiled_step(model, part.epochs * steps, part.epochs * test_steps):
        return fit_resumed(
            model,
            data,
            directory,
            steps=steps,
            end=begin + part.epochs,
            budget=budget,
            seed=settings.seed,
            phase=part.number,
            before_checkpoint=[BestEpoch(directory, settings.patience, begin, averaged)],
            callbacks=[averaged] if averaged else [],
            **validation,
        )


def class_weights(labels: np.ndarray, num_classes: int) -> np.ndarray:
    """Returns the weight of an image by its class, so that all classes weigh the same and the mean weight is 1."""
    counts = np.bincount(labels, minlength=num_classes)
    return (len(labels) / (np.count_nonzero(counts) * np.maximum(counts, 1))).astype("float32")


def weighted(batches: Iterable, weights: np.ndarray | None) -> Iterator:
    """Yields batches of images and one-hot targets with the weight of every image, where classes have weights."""
    if weights is None:
        yield from batches
        return
    of_classes = keras.ops.convert_to_tensor(weights)
    for images, targets in batches:
        yield images, targets, keras.ops.matmul(targets, of_classes)
