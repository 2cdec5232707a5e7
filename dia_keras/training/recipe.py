"""A training recipe: everything that decides the weights, and nothing else."""

import dataclasses
import math
import types
from collections.abc import Callable, Mapping
from typing import Any, Literal, get_args, get_origin

import keras

from ..arguments import LARGEST_SEED
from .optimizer import SGDL2
from .schedule import one_cycle

POSITIVE = (lambda value: 0 < value < math.inf, "positive")
NOT_NEGATIVE = (lambda value: 0 <= value < math.inf, "at least 0")
SHARE = (lambda value: 0 <= value <= 1, "from 0 to 1")
BELOW_ONE = (lambda value: 0 <= value < 1, "at least 0 and less than 1")
SEED = (lambda value: 0 <= value <= LARGEST_SEED, f"from 0 to {LARGEST_SEED}")
#: What the fields that are numbers may be, and how a message says that.
RANGES: dict[str, tuple[Callable[[Any], bool], str]] = {
    **dict.fromkeys(("epochs", "batch_size", "learning_rate", "factor", "clip_norm"), POSITIVE),
    **dict.fromkeys(("weight_decay", "pad", "mixup", "cutmix", "held_out", "images"), NOT_NEGATIVE),
    "seed": SEED,
    **dict.fromkeys(("erase", "distillation"), SHARE),
    **dict.fromkeys(("warmup", "momentum", "label_smoothing", "ema", "dropout", "initial_share"), BELOW_ONE),
}
#: The changes of light and shape that augmentation draws; all are off at 0.
AUGMENTATIONS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "brightness": SHARE,
    "contrast": BELOW_ONE,
    "rotation": (lambda value: 0 <= value <= 180, "from 0 to 180 degrees"),
    "zoom": BELOW_ONE,
}
RANGES |= AUGMENTATIONS


@dataclasses.dataclass(frozen=True)
class Phase:
    """A part of a training.

    Args:
        epochs: Number of epochs.
        image_size: Height and width of the images, scaled down to it; the data set's own by default.
        depth: Depth of the network, as the entry's backbone counts it; the entry's own by default.

    Raises:
        ValueError: If a value is not a positive integer.
    """

    epochs: int
    image_size: int | None = None
    depth: int | None = None

    def __post_init__(self):
        check_types(self)
        for name in ("epochs", "image_size", "depth"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"`{name}` of a phase must be positive. Received: {name}={value!r}")


