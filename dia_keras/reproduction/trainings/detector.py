"""Training of a detector, from its settings to COCO's metrics."""

import dataclasses
import json
import math
import pathlib
import time
from collections.abc import Hashable, Mapping, Sequence
from typing import Any, Literal, Self

import keras

from ...arguments import positive_integer
from ...detection import DetectorSettings
from ...detection.evaluation import METRICS, NotFiniteError, check_pycocotools, detect
from ...detection.speed import measure_speed
from ...detection.training import train_and_evaluate
from ...files import staged
from ...host import describe_run
from ...training.runs.divergence import Diverged
from ...training.runs.log import read_log
from ...zoo import list_models
from ...zoo.weights_file import load_weights
from .. import networks
from ..data_sets import Sources
from ..scale import Scale
from ..table import Row
from .detection_data import DetectionData, load_detection_data, some_images
from .training import STEPS, Options, Seconds, Trained, Training, explosion, parameters_of

#: Values of `DetectorSettings.model` by the paper's names.
MODELS: dict[str, Literal["retinanet", "faster-rcnn"]] = {"RetinaNet": "retinanet", "Faster R-CNN": "faster-rcnn"}
#: Settings that the row, the seed and the scale decide.
OWN = {"model", "depth", "attention", "image_size", "epochs", "seed", "options"}
#: Images of a smoke run, of a batch of it, and those that an estimate of the time evaluates.
SMOKE_IMAGES, SMOKE_BATCH, MEASURED_IMAGES = 8, 4, 8


