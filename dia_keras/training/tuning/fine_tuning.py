"""Fine-tuning: a network of the zoo learns other classes, first its new head, then its stages."""

import dataclasses
import math
import os
import pathlib
import sys
from collections.abc import Iterable, Iterator
from typing import Any, Literal, NamedTuple

import keras
import numpy as np

from ... import data as data_module
from ... import zoo
from ...backbones import stage_outputs
from ...backbones.layers import channel_axis
from ...data import Split
from ...data.picture import Resize
from ...files import staged, write_json
from ...zoo.cards import describe
from ...zoo.finding import RUN_CARD, RUN_MODEL
from ...zoo.loading import with_new_head
from ..augment import batches
from ..fitting import is_xla_worth_it
from ..recipe import BELOW_ONE, NOT_NEGATIVE, POSITIVE, SHARE, Recipe, check_types
from ..runs.curves import plot_curves
from ..runs.divergence import FiniteLoss
from ..runs.host import describe_run
from ..runs.log import EpochLog
from ..steps.fused_norm import fused_batch_norms
from .confusion import confusion_matrix, figures, plot_confusion
from .layerwise import LayerwiseSGD, depth_of, factors_of

RANGES = {
    **dict.fromkeys(("batch_size", "head_learning_rate", "learning_rate", "patience"), POSITIVE),
    **dict.fromkeys(("freeze", "head_epochs", "epochs", "weight_decay", "seed"), NOT_NEGATIVE),
    **dict.fromkeys(("held_out", "label_smoothing"), BELOW_ONE),
    "layer_decay": SHARE,
}


@dataclasses.dataclass(frozen=True)
class FineTuning:
    """How an entry of the zoo is fine-tuned.

    Args:
        entry: Name of the entry.
        freeze: Number of stages, with the stem, that keep their weights; with 0 everything is trained.
        head_epochs: Epochs, first, of the head alone.
        epochs: Epochs, then, of everything that is not frozen, at most.
        batch_size: Images a step; fewer where there are not as many images.
        head_learning_rate: Learning rate of the head alone.
        learning_rate: Peak learning rate of the head, then: a tenth of the epochs it rises, then falls along a cosine.
        layer_decay: Factor of the learning rate from a stage to the one before it.
        weight_decay: L2 coefficient, added to the gradient.
        norms: Whether batch norms are `"trained"`, or `"frozen"`: they keep their statistics, scales and shifts. The
            default is `"trained"`, since images of another kind have other statistics than those of the entry's data
            set, and an epoch is enough to learn them. Frozen is better for batches of fewer than about 16 images, whose
            statistics are noise. Norms of frozen stages, and all while the head is trained alone, are frozen.
        balance: Whether classes have the same weight, in training and in early stopping, however many images they have.
        held_out: Share of the training images of every class that is held out, to stop by; 0 to train all epochs.
        patience: Epochs without a lower loss on the held-out images after which training stops.
        flip: Whether images are flipped left to right at random.
        label_smoothing: Label smoothing.
        seed: Seed of the held-out images, the new head, order and augmentation.
    """

    entry: str
    freeze: int = 0
    head_epochs: int = 2
    epochs: int = 10
    batch_size: int = 64
    head_learning_rate: float = 0.05
    learning_rate: float = 0.02
    layer_decay: float = 0.7
    weight_decay: float = 5e-4
    norms: Literal["trained", "frozen"] = "trained"
    balance: bool = True
    held_out: float = 0.1
    patience: int = 4
    flip: bool = True
    label_smoothing: float = 0.0
    seed: int = 0

    def __post_init__(self):
        check_types(self)
        for name, (is_right, right) in RANGES.items():
            value = getattr(self, name)
            if not is_right(value):
                raise ValueError(f"`{name}` must be {right}. Received: {name}={value!r}")
        if not self.head_epochs + self.epochs:
            raise ValueError("`epochs` must be positive without `head_epochs`. Received: epochs=0, head_epochs=0")


class FineTuned(NamedTuple):
    """What a fine-tuning wrote and reached.

    Attributes:
        directory: The run's folder.
        held_out, test: What `confusion.figures` tells of the held-out and the test images.
    """

    directory: pathlib.Path
    held_out: dict[str, Any]
    test: dict[str, Any]


