"""Tests of trainings in phases: exact resume within and between phases, the network they end in, their errors."""

import keras
import numpy as np
import pytest
from cuts import CutAt

from dia_keras import zoo
from dia_keras.data import Split
from dia_keras.training import Phase, Recipe, fit
from dia_keras.training.fitting import batches_of_phase
from dia_keras.training.phases import scaled_down, scaled_padding, scheduled_phases
from dia_keras.training.runs.checkpoint_files import checkpoints
from dia_keras.units import DIALSTMCell, RecurrentAttention

pytestmark = pytest.mark.usefixtures("programs_compiled_once", "few_batches_for_statistics")
RNG = np.random.default_rng(0)
TRAIN = Split(RNG.integers(0, 256, (40, 16, 16, 3), np.uint8), RNG.integers(0, 10, 40))
PHASES = (Phase(2, image_size=8, depth=2), Phase(1, image_size=12), Phase(1))
RECIPE = Recipe("x", 4, 16, nesterov=True, phases=PHASES, ema=0.9)


def build(phase: Phase) -> keras.Model:
    """A small residual network whose depth is its number of blocks: with a shared unit, dropout and batch norms."""
    keras.utils.set_random_seed(1)
    size = phase.image_size or 16
    unit = RecurrentAttention(DIALSTMCell(8), name="stage1_attention")
    inputs = keras.Input((size, size, 3))
    x = keras.layers.Conv2D(8, 3, strides=2, name="stem_conv")(keras.layers.Rescaling(1 / 255)(inputs))
    states = None
    for name in (f"stage1_block{number + 1}" for number in range(phase.depth or 3)):
        step = keras.layers.Conv2D(8, 3, padding="same", name=f"{name}_conv1")(keras.layers.Dropout(0.1)(x))
        step, states = unit(keras.layers.BatchNormalization(name=f"{name}_bn1")(step), states)
        x = keras.layers.ReLU()(x + step)
    return keras.Model(inputs, keras.layers.Dense(10, name="classifier")(keras.layers.GlobalAveragePooling2D()(x)))


def train(folder, **options):
    """Trains by small steps that nothing compiles, which is sooner for so few."""
    is_eager = keras.backend.backend() != "jax"
    return fit(build, RECIPE, TRAIN, folder, num_classes=10, held_out=TRAIN, run_eagerly=is_eager, **options)


@pytest.fixture(scope="module")
def uncut(tmp_path_factory):
    """The folder of a training that nothing cut, and its network."""
    folder = tmp_path_factory.mktemp("uncut")
    return folder, train(folder)