@dataclasses.dataclass(frozen=True)
class DetectorTraining(Training):
    """Training of a detector.

    Attributes:
        settings: The settings.
        images: Number of training images, evenly spaced in the data set; all for `None`.
        is_smoke: Whether it takes a few steps only, on a few images.
    """

    settings: DetectorSettings
    images: int | None = None
    is_smoke: bool = False

    @classmethod
    def of(cls, row: Row, seed: int, scale: Scale) -> Self:
        fields = {field.name for field in dataclasses.fields(DetectorSettings)} - OWN
        scale.check_changes(fields | {"images"}, "a detector's settings")
        network = scale.networks.get(row.network, row.network)
        function, arguments = networks.backbone(network)
        if function != "imagenet_resnet":
            raise ValueError(
                "`network` must be ResNet18, ResNet34, ResNet50 or ResNet101 in a detector. "
                f"Received: {row.network}={network}"
            )
        changes = {**row.recipe, **scale.recipe}
        images = changes.pop("images", None)
        if scale.image_size is not None:
            changes["image_size"] = (scale.image_size, scale.image_size)
        if scale.epochs is not None:
            changes["epochs"] = scale.epochs
        if scale.is_smoke:
            changes |= {"epochs": 1, "batch_size": SMOKE_BATCH}
        if isinstance(changes.get("backbone_weights"), str):
            changes["backbone_weights"] = _weights(changes["backbone_weights"], arguments["depth"])
        attention = networks.attention(row.attention, network)
        settings = DetectorSettings(
            model=MODELS[row.detector or ""],
            depth=arguments["depth"],
            attention=attention.pop("attention"),
            options={**attention, **row.changes},
            seed=seed,
            **changes,
        )
        return cls(row.data, settings, None if images is None else positive_integer("images", images), scale.is_smoke)

    @property
    def epochs(self) -> int:
        return self.settings.epochs

    def record(self) -> dict[str, Any]:
        return json.loads(json.dumps({"detector": self.settings.record(), "images": self.images}))

    @staticmethod
    def completed(record: Any) -> Any:
        try:
            given = record["detector"]
            own = {name: value for name, value in given.items() if name != "backbone_sha256"}
            settings = DetectorSettings(**{**own, "image_size": tuple(own["image_size"])}).record()
        except (TypeError, KeyError, ValueError):
            return None
        return {**record, "detector": {**json.loads(json.dumps(settings)), **given}}

    def own_among(self, results: Sequence[Mapping[str, Any]], data: DetectionData) -> int | None:
        mine = self.record()
        return next((place for place, each in enumerate(results) if self.completed(each["training"]) == mine), None)

    @property
    def data_key(self) -> Hashable:
        return self.data_name, self.images, self.is_smoke

    def load(self, sources: Sources, scale: Scale) -> DetectionData:
        check_pycocotools()
        data = load_detection_data(self.data_name, sources)
        if self.is_smoke:
            train, test = (some_images(images, min(SMOKE_IMAGES, len(images))) for images in (data.train, data.test))
            return data._replace(train=train, test=test)
        if self.images is not None:
            data = data._replace(train=some_images(data.train, self.images))
        if not len(data.test.with_boxes()):
            raise ValueError(
                f"`source` must have a box in its validation split. Received: {sources.of(self.data_name)}"
            )
        return data

    def data_record(self, data: DetectionData) -> dict[str, Any]:
        return {
            "name": self.data_name,
            "classes": len(data.train.labels),
            "stands_in": not data.is_coco,
            "training_images": len(data.train),
            "test_images": len(data.test),
            "sha256": {"training": data.train.fingerprint(), "test": data.test.fingerprint()},
        }

    def train(
        self, data: DetectionData, directory: pathlib.Path, record: Mapping[str, Any], options: Options
    ) -> Trained | None:
        keras.utils.clear_session()
        result: dict[str, Any] = {"training": self.record(), "data": dict(record), "roc": None}
        measures, exploded, weights = {"AP": math.nan}, None, None
        try:
            weights = train_and_evaluate(
                self.settings,
                data.train,
                data.test,
                directory,
                options.budget,
                callbacks=options.callbacks,
                run_eagerly=options.run_eagerly,
            )
            if weights is None:
                return None
            measures = _percents(json.loads((directory / "metrics.json").read_text()))
        except Diverged as error:
            exploded = explosion(error)
        except NotFiniteError:
            exploded = "The outputs are not finite."
        model = self.settings.build(len(data.train.labels), data.train.labels)
        if weights is not None:
            load_weights(model, weights)
        result |= {"parameters": parameters_of(model), "measures": measures, "exploded": exploded}
        result |= {"log": read_log(directory / "log.csv"), "run": describe_run()}
        return Trained(result, None if exploded else model)

    @staticmethod
    def save(model: keras.Model, path: pathlib.Path) -> None:
        with staged(path) as new:
            model.save(new)

    def speed_key(self, data: DetectionData) -> Hashable:
        settings = self.settings
        return settings.model, settings.depth, settings.batch_size, settings.image_size, len(data.train)

    def seconds(self, data: DetectionData) -> Seconds:
        settings = self.settings
        detector = settings.build(len(data.train.labels), data.train.labels)
        speed = measure_speed(settings, detector, data.train, STEPS)
        images = [data.test[index].image for index in range(min(MEASURED_IMAGES, len(data.test)))]
        detect(detector, images, image_size=settings.image_size)
        began = time.monotonic()
        detect(detector, images, image_size=settings.image_size)
        return Seconds(speed.compiling, speed.per_epoch, (time.monotonic() - began) / len(images))

    def evaluated_images(self, data: DetectionData, watch_test: bool) -> int:
        return len(data.test)


def _weights(name: str, depth: int) -> str:
    """Returns a name of weights for a depth, which it may hold as `{depth}`.

    Raises:
        ValueError: If there is no such file or entry.
    """
    name = name.replace("{depth}", str(depth))
    if not pathlib.Path(name).expanduser().is_file() and name not in list_models():
        raise ValueError(
            f"`backbone_weights` must be a file or an entry of the zoo. Received: backbone_weights={name!r}"
        )
    return name


def _percents(metrics: Mapping[str, float]) -> dict[str, float]:
    """Returns COCO's metrics in percent; NaN where there is nothing to find."""
    return {name: 100 * metrics[name] if metrics[name] >= 0 else math.nan for name in METRICS}
