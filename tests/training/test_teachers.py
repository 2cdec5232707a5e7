"""Tests of distillation: what the teachers add to the targets, and who may teach."""

import keras
import numpy as np
import pytest

from dia_keras import zoo
from dia_keras.data import Split
from dia_keras.training import Recipe, fit, load_recipe, train
from dia_keras.training.teachers import load_teachers, taught

RNG = np.random.default_rng(0)


def teacher(seed):
    keras.utils.set_random_seed(seed)
    layers = [keras.Input((4, 4, 3)), keras.layers.Flatten(), keras.layers.Dense(5, "softmax")]
    return keras.Sequential(layers)


def test_targets_are_mixed_with_the_mean_probabilities_for_the_same_images():
    batches = [(RNG.normal(size=(3, 4, 4, 3)).astype("float32"), np.eye(5, dtype="float32")[[i, 1, 4]]) for i in (0, 2)]
    teachers = [teacher(0), teacher(1)]
    given = [tuple(map(keras.ops.convert_to_tensor, batch)) for batch in batches]
    for (images, targets), (same, mixed) in zip(batches, taught(given, teachers, 0.3), strict=True):
        np.testing.assert_array_equal(keras.ops.convert_to_numpy(same), images)
        mean = np.mean([model.predict(images, verbose=0) for model in teachers], axis=0)
        np.testing.assert_allclose(keras.ops.convert_to_numpy(mixed), 0.7 * targets + 0.3 * mean, rtol=1e-5, atol=1e-6)


def test_without_teachers_batches_stay_as_they_are():
    batches = [("images", "targets"), ("more", "targets")]
    assert list(taught(batches, [], 0.5)) == batches


def test_teachers_are_entries_or_weights_of_the_entry_itself_in_the_precision_of_the_recipe(tmp_path):
    path = tmp_path / "other.weights.h5"
    keras.utils.set_random_seed(0)
    zoo.save_weights(zoo.load("dia_resnet20_cifar10", weights=None), path)
    recipe = Recipe("dia_resnet20_cifar10", 1, teachers=("dia_resnet20_cifar10", str(path)), precision="mixed_bfloat16")
    shipped, other = load_teachers(recipe)
    assert shipped.layers[-1].activation is keras.activations.softmax
    assert shipped.get_layer("stem_conv").compute_dtype == "bfloat16"
    assert keras.config.dtype_policy().name == "float32"
    stems = [keras.ops.convert_to_numpy(model.get_layer("stem_conv").kernel) for model in (shipped, other)]
    assert np.abs(stems[0] - stems[1]).max() > 0.01


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("dia_resnet20_cifar100", r"`teachers` must have the 10 classes of dia_resnet20_cifar10"),
        ("dia_resnet56_cifar10", "dia_resnet56_cifar10"),
        ("missing.weights.h5", "existing .weights.h5 file. Received: weights='missing.weights.h5'"),
    ],
)
def test_unfit_teachers_are_an_error(name, message):
    with pytest.raises(ValueError, match=message):
        load_teachers(Recipe("dia_resnet20_cifar10", 1, teachers=(name,)))


def test_a_teacher_has_the_classes_in_their_order(tmp_path):
    model = zoo.load("dia_resnet20_cifar10")
    labels = zoo.card("dia_resnet20_cifar10").labels
    zoo.save_weights(model, tmp_path / "same.weights.h5", labels=labels)
    zoo.save_weights(model, tmp_path / "reversed.weights.h5", labels=labels[::-1])
    recipe = Recipe("dia_resnet20_cifar10", 1, teachers=(str(tmp_path / "same.weights.h5"),))
    assert len(load_teachers(recipe)) == 1
    with pytest.raises(
        ValueError, match=r"10 classes of dia_resnet20_cifar10, in their order\. .* with others: truck, ship,"
    ):
        load_teachers(recipe.replace(teachers=(str(tmp_path / "reversed.weights.h5"),)))


@pytest.mark.torch
def test_run_with_a_teacher_differs_from_one_without_and_goes_on(tmp_path):
    images, labels = RNG.integers(0, 256, (16, 32, 32, 3), np.uint8), np.arange(16) % 10
    names = np.array(zoo.card("dia_resnet20_cifar10").labels)
    source = tmp_path / "tiny.npz"
    np.savez(source, x_train=images, y_train=labels, x_test=images, y_test=labels, class_names=names)
    recipe_file = tmp_path / "recipe.py"
    recipe_file.write_text(
        "from dia_keras.training import Recipe\nRECIPE = Recipe('dia_resnet20_cifar10', 2, warmup=0.0)\n"
    )
    found = {}
    for teachers in ((), ("dia_resnet20_cifar10",)):
        recipe = load_recipe(recipe_file, teachers=teachers)
        folder = tmp_path / f"run{len(teachers)}"
        train(recipe, folder, source=source, is_smoke=True)
        assert train(recipe, folder, source=source, is_smoke=True) == folder / "final.weights.h5"
        found[len(teachers)] = (folder / "log.csv").read_text()
    assert found[0] != found[1]


@pytest.mark.parametrize(("classes", "activation"), [(5, None), (5, "sigmoid"), (4, "softmax"), (1, "softmax")])
def test_a_teacher_answers_with_probabilities_of_the_classes(tmp_path, classes, activation):
    layers = [keras.Input((4, 4, 3)), keras.layers.Flatten(), keras.layers.Dense(classes, activation)]
    split, student = Split(np.zeros((8, 4, 4, 3), "uint8"), np.arange(8) % 5), teacher(0)
    student.layers[-1].activation = keras.activations.linear
    with pytest.raises(ValueError, match="`teachers` must answer with probabilities of 5 classes, by a softmax"):
        fit(student, Recipe("x", 1, 4), split, tmp_path, num_classes=5, teachers=[keras.Sequential(layers)])
    with pytest.raises(ValueError, match="`teachers` must be the networks that the recipe names: dia_resnet20_cifar10"):
        fit(student, Recipe("x", 1, 4, teachers=("dia_resnet20_cifar10",)), split, tmp_path, num_classes=5)


def test_a_teacher_given_twice_is_one(tmp_path):
    split, student, one = Split(np.zeros((8, 4, 4, 3), "uint8"), np.arange(8) % 5), teacher(0), teacher(1)
    student.layers[-1].activation = keras.activations.linear
    assert fit(student, Recipe("x", 1, 4), split, tmp_path, num_classes=5, teachers=[one, one])
