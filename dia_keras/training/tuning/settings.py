"""Settings of a fine-tuning: all that decides its weights but the images."""

import dataclasses
import re
from typing import Literal

from ..recipe import AUGMENTATIONS, BELOW_ONE, NOT_NEGATIVE, POSITIVE, SEED, SHARE, check_types

RANGES = {
    **dict.fromkeys(("batch_size", "head_learning_rate", "learning_rate", "patience"), POSITIVE),
    **dict.fromkeys(("freeze", "head_epochs", "epochs", "weight_decay"), NOT_NEGATIVE),
    "seed": SEED,
    **dict.fromkeys(("held_out", "label_smoothing", "ema"), BELOW_ONE),
    "layer_decay": SHARE,
    **AUGMENTATIONS,
}


@dataclasses.dataclass(frozen=True)
class FineTuning:
    """How a network is fine-tuned.

    Args:
        entry: What to start from: name of an entry of the zoo, or a repository such as `"hf://user/repo"`; or path of a
            run's folder, of a `.keras` file, or of a weights file of `dia_keras.zoo.save_weights`.
        freeze: Number of stages, with the stem, that keep their weights; with 0 everything is trained.
        head_epochs: Epochs, first, of the head alone.
        epochs: Epochs, then, of everything that is not frozen, at most.
        batch_size: Number of images per step; fewer where there are not as many images.
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
        group: Regular expression that finds, in the name of an image's file, the name of its group, such as a patient:
            its first group in parentheses, or else all that it matches. The images of a group are held out together, or
            not at all, so that the held-out figures are those of other patients. It is searched in the path within the
            class's folder, `"person7_virus_1.jpg"`. Only folders of images have such names. By default, every image is
            a group of its own.
        patience: Epochs without a lower loss on the held-out images after which training stops.
        flip: Whether images are flipped left to right at random.
        brightness: Largest change of an image's brightness, as a share of the range from 0 to 255; 0 is off.
        contrast: Largest change of an image's contrast, as a share; 0 is off.
        rotation: Largest rotation in degrees, to either side; 0 is off.
        zoom: Largest change of the size of what is in the image, as a share; 0 is off. For these four see
            `dia_keras.training.Recipe`.
        label_smoothing: Label smoothing.
        ema: Momentum a step of the exponential moving average of the weights, or `None`. The averaged weights are then
            those that are evaluated and kept. They differ less from seed to seed than those of the last step.
        precision: `"float32"` or `"mixed_bfloat16"`, in which training takes less time and memory on GPUs, and on CPUs
            with instructions for bfloat16. The network that is written computes in float32 either way.
        seed: Seed of the held-out images, the new head, order and augmentation.

    Raises:
        ValueError: On a value of another type or out of range.
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
    group: str | None = None
    patience: int = 4
    flip: bool = True
    brightness: float = 0.0
    contrast: float = 0.0
    rotation: float = 0.0
    zoom: float = 0.0
    label_smoothing: float = 0.0
    ema: float | None = None
    precision: Literal["float32", "mixed_bfloat16"] = "float32"
    seed: int = 0

    def __post_init__(self):
        check_types(self)
        for name, (is_right, right) in RANGES.items():
            value = getattr(self, name)
            if value is not None and not is_right(value):
                raise ValueError(f"`{name}` must be {right}. Received: {name}={value!r}")
        if not self.head_epochs + self.epochs:
            raise ValueError("`epochs` must be positive without `head_epochs`. Received: epochs=0, head_epochs=0")
        if self.group is not None:
            _check_group(self.group, self.held_out)


def _check_group(pattern: str, held_out: float) -> None:
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"`group` must be a regular expression. Received: group={pattern!r} ({error})") from None
    if not held_out:
        raise ValueError(
            f"`group` needs a positive `held_out`: no image is held out. Received: group={pattern!r}, held_out=0"
        )