class Killed(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        raise KeyboardInterrupt


def test_a_run_cut_anywhere_ends_in_the_weights_of_an_uncut_one(uncut, tmp_path):
    """Cut within an epoch, between two, between two phases, after growing, and within an epoch of the grown network."""
    folder, expected = uncut
    cut = tmp_path
    for budget, newest in [
        (CutAt(0, 1), "epoch_0_step_1"),
        (CutAt(1), "epoch_1"),
        (CutAt(2), "epoch_2"),
        (None, "epoch_2_phase_1"),
        (CutAt(2, 1), "epoch_2_phase_1_step_1"),
        (CutAt(3), "epoch_3"),
    ]:
        if budget:
            assert train(cut, budget=budget) is None
        else:
            with pytest.raises(KeyboardInterrupt):
                train(cut, callbacks=[Killed()])
        assert checkpoints(cut)[-1].path.name == f"{newest}.weights.h5"
    model = train(cut)
    for want, got in zip(expected.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(got, want)
    assert (cut / "log.csv").read_text() == (folder / "log.csv").read_text()


def test_a_recipe_without_phases_is_one():
    assert [(part.begin, part.end) for part in scheduled_phases(Recipe("x", 3))] == [(0, 3)]
    assert [(part.begin, part.end) for part in scheduled_phases(RECIPE)] == [(0, 2), (2, 3), (3, 4)]


def test_images_and_padding_shrink_together():
    fine = TRAIN.images.repeat(3, axis=1).repeat(3, axis=2)
    for size in (8, 12):  # a pixel covers four, or parts of them
        small, covered = scaled_down(TRAIN, size), 48 // size
        means = fine.reshape(40, size, covered, size, covered, 3).mean((2, 4))
        np.testing.assert_allclose(small.images, means, atol=0.5001, rtol=0)
    assert small.labels is TRAIN.labels
    assert scaled_padding(RECIPE, 32, 16).pad == 2 and scaled_padding(RECIPE, 32, 24).pad == 3
    with pytest.raises(ValueError, match=r"`image_size` must be at most .* Received: 17"):
        scaled_down(TRAIN, 17)
    with pytest.raises(ValueError, match=r"`train` must have images of uint8, to scale them down\. Received: float32"):
        scaled_down(Split((TRAIN.images / 255).astype("float32"), TRAIN.labels), 8)


@pytest.mark.parametrize(
    ("phases", "message"),
    [
        ((Phase(2, 8), Phase(2)), "`phases` must have 5 epochs"),
        ((Phase(5, 8),), "`phases` must end in the entry's own depth and image size"),
        (({"epochs": 0},), "`epochs` of a phase must be positive. Received: epochs=0"),
        (({"epochs": 1.5},), "`epochs` must be of type int. Received: epochs=1.5"),
    ],
)
def test_phases_that_do_not_fit_are_errors(phases, message):
    with pytest.raises(ValueError, match=message):
        Recipe("x", 5, phases=phases)


def teacher():
    keras.utils.set_random_seed(2)
    layers = [keras.Input((16, 16, 3)), keras.layers.Rescaling(1 / 255), keras.layers.Flatten()]
    return keras.Sequential([*layers, keras.layers.Dense(10, "softmax")])


def test_teachers_see_whole_images_of_which_the_student_sees_smaller_ones():
    """In a phase with images of 12x12; with half of the targets from the teacher, and without."""
    recipe = RECIPE.replace(distillation=0.5, cutmix=1.0)
    images, targets = next(batches_of_phase(recipe, TRAIN, 10, [], None)(1, 1))
    assert images.shape == (16, 16, 16, 3)
    taught = next(batches_of_phase(recipe, TRAIN, 10, [teacher()], 12)(1, 1))
    untaught = next(batches_of_phase(recipe, TRAIN, 10, [teacher()], 12)(1, 1, is_taught=False))
    small = scaled_down(Split(keras.ops.convert_to_numpy(images).round().astype("uint8"), np.zeros(16)), 12).images
    answers = teacher().predict(images, verbose=0)
    for got, share in ((taught, 0.5), (untaught, 0.0)):
        np.testing.assert_allclose(keras.ops.convert_to_numpy(got[0]), small, atol=1.0)
        expected = (1 - share) * keras.ops.convert_to_numpy(targets) + share * answers
        np.testing.assert_allclose(keras.ops.convert_to_numpy(got[1]), expected, atol=1e-5)
    for teachers in ([], [teacher()]):
        with pytest.raises(ValueError, match=r"`image_size` must be at most .* Received: 17"):
            batches_of_phase(recipe, TRAIN, 10, teachers, 17)


def test_every_phase_has_its_teacher(uncut, tmp_path):
    seen, (_, plain), one = [], uncut, teacher()
    answer = one.predict_on_batch
    one.predict_on_batch = lambda images: seen.append(tuple(images.shape)) or answer(images)
    networks = plain, train(tmp_path, teachers=[one])
    assert set(seen) == {(16, 16, 16, 3)} and len(seen) >= 8  # two batches in each of four epochs
    kernels = [keras.ops.convert_to_numpy(network.get_layer("classifier").kernel) for network in networks]
    assert np.abs(kernels[0] - kernels[1]).max() > 1e-4


@pytest.mark.parametrize(
    ("phases", "message"),
    [
        ((Phase(2, image_size=8), Phase(1, image_size=17), Phase(1)), "`image_size` must be at most .* Received: 17"),
        ((Phase(2, depth=4), Phase(2)), "`depth` must not fall from phase to phase"),
        ((Phase(2, depth=1), Phase(2)), "a stage that grows must have two blocks or more"),
    ],
)
def test_phases_that_do_not_follow_are_an_error_before_anything_is_trained(tmp_path, phases, message):
    with pytest.raises(ValueError, match=message):
        fit(build, RECIPE.replace(phases=phases), TRAIN, tmp_path, num_classes=10)
    assert not list(tmp_path.iterdir())


def test_networks_whose_layers_have_other_names_in_every_phase_are_an_error_first(tmp_path):
    def unnamed(phase):
        size = phase.image_size or 16
        features = keras.layers.GlobalAveragePooling2D()(inputs := keras.Input((size, size, 3)))
        return keras.Model(inputs, keras.layers.Dense(10)(features))

    recipe = RECIPE.replace(phases=(Phase(2, image_size=8), Phase(2)))
    with pytest.raises(ValueError, match=r"its layers must have the same names.* a layer 'dense"):
        fit(unnamed, recipe, TRAIN, tmp_path, num_classes=10)
    assert not list(tmp_path.iterdir())


def test_a_model_is_not_enough_for_phases(tmp_path):
    with pytest.raises(ValueError, match="`model` must be a function that builds the model of a phase"):
        fit(build(Phase(1)), RECIPE, TRAIN, tmp_path, num_classes=10)


def test_an_entry_can_be_built_shallower_and_without_dropout():
    small = zoo.loading.build("wrn52_4_cifar10", (16, 16, 3), depth=16, dropout=0.0)
    assert small.input_shape == (None, 16, 16, 3)
    assert not any(isinstance(layer, keras.layers.Dropout) for layer in small.layers)
    assert len([layer for layer in small.layers if layer.name.endswith("conv2")]) == 6
