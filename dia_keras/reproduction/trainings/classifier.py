"""Training of a classifier, from its settings to its measures."""

import dataclasses
import json
import math
import pathlib
import time
from collections.abc import Hashable, Mapping, Sequence
from typing import Any, Self

import keras

from ...data import DataSet, Split
from ...host import describe_run
from ...training import Recipe, fit
from ...training.evaluation import scores_of
from ...training.fitting import training_images
from ...training.precision import built_in
from ...training.recipe_file import smoke
from ...training.runs.divergence import Diverged
from ...training.runs.epochs_that_fit import measure_speed, moved_milestones
from ...training.runs.final_weights import save_network
from ...training.runs.log import read_log
from ...training.runs.run import check_dropout
from ...training.runs.run_folder import check_same_data, check_same_recipe, locked_folder, sha256_of
from ...zoo.architectures import BACKBONES
from .. import networks
from ..data_sets import Sources, is_itself, load, normalization
from ..scale import Scale
from ..table import Row
from .measures import check_scikit_learn, measure, roc_curve
from .training import STEPS, Options, Seconds, Trained, Training, explosion, parameters_of

#: Images that an estimate of the time evaluates.
BATCH = 250
#: Fields of a recipe that the row, the seed and the scale decide, or that the paper's recipes do not have.
OWN = {"entry", "epochs", "seed", "phases", "teachers", "distillation", "initial_weights", "initial_share"}


