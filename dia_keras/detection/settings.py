"""Settings of a detector's training, and its learning rate schedule."""

import dataclasses
import functools
import inspect
import math
import os
import pathlib
from collections.abc import Sequence
from typing import Any, Literal

import keras
from keras import ops

from ..arguments import LARGEST_SEED, boolean, is_integer, is_number, positive_integer
from ..backbones.imagenet_resnets import BLOCKS
from ..training import SGDL2
from ..zoo.cards import describe
from .models import FasterRCNN, RetinaNet
from .models.detector import Detector, check_arguments

#: Detectors by name, with their learning rates for 16 images per batch: the FPN paper's and RetinaNet's.
DETECTORS: dict[str, tuple[type[Detector], float]] = {"retinanet": (RetinaNet, 0.01), "faster-rcnn": (FasterRCNN, 0.02)}

#: The options that `check_arguments` checks, and those that are numbers of something.
CHECKED, COUNTS = ("anchor_scale", "score_threshold", "iou_threshold"), {"max_detections", "proposals", "regions"}


@dataclasses.dataclass(frozen=True)
class DetectorSettings:
    """How a detector is built and trained: by default the 1x schedule of 12 epochs.

    Args:
        model: "retinanet" or "faster-rcnn".
        depth: Depth of the ResNet: 18, 34, 50 or 101.
        attention: Name of an attention, or `None`.
        image_size: Height and width of the network's input in pixels, multiples of 32.
        epochs: Epochs. After 8 and 11 twelfths of them the learning rate falls to a tenth.
        batch_size: Number of images per batch.
        learning_rate: Peak, for 16 images per batch; for others it is scaled in proportion. Default: 0.01 for
            RetinaNet, 0.02 for Faster R-CNN, as in the papers.
        warmup_steps: Steps in which the rate rises to its peak; a tenth of all at most.
        weight_decay: L2 coefficient.
        clip_norm: Norm that the gradients of all weights together are scaled down to.
        backbone_weights: Name of a zoo entry with weights, or path of a file of weights, that fits the backbone or the
            plain ResNet of its depth, see `RetinaNet`.
        freeze_norms: Whether batch norms are frozen. Default: where the backbone has weights.
        augment: Whether images are flipped, scaled and moved at random.
        max_boxes: Maximum number of boxes per image.
        precision: Keras' dtype policy, e.g. "mixed_bfloat16".
        seed: Seed of initial values, order and augmentation.
        options: More arguments of the detector, e.g. `{"anchor_scale": 3.0}` or `{"regions": 128}`.

    Raises:
        ValueError: On a value out of range.
    """

    model: Literal["retinanet", "faster-rcnn"] = "retinanet"
    depth: int = 50
    attention: str | None = None
    image_size: tuple[int, int] = (800, 1344)
    epochs: int = 12
    batch_size: int = 16
    learning_rate: float | None = None
    warmup_steps: int = 500
    weight_decay: float = 1e-4
    clip_norm: float = 10.0
    backbone_weights: str | os.PathLike | None = None
    freeze_norms: bool | None = None
    augment: bool = True
    max_boxes: int = 100
    precision: str = "float32"
    seed: int = 0
    options: dict[str, Any] = dataclasses.field(default_factory=dict)

    def __post_init__(self):
        if not isinstance(self.model, str) or self.model not in DETECTORS:
            raise ValueError(f"`model` must be one of {', '.join(DETECTORS)}. Received: model={self.model!r}")
        for name in ("epochs", "batch_size", "max_boxes"):
            self._set(name, positive_integer(name, getattr(self, name)))
        for name, most in (("warmup_steps", math.inf), ("seed", LARGEST_SEED)):
            value = getattr(self, name)
            if not is_integer(value, 0, most):
                rule = "an integer of at least 0" if most == math.inf else f"an integer from 0 to {most}"
                raise ValueError(f"`{name}` must be {rule}. Received: {name}={value!r}")
            self._set(name, int(value))
        for name in ("learning_rate", "clip_norm"):
            value = getattr(self, name)
            if value is None and name == "learning_rate":
                continue
            if not (is_number(value) and 0 < value < math.inf):
                raise ValueError(f"`{name}` must be positive and finite. Received: {name}={value!r}")
            self._set(name, float(value))
        if not is_number(self.weight_decay) or not 0 <= self.weight_decay < math.inf:
            raise ValueError(
                f"`weight_decay` must not be negative, and finite. Received: weight_decay={self.weight_decay!r}"
            )
        self._set("weight_decay", float(self.weight_decay))
        if not is_integer(self.depth) or self.depth not in BLOCKS:
            raise ValueError(f"`depth` must be one of {', '.join(map(str, BLOCKS))}. Received: depth={self.depth!r}")
        try:
            is_quantized = getattr(keras.dtype_policies.get(self.precision), "quantization_mode", None) is not None
        except ValueError:
            is_quantized = True
        if not isinstance(self.precision, str) or is_quantized:
            raise ValueError(
                "`precision` must be the name of a dtype policy of Keras, such as 'float32' or 'mixed_bfloat16', "
                f"without quantization. Received: precision={self.precision!r}"
            )
        self._set("depth", int(self.depth))
        self._set("augment", boolean("augment", self.augment))
        if self.freeze_norms is not None:
            self._set("freeze_norms", boolean("freeze_norms", self.freeze_norms))
        weights = self.backbone_weights
        if weights is not None and not isinstance(weights, str | os.PathLike):
            raise ValueError(f"`backbone_weights` must be a name or a path. Received: backbone_weights={weights!r}")
        if not isinstance(self.options, dict):
            raise ValueError(f"`options` must be a dict of arguments. Received: options={self.options!r}")
        known = _options(DETECTORS[self.model][0])
        if unknown := sorted(set(self.options) - known):
            raise ValueError(
                f"`options` must be other arguments of {self.model}: {', '.join(sorted(known))}. "
                f"Received: {', '.join(map(repr, unknown))}"
            )
        checked = {name: self.options[name] for name in CHECKED if name in self.options}
        self._set("image_size", check_arguments(self.attention, self.image_size, **checked))
        plain = {name: float(value) for name, value in checked.items()}
        plain |= {name: positive_integer(name, self.options[name]) for name in COUNTS & set(self.options)}
        self._set("options", {**self.options, **plain})

    def _set(self, name: str, value: Any) -> None:
        """Stores a value as Python has it, whatever kind of number was given: it goes into a record."""
        object.__setattr__(self, name, value)

    def build(self, num_classes: int, labels: Sequence[str] | None = None) -> Detector:
        """Returns the detector, of initial values but for the backbone's weights.

        Args:
            num_classes: Number of classes.
            labels: Their names, which the detector keeps.
        """
        keras.utils.set_random_seed(self.seed)
        return DETECTORS[self.model][0](
            self.depth,
            num_classes,
            self.image_size,
            attention=self.attention,
            backbone_weights=self.backbone_weights,
            freeze_norms=self.freeze_norms,
            dtype=self.precision,
            labels=labels,
            **self.options,
        )

    def optimizer(self, steps_per_epoch: int) -> keras.optimizers.Optimizer:
        """Returns SGD with momentum 0.9 and the schedule."""
        steps = self.epochs * steps_per_epoch
        rate = DETECTORS[self.model][1] if self.learning_rate is None else self.learning_rate
        schedule = WarmUpAndDrops(
            rate * self.batch_size / 16,
            min(self.warmup_steps, steps // 10),
            [steps * 8 // 12, steps * 11 // 12],
        )
        return SGDL2(schedule, self.weight_decay, momentum=0.9, global_clipnorm=self.clip_norm)

    def record(self) -> dict[str, Any]:
        """Returns the settings as JSON has them, with the SHA-256 of the backbone's file."""
        values = {**dataclasses.asdict(self), "image_size": list(self.image_size)}
        if self.backbone_weights is not None:
            values["backbone_weights"] = os.fspath(self.backbone_weights)
            path = pathlib.Path(self.backbone_weights).expanduser()
            values["backbone_sha256"] = _sha256(path, path.stat().st_mtime_ns) if path.is_file() else None
        return values


@functools.lru_cache
def _sha256(path: pathlib.Path, changed: int) -> str:
    """Returns the SHA-256 of a file, read again only where it was changed: a table compares many records."""
    return describe(path).sha256


def _options(detector: type[Detector]) -> set[str]:
    """Returns the names of a detector's arguments that are not settings of their own."""
    arguments = {*inspect.signature(Detector.__init__).parameters, *inspect.signature(detector.__init__).parameters}
    own = {field.name for field in dataclasses.fields(DetectorSettings)}
    return arguments - own - {"self", "num_classes", "labels", "dtype", "kwargs", "settings"}


@keras.saving.register_keras_serializable("dia_keras")
class WarmUpAndDrops(keras.optimizers.schedules.LearningRateSchedule):
    """A learning rate that rises in proportion to the step, from a thousandth, and falls to a tenth at every drop.

    Args:
        peak: The rate after the warm-up.
        warmup_steps: Steps of the warm-up; 0 for none.
        drops: Steps at which the rate falls to a tenth.
    """

    def __init__(self, peak: float, warmup_steps: int, drops: list[int]):
        self.peak, self.warmup_steps, self.drops = peak, warmup_steps, list(drops)

    def __call__(self, step):
        step = ops.cast(step, "float32")
        rate = self.peak * ops.minimum(1.0, 0.001 + step / max(self.warmup_steps, 1) if self.warmup_steps else 1.0)
        for drop in self.drops:
            rate = rate * ops.where(step >= drop, 0.1, 1.0)
        return rate

    def get_config(self):
        return {"peak": self.peak, "warmup_steps": self.warmup_steps, "drops": self.drops}
