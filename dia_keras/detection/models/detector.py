"""The base class of both detectors: the backbone's arguments, the losses in `fit`, and the answers of `predict`."""

import math
from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

import keras

from ...arguments import boolean, height_and_width, is_number, positive_integer
from ...backbones import ATTENTIONS
from ...messages import did_you_mean
from ...training.precision import built_in
from .pyramid import backbone, feature_pyramid

#: Candidates among which non-maximum suppression chooses: of each level (RetinaNet), or of an image (Faster R-CNN).
CANDIDATES = 1000


class Detector(keras.Model):
    """A detector over a backbone; see `RetinaNet` and `FasterRCNN`.

    Args:
        depth: Depth of the ResNet: 18, 34, 50 or 101.
        num_classes: Number of classes, without a background.
        image_size: Height and width of the input in pixels, multiples of 32. `dia_keras.detection.data` letterboxes
            images to it.
        attention: Name of an attention in `dia_keras.backbones.ATTENTIONS`, or `None`.
        attention_config: Keywords for the attention.
        shared: Whether a stage has one attention for all its blocks, see `imagenet_resnet`.
        attention_stages: Numbers of the stages with attention, counted from 1.
        backbone_weights: Name of a zoo entry, or path of a weights file, that fits the backbone; `None` for initial
            values. Those of the plain ResNet fit, too: then the attention alone keeps its initial values, and a line in
            the log of `dia_keras` says so. A saved detector has its weights of its own.
        freeze_norms: Whether the backbone's batch norms keep weights and statistics, also where `trainable` is set.
            By default they do where the backbone has weights. With initial values, it would not train.
        anchor_scale: Size of an anchor in strides of its level.
        score_threshold: Minimum score. Detections with a lower or equal score are dropped.
        iou_threshold: IoU above which non-maximum suppression drops the detection of a class with the lower score.
        max_detections: Maximum number of detections per image.
        labels: Names of the classes, which a saved detector keeps; `None` where they are not known.
        **kwargs: Keras' `name` and `dtype`.

    Raises:
        ValueError: On an argument out of range, or weights that do not fit.
    """

    #: Numbers of the pyramid's levels, and the losses' names.
    LEVELS: tuple[int, ...]
    PARTS: tuple[str, ...]
    #: Attributes that decide the answers, beside the score's threshold; they may change.
    SETTINGS_OF_ANSWERS: tuple[str, ...] = ("iou_threshold", "max_detections")

    def __init__(
        self,
        depth: int = 50,
        num_classes: int = 80,
        image_size: tuple[int, int] = (800, 1344),
        *,
        attention: str | None = None,
        attention_config: dict[str, Any] | None = None,
        shared: bool | None = None,
        attention_stages: tuple[int, ...] | None = None,
        backbone_weights: Any = None,
        freeze_norms: bool | None = None,
        anchor_scale: float = 4.0,
        score_threshold: float = 0.05,
        iou_threshold: float = 0.5,
        max_detections: int = 100,
        labels: Sequence[str] | None = None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if keras.config.image_data_format() != "channels_last":
            raise ValueError("Detectors need Keras' image data format 'channels_last'. Received: 'channels_first'")
        size = check_arguments(attention, image_size, anchor_scale, score_threshold, iou_threshold)
        self.depth, self.attention, self.image_size = depth, attention, size
        self.num_classes = positive_integer("num_classes", num_classes)
        self.max_detections = positive_integer("max_detections", max_detections)
        self.labels = None if labels is None else _names(labels, num_classes)
        self.anchor_scale, self.score_threshold, self.iou_threshold = anchor_scale, score_threshold, iou_threshold
        self._of_backbone: dict[str, Any] = {
            "attention_config": attention_config,
            "shared": shared,
            "attention_stages": attention_stages,
            "freeze_norms": backbone_weights is not None
            if freeze_norms is None
            else boolean("freeze_norms", freeze_norms),
        }
        self._parts = {name: keras.metrics.Mean(name=name) for name in self.PARTS}
        self._made_predictor: Callable[[], tuple[tuple, keras.Model]] | None = None
        with built_in(self.dtype_policy.name):
            self.backbone = backbone(depth, size, attention=attention, weights=backbone_weights, **self._of_backbone)
            self._make_heads(feature_pyramid(self.backbone, self.LEVELS))
        self.build((None, *size, 3))

    @abstractmethod
    def _make_heads(self, pyramid: list) -> None:
        """Makes `network`, by `_functional`, from images to a dictionary of raw outputs."""

    def _functional(self, outputs: dict) -> keras.Model:
        """Returns the network of outputs. It is of the backbone's class, which keeps norms frozen or does not."""
        return type(self.backbone)(self.backbone.input, outputs, name="network")

    @abstractmethod
    def _answers(self, outputs: dict, score_threshold: float) -> dict:
        """Returns the KerasTensors of the answers of greater scores, from those of the network."""

    @abstractmethod
    def losses_of(self, targets: dict, outputs: dict) -> dict:
        """Returns the parts of the loss by name, scalars.

        Args:
            targets: "boxes" and "classes", as `dia_keras.detection.data.batches` gives them.
            outputs: What `call` returns.
        """

    def build(self, input_shape):
        self.built = True

    def call(self, images, training=False):
        return self.network(images, training=training)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        if sample_weight is not None:
            raise ValueError("Detectors do not weight images. Received: `sample_weight`")
        parts = self.losses_of(y, y_pred)
        for name, value in parts.items():
            self._parts[name].update_state(value)
        return sum([*parts.values(), *self.losses])

    def predictor(self, score_threshold: float | None = None) -> keras.Model:
        """Returns a functional model from images to answers, with non-maximum suppression, that shares all weights.

        Its output is what `predict` returns, as tensors.

        Args:
            score_threshold: Scores of answers are greater; by default the detector's own.

        Raises:
            ValueError: On a threshold out of range.
        """
        threshold = self.score_threshold if score_threshold is None else score_threshold
        _check_threshold("score_threshold", threshold)
        settings = threshold, *(getattr(self, name) for name in self.SETTINGS_OF_ANSWERS)
        if self._made_predictor is None or self._made_predictor()[0] != settings:
            images = keras.Input((*self.image_size, 3), name="images")
            answers = self._answers(self.network(images), threshold)
            made = settings, keras.Model(images, answers, name=f"{self.name}_predictor")
            # A function, which Keras does not look into for layers.
            self._made_predictor = lambda: made
        return self._made_predictor()[1]

    def predict(self, x, batch_size=None, verbose="auto", steps=None, callbacks=None):
        """Finds objects.

        Args:
            x: Images, uint8 or float of values 0 to 255, `(batch, height, width, 3)` of `image_size`; or what else
                Keras' `predict` takes, as its other arguments.

        Returns:
            A dictionary of NumPy arrays: "boxes", `(x1, y1, x2, y2)` in pixels of the input, `(batch, max_detections,
            4)`; "classes", int32, and "scores", `(batch, max_detections)`, sorted by descending score;
            "num_detections", int32 `(batch,)`. Rows from that number on are -1.

        Raises:
            ValueError: On images of another shape.
        """
        own, given = (*self.image_size, 3), getattr(x, "shape", None)
        if given is not None and tuple(given)[1:] != own:
            raise ValueError(
                f"The detector must be given images of shape (batch, {', '.join(map(str, own))}); "
                f"`dia_keras.detection.detect` takes other sizes. Received: {tuple(given)}"
            )
        return self.predictor().predict(x, batch_size, verbose, steps, callbacks)

    def predict_on_batch(self, x):
        """Does `predict` for one batch."""
        return self.predictor().predict_on_batch(x)

    def get_config(self):
        return {
            "name": self.name,
            "trainable": self.trainable,
            "dtype": keras.dtype_policies.serialize(self.dtype_policy),
            "depth": self.depth,
            "num_classes": self.num_classes,
            "image_size": list(self.image_size),
            "attention": self.attention,
            "anchor_scale": self.anchor_scale,
            "score_threshold": self.score_threshold,
            "iou_threshold": self.iou_threshold,
            "max_detections": self.max_detections,
            "labels": None if self.labels is None else list(self.labels),
            **self._of_backbone,
            "backbone_trainable": self.backbone.trainable,
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        # Keras gives its own layers' configurations, where tuples are lists and policies dictionaries.
        is_trainable = config.get("backbone_trainable", True)
        detector = cls(**{key: value for key, value in config.items() if key != "backbone_trainable"})
        if not is_trainable:
            detector.backbone.trainable = False
        return detector


def check_arguments(
    attention: str | None,
    image_size: tuple[int, int],
    anchor_scale: float = 4.0,
    score_threshold: float = 0.05,
    iou_threshold: float = 0.5,
) -> tuple[int, int]:
    """Checks arguments of a detector, before it is built; returns the size of the images.

    Raises:
        ValueError: If one is out of range, or of a wrong type.
    """
    if attention is not None and not (isinstance(attention, str) and attention in ATTENTIONS):
        hint = did_you_mean(attention, ATTENTIONS, 1)
        raise ValueError(f"`attention` must be None or one of {', '.join(ATTENTIONS)}.{hint} Received: {attention!r}")
    size = height_and_width("image_size", image_size)
    if size[0] % 32 or size[1] % 32:
        raise ValueError(f"`image_size` must be multiples of 32 pixels. Received: image_size={image_size!r}")
    _check_threshold("score_threshold", score_threshold)
    _check_threshold("iou_threshold", iou_threshold)
    if not is_number(anchor_scale) or not 0 < anchor_scale < math.inf:
        raise ValueError(f"`anchor_scale` must be positive and finite. Received: anchor_scale={anchor_scale!r}")
    return size


def _check_threshold(name: str, value: float) -> None:
    if not is_number(value) or not 0 <= value < 1:
        raise ValueError(f"`{name}` must be at least 0 and below 1. Received: {name}={value!r}")


def _names(labels: Sequence[str], num_classes: int) -> tuple[str, ...]:
    """Returns the labels as a tuple, so that Keras, which wraps lists, keeps them as they are."""
    names = () if isinstance(labels, str) else tuple(labels)
    if len(names) != num_classes or not all(isinstance(name, str) for name in names):
        raise ValueError(f"`labels` must be the names of the {num_classes} classes. Received: labels={labels!r}")
    return names


class DetectionLayer(keras.layers.Layer):
    """A layer without weights, from raw outputs to answers, see `suppression.class_wise_nms`.

    Args:
        function: Function of the outputs that returns the dictionary of answers.
        max_detections: Maximum number of detections per image.
    """

    def __init__(self, function: Callable[..., dict], max_detections: int, **kwargs):
        super().__init__(dtype="float32", **kwargs)
        self.function, self.max_detections = function, max_detections

    def call(self, outputs):
        return self.function(outputs)

    def compute_output_spec(self, outputs):
        number = self.max_detections
        return {
            "boxes": keras.KerasTensor((None, number, 4), "float32"),
            "classes": keras.KerasTensor((None, number), "int32"),
            "scores": keras.KerasTensor((None, number), "float32"),
            "num_detections": keras.KerasTensor((None,), "int32"),
        }