def fine_tune(
    settings: FineTuning,
    source: str | os.PathLike,
    directory: str | os.PathLike,
    *,
    data_dir: str | os.PathLike | None = None,
    image_size: tuple[int, int] | None = None,
    channels: int = 3,
    resize: Resize | None = None,
    weights: str | os.PathLike = "pretrained",
) -> FineTuned:
    """Fine-tunes an entry of the zoo on images of other classes, and writes a run's folder, all of it at the end.

    The folder has `model.keras`, the whole network, which takes pixel values from 0 to 255; `card.json`, with labels,
    image size and preprocessing, which `dia-keras predict`, `evaluate`, `export` and `benchmark` go by; `report.json`,
    with accuracy, balanced accuracy and the accuracy of every class; `log.csv`, `curves.png` and `confusion.png`.

    The test images are looked at once, at the end.

    Args:
        settings: How.
        source: The images: see `dia_keras.data.load`.
        directory: Folder to write; it must not exist, or be empty.
        data_dir: TFDS' folder.
        image_size: Height and width of the images; those of the entry's data set by default.
        channels: 3 for RGB, 1 for gray: the pretrained weights are carried over. Others must be those of the images.
        resize: How images of another size are resized. Default: what the entry's card says.
        weights: `"pretrained"`, or the path of a weights file of the entry.

    Raises:
        ValueError: On an argument out of range, or data that cannot be used.
        FileNotFoundError: Where data or weights are missing.
        Diverged: Where the loss is not finite; nothing is written.
    """
    directory = pathlib.Path(directory)
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        raise ValueError(f"`directory` must be a new or an empty folder. Received: directory={str(directory)!r}")
    card = zoo.card(settings.entry)
    size = image_size or card.dataset.image_size
    rule = resize or card.resize
    found = load_images(source, data_dir, size, rule, channels)
    training, held_out = hold_out(found.train, settings.held_out, settings.seed)
    names = found.class_names
    keras.utils.set_random_seed(settings.seed)
    model = starting_model(settings, names, size, channels, weights)
    directory.parent.mkdir(parents=True, exist_ok=True)
    with staged(directory) as folder:
        folder.mkdir()
        best = train_in_two_phases(model, settings, training, held_out, folder)
        model.trainable = True  # for whoever trains on
        result = FineTuned(
            directory,
            *(figures(confusion_matrix(model, split, len(names)), names) for split in (held_out, found.test)),
        )
        # Without the optimizer.
        keras.Model(model.input, model.output, name=model.name).save(folder / RUN_MODEL)
        plot_curves(folder / "log.csv", folder / "curves.png", title=f"{settings.entry}, fine-tuned")
        counts = np.array(result.test["confusion"])
        plot_confusion(counts, names, folder / "confusion.png", title=f"{counts.sum()} test images")
        record = {
            "settings": dataclasses.asdict(settings),
            "data": pathlib.Path(source).name,
            "best_epoch": best,
            **describe_run(),
        }
        write_json(folder / "report.json", {"held_out": result.held_out, "test": result.test, **record})
        write_json(folder / RUN_CARD, _card_of(model, folder, settings.entry, names, size, channels, rule, result.test))
    return result


def load_images(
    source: str | os.PathLike, data_dir, image_size: tuple[int, int], resize: Resize, channels: int
) -> data_module.DataSet:
    """Loads images of any classes, of this size and number of channels.

    Raises:
        ValueError: Where the images have other channels, which cannot be changed, or there is one class only.
    """
    wanted: Any = channels if channels in (1, 3) else None
    found = data_module.load(source, data_dir=data_dir, image_size=image_size, resize=resize, channels=wanted)
    if found.train.images.shape[-1] != channels:
        raise ValueError(
            f"`channels` must be 3, 1 or those of the images, {found.train.images.shape[-1]}. "
            f"Received: channels={channels!r}"
        )
    if len(found.class_names) < 2:
        raise ValueError(f"`source` must have at least two classes. Received: {len(found.class_names)} in {source}")
    return found


def hold_out(split: Split, share: float, seed: int) -> tuple[Split, Split]:
    """Returns a split without, and with, a share of the images of every class, drawn at random.

    Of a class with two images or more, one at least is held out, and one at least is not.
    """
    chosen = np.zeros(len(split.labels), bool)
    order = np.random.default_rng(seed).permutation(len(split.labels))
    for label in np.unique(split.labels):
        members = order[split.labels[order] == label]
        number = min(max(1, round(share * len(members))), len(members) - 1) if share else 0
        chosen[members[:number]] = True
    return (
        Split(split.images[~chosen], split.labels[~chosen]),
        Split(split.images[chosen], split.labels[chosen]),
    )


def starting_model(
    settings: FineTuning, class_names: tuple[str, ...], image_size: tuple[int, int], channels: int, weights
) -> keras.Model:
    """Returns the entry's network for these images, with a new head unless the classes are the entry's own."""
    shape = (*image_size, channels) if channel_axis() == -1 else (channels, *image_size)
    model = zoo.load(settings.entry, weights=weights, num_classes=len(class_names), input_shape=shape)
    own = zoo.card(settings.entry).labels
    return with_new_head(model, len(own)) if len(class_names) == len(own) and class_names != own else model


