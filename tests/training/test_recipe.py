"""Tests of recipes and their schedules."""

import dataclasses
import json
import math
import os
import pathlib

import numpy as np
import pytest

from dia_keras.training import Recipe, load_recipe
from dia_keras.training.tuning.settings import FineTuning

FILES = sorted((pathlib.Path(__file__).parents[2] / "zoo" / "recipes").glob("*.py"))


def rates(recipe, steps_per_epoch, steps):
    schedule = recipe.learning_rate_schedule(steps_per_epoch)
    return np.array([float(schedule(step)) for step in steps])


def test_steps_lower_the_rate_after_the_milestones():
    recipe = Recipe("x", 164, learning_rate=0.1, schedule="steps", milestones=(81, 122), factor=0.1)
    np.testing.assert_allclose(rates(recipe, 10, [0, 809, 810, 1219, 1220]), [0.1, 0.1, 0.01, 0.01, 0.001], rtol=1e-5)


def test_one_cycle_warms_up_linearly_and_ends_at_zero():
    recipe = Recipe("x", 10, learning_rate=0.2, warmup=0.2)
    np.testing.assert_allclose(rates(recipe, 10, [0, 10, 20, 60, 100]), [0, 0.1, 0.2, 0.1, 0], atol=1e-6)


def test_one_cycle_without_warmup_starts_at_the_peak():
    np.testing.assert_allclose(rates(Recipe("x", 10, warmup=0.0), 10, [0, 50, 100]), [0.1, 0.05, 0], atol=1e-6)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("epochs", 0),
        ("batch_size", 1.5),
        ("schedule", "linear"),
        ("warmup", 1.0),
        ("erase", 1.5),
        ("brightness", 1.5),
        ("contrast", 1.0),
        ("rotation", 181.0),
        ("zoom", -0.1),
        ("warmup", "high"),
        ("milestones", 5),
        ("milestones", ("a",)),
        ("precision", "float16"),
        ("nesterov", 1),
        ("ema", "yes"),
        ("ema", 1.0),
        ("epochs", -1),
        ("learning_rate", float("nan")),
        ("learning_rate", -0.1),
        ("momentum", 5.0),
        ("weight_decay", -1.0),
        ("label_smoothing", 2.0),
        ("distillation", 1.1),
        ("factor", 0.0),
        ("mixup", -1.0),
        ("images", -3),
        ("clip_norm", 0.0),
        ("pad", -2),
        ("seed", -1),
        ("milestones", (8, 5)),
        ("milestones", (1, 1)),
        ("milestones", (0,)),
        ("phases", 5),
        ("phases", [{"epochs": 1}]),
        ("phases", (1,)),
        ("phases", "(Phase(1),)"),
    ],
)
def test_wrong_value_is_an_error_that_names_the_field(field, value):
    with pytest.raises(ValueError, match=rf"`{field}` must be.*Received: {field}="):
        Recipe(**{"entry": "x", "epochs": 1, field: value})


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_recipe_file_loads_and_tells_its_command(path):
    recipe = load_recipe(path)
    assert f"zoo/train.py zoo/recipes/{path.name} --entry {recipe.entry}" in path.read_text()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("paper_resnet", (164, (81, 122), 0.1, 1e-4)),
        ("paper_wrn", (200, (80, 120, 160), 0.2, 5e-4)),
        ("paper_resnext", (300, (150, 225), 0.1, 5e-4)),
    ],
)
def test_paper_recipes_are_the_papers(name, expected):
    recipe = load_recipe(FILES[0].parent / f"{name}.py")
    assert (recipe.epochs, recipe.milestones, recipe.factor, recipe.weight_decay) == expected
    assert (recipe.batch_size, recipe.learning_rate, recipe.momentum) == (128, 0.1, 0.9)
    assert recipe.schedule == "steps" and recipe.decay_all and not recipe.nesterov and not recipe.label_smoothing