@dataclasses.dataclass(frozen=True)
class Recipe:
    """How a zoo entry is trained.

    Args:
        entry: Name of the zoo entry, e.g. `"dia_resnet20_cifar100"`.
        epochs: Number of epochs.
        batch_size: Number of images per step; the last, smaller batch of an epoch is dropped.
        learning_rate: Peak learning rate.
        schedule: `"steps"`, which multiplies the rate by `factor` at `milestones`, or `"one_cycle"`: linear
            warm-up from zero, then a cosine to zero.
        milestones: Epochs at which `"steps"` lowers the rate.
        factor: Factor of `"steps"`.
        warmup: Fraction of the training that `"one_cycle"` spends warming up.
        momentum: Momentum of SGD.
        nesterov: Whether the momentum is Nesterov's.
        weight_decay: L2 coefficient, added to the gradient.
        decay_all: Whether norms and biases decay too (the paper: yes).
        clip_norm: Norm that the gradients of all weights together are scaled down to, or `None`.
        label_smoothing: Label smoothing, of the targets with the share of the teachers in them.
        ema: Momentum a step of the exponential moving average of the weights, or `None`.
        pad: Zero-padding in pixels before the random crop.
        flip: Whether images are flipped left to right at random.
        brightness: Largest change of an image's brightness, as a share of the range from 0 to 255; 0 is off.
        contrast: Largest change of an image's contrast, as a share: with 0.2, deviations from the image's mean color
            are multiplied by 0.8 to 1.2.
        rotation: Largest rotation about the center in degrees, to either side. Corners become black.
        zoom: Largest change of the size of what is in the image, as a share: with 0.2, it is 0.8 to 1.2 times as large.
        erase: Probability of random erasing: a box of 2 to 33% of the image becomes the data's mean color.
        mixup: Parameter of MixUp's beta distribution; 0 is off.
        cutmix: Parameter of CutMix's beta distribution; 0 is off.
        teachers: Networks whose answers are a part of the targets: names of entries with weights, or paths of weights
            files of the entry itself. They see whole images in all phases.
        distillation: Share of the teachers' mean probabilities in the targets.
        held_out: Number of training images held out (0 for the final run, which trains on all).
        images: Number of training images to use in trials, evenly spaced; 0 for all.
        precision: `"float32"` or `"mixed_bfloat16"`.
        dropout: Rate of the backbone's dropout; its own by default.
        phases: Parts of the training with smaller images or shallower networks, whose epochs add up to `epochs`. The
            last one trains the entry's own network on whole images. See `dia_keras.training.growing`.
        growth: What a network that grows deeper does with the copies of blocks: `"zero"`, they start as nothing, or
            `"halve"`, a block and its copy take half a step each.
        momenta: Whether a network that grows deeper keeps the optimizer's momenta: `"keep"` or `"reset"`.
        initial_weights: What the training starts from, instead of random values: the name of an entry with weights, of
            the same architecture, or the path of a weights file of the entry itself. With another number of classes,
            the classifier is new.
        initial_share: Share of `initial_weights` in the final weights. Trainings that follow one another, each with
            its own cycle of the learning rate, end in weights whose mean is often better than the last (stochastic
            weight averaging, Izmailov et al., https://arxiv.org/abs/1803.05407). The log has the accuracies of the
            weights that train, not of the average.
        seed: Seed of initial values, order and augmentation.

    Raises:
        ValueError: On a value of another type or out of range, or values that do not fit each other.
    """

    entry: str
    epochs: int
    batch_size: int = 128
    learning_rate: float = 0.1
    schedule: Literal["steps", "one_cycle"] = "one_cycle"
    milestones: tuple[int, ...] = ()
    factor: float = 0.1
    warmup: float = 0.25
    momentum: float = 0.9
    nesterov: bool = False
    weight_decay: float = 5e-4
    decay_all: bool = True
    label_smoothing: float = 0.0
    ema: float | None = None
    pad: int = 4
    flip: bool = True
    erase: float = 0.0
    mixup: float = 0.0
    cutmix: float = 0.0
    teachers: tuple[str, ...] = ()
    distillation: float = 0.5
    held_out: int = 0
    images: int = 0
    precision: Literal["float32", "mixed_bfloat16"] = "float32"
    seed: int = 0
    dropout: float | None = None
    phases: tuple[Phase, ...] = ()
    growth: Literal["zero", "halve"] = "zero"
    momenta: Literal["keep", "reset"] = "keep"
    clip_norm: float | None = None
    brightness: float = 0.0
    contrast: float = 0.0
    rotation: float = 0.0
    zoom: float = 0.0
    initial_weights: str | None = None
    initial_share: float = 0.0

    def __post_init__(self):
        if not isinstance(self.phases, tuple):
            raise ValueError(
                "`phases` must be a tuple of phases, or of dictionaries such as {'epochs': 5, 'image_size': 16}. "
                f"Received: phases={self.phases!r}"
            )
        phases = tuple(_phase(phase) if isinstance(phase, Mapping) else phase for phase in self.phases)
        object.__setattr__(self, "phases", phases)  # a run records them as dictionaries
        check_types(self)
        for name, (is_right, right) in RANGES.items():
            value = getattr(self, name)
            if value is not None and not is_right(value):
                raise ValueError(f"`{name}` must be {right}. Received: {name}={value!r}")
        if self.schedule == "steps" and not self.milestones:
            raise ValueError(
                "`milestones` must name at least one epoch for the schedule 'steps'. Received: milestones=()"
            )
        if list(self.milestones) != sorted({m for m in self.milestones if m > 0}):
            raise ValueError(f"`milestones` must be epochs that rise from 1. Received: milestones={self.milestones!r}")
        if phases and sum(phase.epochs for phase in phases) != self.epochs:
            raise ValueError(f"`phases` must have {self.epochs} epochs, as `epochs` says. Received: phases={phases!r}")
        if phases and phases[-1] != Phase(phases[-1].epochs):
            raise ValueError(
                "`phases` must end in the entry's own depth and image size: the last phase names epochs only. "
                f"Received: phases={phases!r}"
            )
        if self.initial_weights is not None and any(phase.depth for phase in phases):
            raise ValueError(
                "`initial_weights` are of the entry's own depth, so no phase may have another. "
                f"Received: initial_weights={self.initial_weights!r}, phases={phases!r}"
            )
        if self.initial_share and self.initial_weights is None:
            raise ValueError(
                f"`initial_share` needs `initial_weights`. Received: initial_share={self.initial_share}, without any"
            )

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> "Recipe":
        """Returns the recipe that a run recorded. Fields that it did not record have their defaults."""
        values: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()
        }
        return cls(**values)

    def replace(self, **changes) -> "Recipe":
        """Returns a copy with other values."""
        return dataclasses.replace(self, **changes)

    def learning_rate_schedule(self, steps_per_epoch: int) -> keras.optimizers.schedules.LearningRateSchedule:
        """Returns the learning rate as a function of the step."""
        if self.schedule == "steps":
            # Keras keeps the old rate at the boundary itself, which is the last step before the milestone.
            boundaries = [epoch * steps_per_epoch - 1 for epoch in self.milestones]
            values = [self.learning_rate * self.factor**i for i in range(len(boundaries) + 1)]
            return keras.optimizers.schedules.PiecewiseConstantDecay(boundaries, values)
        total = self.epochs * steps_per_epoch
        return one_cycle(self.learning_rate, total, min(round(self.warmup * total), total - 1))

    def optimizer(self, steps_per_epoch: int) -> keras.optimizers.Optimizer:
        """Returns the optimizer of the whole training."""
        return SGDL2(
            self.learning_rate_schedule(steps_per_epoch),
            l2=self.weight_decay,
            decay_all=self.decay_all,
            momentum=self.momentum,
            nesterov=self.nesterov,
            global_clipnorm=self.clip_norm,
            use_ema=self.ema is not None,
            ema_momentum=self.ema if self.ema is not None else 0.99,
        )

    def loss(self) -> keras.losses.Loss:
        """Returns the loss on logits and one-hot targets."""
        return keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=self.label_smoothing)