def train_in_two_phases(
    model: keras.Model, settings: FineTuning, training: Split, held_out: Split, folder: pathlib.Path
) -> int:
    """Trains the head, then what is not frozen, and leaves the weights of the best epoch.

    Returns:
        The number of that epoch, counted from 1: the last one where nothing is held out.
    """
    stages = len(stage_outputs(model))
    if settings.freeze > stages:
        raise ValueError(
            f"`freeze` must be at most {stages}, the stages of {settings.entry}. Received: freeze={settings.freeze}"
        )
    variables = list(model.variables)
    done, best, lowest = 0, 0, math.inf
    kept: list[np.ndarray] = []
    for freeze, epochs, rate in (
        (stages, settings.head_epochs, settings.head_learning_rate),
        (settings.freeze, settings.epochs, settings.learning_rate),
    ):
        if not epochs:
            continue
        set_trainable(model, stages, freeze, settings.norms, is_head_only=freeze == stages)
        history = _fit(model, settings, stages, training, held_out, folder, done, epochs, rate)
        losses = history.get("val_loss")
        if losses is None or min(losses) < lowest:
            best = done + (len(history["loss"]) if losses is None else int(np.argmin(losses)) + 1)
            lowest = math.inf if losses is None else min(losses)
            kept = [np.array(keras.ops.convert_to_numpy(variable)) for variable in variables]
        done += len(history["loss"])
    for variable, value in zip(variables, kept, strict=True):
        variable.assign(value)
    return best


def set_trainable(model: keras.Model, stages: int, freeze: int, norms: str, is_head_only: bool) -> None:
    """Sets which layers are trained: those beyond the frozen stages, and norms only where they are to be."""
    for layer in model.layers:
        depth = depth_of(layer, stages)
        layer.trainable = layer.name == "classifier" if is_head_only else not freeze or depth > freeze
    if norms == "frozen":
        for layer in model._flatten_layers():
            if isinstance(layer, keras.layers.BatchNormalization):
                layer.trainable = False


def _fit(model, settings: FineTuning, stages, training: Split, held_out: Split, folder, done: int, epochs: int, rate):
    """Trains for a phase, after `done` epochs, and returns what `model.fit` tells of its epochs."""
    classes = model.output_shape[-1]
    recipe = Recipe(
        settings.entry,
        epochs=epochs,
        batch_size=min(settings.batch_size, len(training.labels)),
        pad=round(min(training.images.shape[1:3]) / 8),
        flip=settings.flip,
        seed=settings.seed,
    )
    steps = len(training.labels) // recipe.batch_size
    weights = class_weights(training.labels, classes) if settings.balance else None
    model.compile(
        LayerwiseSGD(
            learning_rate_schedule(rate, epochs * steps, is_constant=done == 0 and settings.head_epochs > 0),
            factors_of(model, stages, settings.layer_decay),
            l2=settings.weight_decay,
            momentum=0.9,
            nesterov=True,
            global_clipnorm=1.0,
        ),
        keras.losses.CategoricalCrossentropy(label_smoothing=settings.label_smoothing),
        metrics=[keras.metrics.CategoricalAccuracy(name="accuracy")],
        weighted_metrics=[keras.metrics.CategoricalAccuracy(name="balanced_accuracy")] if settings.balance else [],
        jit_compile=is_xla_worth_it(),
    )
    callbacks: list[keras.callbacks.Callback] = [FiniteLoss(folder), EpochLog(folder / "log.csv")]
    validation: dict[str, Any] = {}
    if len(held_out.labels):
        targets = keras.utils.to_categorical(held_out.labels, classes)
        of_images = () if weights is None else (weights[held_out.labels],)
        validation = {"validation_data": (held_out.images, targets, *of_images), "validation_batch_size": 250}
        callbacks.append(
            keras.callbacks.EarlyStopping("val_loss", patience=settings.patience, restore_best_weights=True)
        )
    with fused_batch_norms(model):
        history = model.fit(
            weighted(batches(training.images, training.labels, classes, recipe, first_epoch=done), weights),
            steps_per_epoch=steps,
            initial_epoch=done,
            epochs=done + epochs,
            shuffle=False,  # the generator shuffles
            verbose=1 if sys.stdout.isatty() else 2,
            callbacks=callbacks,
            **validation,
        )
    return history.history


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


def learning_rate_schedule(peak: float, steps: int, is_constant: bool):
    """Returns the learning rate of the head alone, constant, or a warm-up of a tenth of the steps before a cosine."""
    warmup = steps // 10
    if is_constant:
        return peak
    if not warmup:
        return keras.optimizers.schedules.CosineDecay(peak, steps)
    return keras.optimizers.schedules.CosineDecay(0.0, steps - warmup, warmup_target=peak, warmup_steps=warmup)


def _card_of(model, folder, entry, names, size, channels, resize, test) -> dict[str, Any]:
    layer = model.get_layer("preprocessing")
    scale, offset = (np.ravel(value).astype(float) for value in (layer.scale, layer.offset))
    return {
        "entry": entry,
        "labels": list(names),
        "image_size": list(size),
        "channels": channels,
        "resize": resize,
        "normalization": {
            "where": "in the network: it takes values from 0 to 255",
            "mean": (-offset / scale / 255).round(6).tolist(),
            "std": (1 / scale / 255).round(6).tolist(),
        },
        "test": {name: test[name] for name in ("images", "accuracy", "balanced_accuracy", "per_class")},
        "license": zoo.card(entry).license,
        "file": RUN_MODEL,
        "sha256": describe(folder / RUN_MODEL).sha256,
    }