@dataclasses.dataclass(frozen=True)
class ClassifierTraining(Training):
    """Training of a classifier.

    Attributes:
        backbone: Name of the backbone's function.
        arguments: Its arguments, without input and head.
        recipe: The recipe.
    """

    backbone: str
    arguments: Mapping[str, Any]
    recipe: Recipe

    @classmethod
    def of(cls, row: Row, seed: int, scale: Scale) -> Self:
        scale.check_changes({field.name for field in dataclasses.fields(Recipe)} - OWN, "a recipe")
        network = scale.networks.get(row.network, row.network)
        function, arguments = networks.backbone(network)
        recipe = Recipe(entry=row.key, seed=seed, **{**networks.recipe(row.network), **row.recipe})
        recipe = _with_epochs(recipe, scale.epochs).replace(**scale.recipe)
        arguments = {**arguments, **networks.attention(row.attention, network), **row.changes}
        if recipe.dropout is not None:
            check_dropout(recipe.dropout, function, network)
            arguments["dropout"] = recipe.dropout
        return cls(row.data, function, arguments, smoke(recipe) if scale.is_smoke else recipe)

    @property
    def epochs(self) -> int:
        return self.recipe.epochs

    def record(self) -> dict[str, Any]:
        fields = {"backbone": self.backbone, "arguments": self.arguments, "recipe": dataclasses.asdict(self.recipe)}
        return json.loads(json.dumps(fields))

    @staticmethod
    def completed(record: Any) -> Any:
        try:
            recipe = Recipe.from_json(record["recipe"])
        except (TypeError, KeyError, ValueError):
            return None
        return {**record, "recipe": json.loads(json.dumps(dataclasses.asdict(recipe)))}

    def own_among(self, results: Sequence[Mapping[str, Any]], data: DataSet) -> int | None:
        mine, alike = self.record(), {}
        for place, result in enumerate(results):
            theirs = self.completed(result["training"])
            if theirs is None or {**theirs["recipe"], "entry": self.recipe.entry} != mine["recipe"]:
                continue
            if all(theirs[name] == mine[name] for name in ("backbone", "arguments")):
                return place
            alike[place] = theirs
        if not alike:
            return None
        # Tables name the same network in several ways: a setting may be given, or be the default.
        network = self.build(data)
        config, parameters = network.get_config(), parameters_of(network)
        for place, theirs in alike.items():
            other = dataclasses.replace(self, backbone=theirs["backbone"], arguments=theirs["arguments"])
            if results[place]["parameters"] == parameters and other.build(data).get_config() == config:
                return place
        return None

    @property
    def data_key(self) -> Hashable:
        return self.data_name, self.recipe.held_out, self.recipe.images

    def load(self, sources: Sources, scale: Scale) -> DataSet:
        return load(self.data_name, sources, scale.image_size, self.recipe.held_out, any_data=scale.is_smoke)

    def data_record(self, data: DataSet) -> dict[str, Any]:
        images = training_images(self.recipe, data.train)
        return {
            "name": self.data_name,
            "classes": len(data.class_names),
            "class_names": list(data.class_names),
            "stands_in": not is_itself(self.data_name, data.class_names),
            "training_images": len(images.labels),
            "sha256": {"training": sha256_of(images), "test": sha256_of(data.test)},
        }

    def build(self, data: DataSet) -> keras.Model:
        """Builds the network with its seed's initial values, from raw images to logits."""
        keras.utils.clear_session()
        keras.utils.set_random_seed(self.recipe.seed)
        with built_in(self.recipe.precision):
            return BACKBONES[self.backbone](
                **self.arguments,
                input_shape=data.train.images.shape[1:],
                num_classes=len(data.class_names),
                classifier_activation=None,
                preprocessing=normalization(self.data_name),
            )

    def train(
        self, data: DataSet, directory: pathlib.Path, record: Mapping[str, Any], options: Options
    ) -> Trained | None:
        if len(data.class_names) == 2:
            check_scikit_learn()
        model = self.build(data)
        images = training_images(self.recipe, data.train)
        result = {"training": self.record(), "parameters": parameters_of(model), "data": dict(record)}
        roc = None
        try:
            with locked_folder(directory):
                check_same_recipe(self.recipe, directory / "recipe.json")
                check_same_data(images, directory / "data.json")
                trained = fit(
                    model,
                    self.recipe,
                    images,
                    directory,
                    num_classes=len(data.class_names),
                    held_out=data.test if options.watch_test else data.held_out,
                    budget=options.budget,
                    callbacks=options.callbacks,
                    run_eagerly=options.run_eagerly,
                )
            if trained is None:
                return None
            logits = scores_of(trained, data.test)
            measures = measure(logits, data.test.labels, data.class_names)
            exploded = "The outputs are not finite." if math.isnan(measures["top1"]) else None
            if len(data.class_names) == 2 and not exploded:
                found_at = roc_curve(logits[:, 1] - logits[:, 0], data.test.labels == 1)
                roc = {"positive": data.class_names[1], "found": found_at} if found_at else None
        except Diverged as error:
            measures, exploded, trained = {"top1": math.nan}, explosion(error), None
        result |= {"measures": measures, "exploded": exploded, "roc": roc}
        result |= {"log": read_log(directory / "log.csv"), "run": describe_run()}
        return Trained(result, None if exploded else trained)

    @staticmethod
    def save(model: keras.Model, path: pathlib.Path) -> None:
        save_network(model, path)

    def speed_key(self, data: DataSet) -> Hashable:
        number = len(training_images(self.recipe, data.train).labels)
        return self.backbone, str(self.arguments), self.recipe.batch_size, data.train.images.shape[1:], number

    def seconds(self, data: DataSet) -> Seconds:
        model, images = self.build(data), training_images(self.recipe, data.train)
        nobody = Split(images.images[:0], images.labels[:0])
        speed = measure_speed(self.recipe, model, (), images, nobody, len(data.class_names), STEPS)
        batch = data.test.images[:BATCH]
        model.predict_on_batch(batch)
        began = time.monotonic()
        model.predict_on_batch(batch)
        return Seconds(speed.compiling, speed.per_epoch, (time.monotonic() - began) / len(batch))

    def evaluated_images(self, data: DataSet, watch_test: bool) -> int:
        watched = data.test if watch_test else data.held_out
        return self.epochs * len(watched.labels) + len(data.test.labels)


def _with_epochs(recipe: Recipe, epochs: int | None) -> Recipe:
    """Returns a recipe with another number of epochs, milestones moved alike."""
    if epochs is None:
        return recipe
    return recipe.replace(epochs=epochs, milestones=moved_milestones(recipe, epochs))