def _phase(fields: Mapping[str, Any]) -> Phase:
    try:
        return Phase(**fields)
    except TypeError as error:
        raise ValueError(
            f"`phases` must have epochs, and may have image_size and depth. Received: {dict(fields)}"
        ) from error


def check_types(instance: Any) -> None:
    """Raises a `ValueError` where a field of a dataclass is not of the type that it is annotated with.

    Whole numbers in fields of floats become floats.
    """
    for field in dataclasses.fields(instance):
        value = getattr(instance, field.name)
        if not _fits(value, field.type):
            kind = field.type.__name__ if isinstance(field.type, type) else field.type
            raise ValueError(f"`{field.name}` must be of type {kind}. Received: {field.name}={value!r}")
        if isinstance(value, int) and float in (field.type, *get_args(field.type)):
            object.__setattr__(instance, field.name, float(value))  # Keras computes with whole numbers as such


def _fits(value: Any, kind: Any) -> bool:
    """Returns whether a field's value is of the type that the field is annotated with."""
    if isinstance(kind, types.UnionType):
        return any(_fits(value, option) for option in get_args(kind))
    if get_origin(kind) is Literal:
        return value in get_args(kind)
    if get_origin(kind) is tuple:
        return isinstance(value, tuple) and all(_fits(item, get_args(kind)[0]) for item in value)
    if isinstance(value, bool):
        return kind is bool
    return isinstance(value, (int, float) if kind is float else kind)