@pytest.mark.parametrize("epochs", [1, 10, 81, 122])
def test_milestones_that_are_not_reached_are_an_error(epochs):
    path = FILES[0].parent / "paper_resnet.py"
    with pytest.raises(ValueError, match=rf"`milestones` must be .* Received: .*, epochs={epochs}$"):
        load_recipe(path, epochs=epochs)
    assert load_recipe(path, epochs=123).milestones == (81, 122)
    assert load_recipe(path, epochs=epochs, schedule="one_cycle").epochs == epochs


def test_steps_without_milestones_are_an_error():
    with pytest.raises(ValueError, match="`milestones` must name at least one epoch"):
        Recipe("x", 1, schedule="steps")


@pytest.mark.parametrize("fields", [{"foo": 1}, {}])
def test_a_phase_of_other_fields_is_an_error(fields):
    with pytest.raises(ValueError, match=r"`phases` must have epochs, and may have image_size and depth. Received: {"):
        Recipe("x", 1, phases=(fields,))


def test_a_warmup_leaves_a_step():
    schedule = Recipe("x", 1, warmup=0.999).learning_rate_schedule(10)
    assert float(schedule(9)) == pytest.approx(Recipe("x", 1).learning_rate)


def test_changes_replace_fields():
    assert load_recipe(FILES[0], epochs=3).epochs == 3


def test_the_record_of_a_recipe_is_that_recipe_also_where_it_is_older():
    recipe = load_recipe(FILES[0].parent / "paper_resnet.py")
    record = json.loads(json.dumps(dataclasses.asdict(recipe)))
    assert Recipe.from_json(record) == recipe
    del record["erase"]
    assert Recipe.from_json(record) == recipe


def test_unknown_change_is_an_error():
    with pytest.raises(ValueError, match=r"recipe: speed\. Did you mean 'seed'\? It has: entry, epochs, "):
        load_recipe(FILES[0], speed=9)
    with pytest.raises(ValueError, match="Unknown fields of a recipe: path"):
        load_recipe(FILES[0], path=9)


def test_missing_file_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError, match="does not exist"):
        load_recipe(tmp_path / "none.py")
    os.mkfifo(tmp_path / "pipe.py")
    with pytest.raises(FileNotFoundError, match=r"pipe\.py', which is not a file"):
        load_recipe(tmp_path / "pipe.py")


def test_file_without_recipe_is_an_error(tmp_path):
    path = tmp_path / "empty.py"
    path.write_text("RECIPE = 3\n")
    with pytest.raises(ValueError, match="defines RECIPE, a Recipe"):
        load_recipe(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("RECIPE = (\n", r"fails: SyntaxError: .*recipe.py, line 1"),
        (
            "from dia_keras.training import Recipe\nRECIPE = Recipe('x', 1, lr=2)\n",
            "fails in line 2: TypeError: .*'lr'",
        ),
        ("import no_such_module\n", "fails in line 1: ModuleNotFoundError"),
    ],
)
def test_a_file_that_fails_is_one_error_that_names_it(text, message, tmp_path):
    path = tmp_path / "recipe.py"
    path.write_text(text)
    with pytest.raises(ValueError, match=rf"`path` must be .*recipe.py', which {message}"):
        load_recipe(path)


@pytest.mark.parametrize(
    "make", [lambda **fields: Recipe("x", 5, **fields), lambda **fields: FineTuning("x", **fields)]
)
def test_whole_numbers_in_fields_of_floats_are_floats(make):
    settings = make(learning_rate=1, ema=0)
    assert [type(value) for value in (settings.learning_rate, settings.ema)] == [float, float]
    assert isinstance(settings.seed, int)


def test_a_rate_of_one_falls_as_any_other():
    rates = [Recipe("x", 10, learning_rate=rate, warmup=0.0).learning_rate_schedule(1)(9) for rate in (1, 1.0)]
    assert float(rates[0]) == float(rates[1]) == pytest.approx((1 + math.cos(0.9 * math.pi)) / 2, rel=1e-5)
    assert Recipe("x", 10, momentum=0).optimizer(1).momentum == 0.0


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_a_seed_that_keras_does_not_take_is_an_error(seed):
    with pytest.raises(ValueError, match=rf"`seed` must be from 0 to 4294967295. Received: seed={seed}"):
        Recipe("x", 1, seed=seed)
