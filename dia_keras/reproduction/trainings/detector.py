"""Training of a detector, from its settings to COCO's metrics."""

import dataclasses
import json
import math
import pathlib
import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, Literal, Self

import keras

from ...arguments import positive_integer
from ...detection import DetectorSettings, train_detector
from ...detection.data import Batches, batches
from ...detection.evaluation import METRICS, check_pycocotools, detect
from ...files import staged
from ...host import describe_run
from ...training.fitting import is_xla_worth_it
from ...training.runs.budget import WallClockBudget
from ...training.runs.divergence import Diverged
from ...zoo.weights_file import load_weights
from .. import networks
from ..data_sets import Sources
from ..scale import Scale
from ..table import Row
from .detection_data import DetectionData, is_coco, load_detection_data, some_images
from .training import STEPS, Seconds, Trained, Training, explosion, parameters_of, read_log

#: Detectors by the paper's names.
DETECTORS: dict[str, Literal["retinanet", "faster-rcnn"]] = {"RetinaNet": "retinanet", "Faster R-CNN": "faster-rcnn"}
#: Settings that the row, the seed and the scale decide.
OWN = {"model", "depth", "attention", "image_size", "epochs", "seed", "options"}
#: Images of a smoke run, and of a batch of it.
SMOKE, SMOKE_BATCH = 8, 4


@dataclasses.dataclass(frozen=True)
class DetectorTraining(Training):
    """Training of a detector.

    Attributes:
        settings: The settings.
        images: Number of training images, evenly spaced in the data set; all for `None`.
        test_images: Number of test images, alike.
    """

    settings: DetectorSettings
    images: int | None = None
    test_images: int | None = None

    @classmethod
    def of(cls, row: Row, seed: int, scale: Scale) -> Self:
        settings = {field.name for field in dataclasses.fields(DetectorSettings)} - OWN
        scale.check_changes(settings | {"images"}, "a detector's settings")
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
        return cls(
            row.data,
            DetectorSettings(
                model=DETECTORS[row.detector or ""],
                depth=arguments["depth"],
                attention=networks.attention(row.attention, network)["attention"],
                seed=seed,
                **changes,
            ),
            images=SMOKE if scale.is_smoke else None if images is None else positive_integer("images", images),
            test_images=SMOKE if scale.is_smoke else None,
        )

    @property
    def epochs(self) -> int:
        return self.settings.epochs

    def record(self) -> dict[str, Any]:
        return json.loads(json.dumps({"detector": self.settings.record(), "images": self.images}))

    @staticmethod
    def completed(record: Any) -> Any:
        try:
            settings = record["detector"]
            complete = DetectorSettings(**{**settings, "image_size": tuple(settings["image_size"])}).record()
        except (TypeError, KeyError, ValueError):
            return None
        return {**record, "detector": json.loads(json.dumps(complete))}

    @property
    def data_key(self) -> Hashable:
        return self.data_name, self.images, self.test_images

    def load(self, sources: Sources, scale: Scale) -> DetectionData:
        check_pycocotools()
        train, test = load_detection_data(self.data_name, sources)
        return DetectionData(some_images(train, self.images), some_images(test, self.test_images))

    def data_record(self, data: DetectionData) -> dict[str, Any]:
        return {
            "name": self.data_name,
            "classes": len(data.train.labels),
            "stands_in": not is_coco(data.train),
            "training_images": len(data.train),
            "test_images": len(data.test),
            "sha256": {"training": data.train.fingerprint(), "test": data.test.fingerprint()},
        }

    def train(
        self,
        data: DetectionData,
        directory: pathlib.Path,
        record: Mapping[str, Any],
        *,
        watch_test: bool = False,
        budget: WallClockBudget,
        callbacks: Sequence[keras.callbacks.Callback] = (),
        run_eagerly: bool = False,
    ) -> Trained | None:
        keras.utils.clear_session()
        minutes = None
        if budget.minutes is not None and (minutes := budget.minutes - (time.monotonic() - budget.started) / 60) <= 0:
            return None
        result: dict[str, Any] = {"training": self.record(), "data": dict(record), "roc": None}
        measures, exploded, weights = {"AP": math.nan}, None, None
        try:
            weights = train_detector(
                self.settings,
                data.train,
                directory,
                validation=data.test,
                minutes=minutes,
                callbacks=callbacks,
                run_eagerly=run_eagerly,
            )
            if weights is None:
                return None
            measures = _percents(json.loads((directory / "metrics.json").read_text()))
        except Diverged as error:
            exploded = explosion(error)
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
        inputs = batches(
            data.train,
            batch_size=settings.batch_size,
            image_size=settings.image_size,
            augment=settings.augment,
            seed=settings.seed,
            max_boxes=settings.max_boxes,
            shuffle=True,
        )
        detector.compile(settings.optimizer(len(inputs)), jit_compile=is_xla_worth_it())
        steps = [_seconds(_train_on, detector, inputs, step % len(inputs)) for step in range(2 * STEPS)]
        images = [data.test[index].image for index in range(min(SMOKE, len(data.test)))]
        first, second = (_seconds(detect, detector, images, image_size=settings.image_size) for _ in range(2))
        step = sum(steps[STEPS:]) / STEPS
        compiling = max(0.0, steps[0] - step) + max(0.0, first - second)
        return Seconds(compiling, len(inputs) * step, second / len(images))

    def evaluated_images(self, data: DetectionData, watch_test: bool) -> int:
        return len(data.test)


def _percents(metrics: Mapping[str, float]) -> dict[str, float]:
    """Returns COCO's metrics in percent; NaN where there is nothing to find."""
    return {name: 100 * metrics[name] if metrics[name] >= 0 else math.nan for name in METRICS}


def _train_on(detector: keras.Model, inputs: Batches, index: int) -> None:
    detector.train_on_batch(*inputs[index])


def _seconds(call: Callable, *arguments: Any, **options: Any) -> float:
    """Returns the seconds that a call takes."""
    began = time.monotonic()
    call(*arguments, **options)
    return time.monotonic() - began
