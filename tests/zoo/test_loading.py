import json
import logging
import os
import shutil
import subprocess
import sys

import h5py
import keras
import numpy as np
import pytest
import safetensors.numpy
from small_weights import randomize

import dia_keras
from dia_keras import zoo
from dia_keras.backbones import resnet, stage_outputs
from dia_keras.samples import load_samples
from dia_keras.zoo import entries


def predict(model, images):
    return keras.ops.convert_to_numpy(model(images, training=False))


def structure(model):
    layers = [(layer.name, type(layer).__name__) for layer in model.layers]
    shapes = [tuple(weight.shape) for weight in model.weights]
    return model.name, model.input_shape, model.output_shape, layers, shapes


def test_pretrained_weights_are_those_that_were_saved(small_zoo, images):
    model = zoo.load("tiny_cifar10")
    assert structure(model) == structure(small_zoo.model)
    np.testing.assert_array_equal(predict(model, images), predict(small_zoo.model, images))


def test_networks_normalize_raw_images(small_zoo, images):
    model = zoo.load("tiny_cifar10")
    bare = resnet(14, "basic", attention="dia_lstm")
    bare.set_weights(model.get_weights())
    normalized = (images / 255 - (0.4914, 0.4822, 0.4465)) / (0.2023, 0.1994, 0.2010)
    np.testing.assert_allclose(predict(model, images), predict(bare, normalized), rtol=1e-4, atol=1e-5)


def normalization_of_before():
    """Returns the first layer that networks had before, with the constants of CIFAR-10's card."""
    mean, std = np.array([0.4914, 0.4822, 0.4465]), np.array([0.2023, 0.1994, 0.2010])
    constants = {"mean": (255 * mean).tolist(), "variance": ((255 * std) ** 2).tolist()}
    return keras.layers.Normalization(**constants, dtype="float32", name="preprocessing")


def test_models_and_weights_saved_with_the_normalization_of_before_answer_as_they_did(small_zoo, images, tmp_path):
    before = resnet(14, "basic", attention="dia_lstm", preprocessing=normalization_of_before(), name="tiny_cifar10")
    before.set_weights(small_zoo.model.get_weights())
    before.save(tmp_path / "before.keras")
    before.save_weights(tmp_path / "before.weights.h5")
    expected = predict(before, images)
    again = keras.models.load_model(tmp_path / "before.keras")
    np.testing.assert_array_equal(predict(again, images), expected)
    now = zoo.load("tiny_cifar10", weights=tmp_path / "before.weights.h5")
    np.testing.assert_allclose(predict(now, images), expected, atol=1e-5)


@pytest.mark.eager
@pytest.mark.parametrize("name", [name for name in zoo.list_models(pretrained=True) if "164" not in name])
def test_shipped_networks_answer_as_with_the_normalization_of_before_up_to_rounding(name):
    """By 1e-5 of a probability at most. A cut network is rescaled and normalized without being built again."""
    model, dataset = zoo.load(name), zoo.card(name).dataset
    images = load_samples(dataset.name)[0]
    mean, std = (255 * np.array(values) for values in (dataset.mean, dataset.std))
    normalized = ((images.astype("float32") - mean.astype("float32")) / std.astype("float32")).astype("float32")
    rest = keras.Model(model.get_layer("preprocessing").output, model.output)
    np.testing.assert_allclose(predict(model, images), predict(rest, normalized), rtol=0, atol=1e-5)
    assert predict(model, images).max() > 0.5


def test_networks_say_where_images_are_not_pixel_values(small_zoo, images):
    with pytest.warns(dia_keras.PixelRangeWarning, match="pass the images as they are, without `/ 255`"):
        zoo.load("tiny_cifar10").predict(images / 255, verbose=0)


def test_gray_images_are_answered_as_rgb_images_of_equal_channels(small_zoo, images):
    gray = images[..., :1]
    model = zoo.load("tiny_cifar10")
    np.testing.assert_allclose(predict(model, gray), predict(model, np.repeat(gray, 3, -1)), rtol=1e-5)


def test_uint8_and_float_images_give_the_same_answers(small_zoo, images):
    model = zoo.load("tiny_cifar10")
    floats = images.astype("float32")
    np.testing.assert_array_equal(predict(model, images), predict(model, floats))
    np.testing.assert_array_equal(*(model.predict(x, verbose=0) for x in (images, floats)))
    assert model.input.dtype == "float32"


def test_preprocessing_has_no_weights_and_stays_in_float32_in_mixed_precision(small_zoo):
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = zoo.load("tiny_cifar10")
    finally:
        keras.config.set_dtype_policy(policy)
    assert model.get_layer("preprocessing").compute_dtype == "float32"
    assert model.get_layer("stem_conv").compute_dtype == "bfloat16"
    assert model.get_layer("preprocessing").variables == []


def test_an_entry_without_weights_names_recipe_command_and_the_entries_that_have_some(small_zoo):
    with pytest.raises(ValueError) as error:
        zoo.load("tiny_cifar100")
    message = str(error.value)
    assert "The recipe 'one_cycle_cpu' trains them" in message
    assert "python zoo/train.py zoo/recipes/one_cycle_cpu.py --entry tiny_cifar100" in message
    assert "Trained for CIFAR-100: none yet" in message
    zoo.cards.update_card("tiny_cifar10", weights=small_zoo.file)
    (small_zoo.cards / "tinier_cifar10.json").write_text(
        json.dumps(entries.row("tiny_cifar100")).replace("cifar100", "cifar10")
    )
    with pytest.raises(ValueError, match=r"Trained for CIFAR-10: tiny_cifar10\. Received"):
        zoo.load("tinier_cifar10")


def test_a_changed_head_loads_all_but_the_head_and_says_so(small_zoo, images, caplog):
    with caplog.at_level(logging.WARNING, "dia_keras"):
        model = zoo.load("tiny_cifar10", num_classes=2, classifier_activation=None)
    assert caplog.messages == [
        "tiny_cifar10: loaded all weights but the classifier's, which is new and has 2 classes instead of 10."
    ]
    assert structure(model) == structure(zoo.load("tiny_cifar10", weights=None, num_classes=2))
    for new, old in zip(model.weights[:-2], small_zoo.model.weights[:-2], strict=True):
        np.testing.assert_array_equal(*map(keras.ops.convert_to_numpy, (new, old)))
    pooled = [keras.Model(m.input, m.get_layer("pool").output) for m in (model, small_zoo.model)]
    np.testing.assert_array_equal(*(predict(m, images) for m in pooled))


def test_a_new_head_starts_as_the_backbones_own(small_zoo, tmp_path):
    architecture = {"backbone": "resnext", "arguments": {"depth": 11, "cardinality": 2, "group_width": 4}}
    (small_zoo.cards / "grouped_cifar10.json").write_text(
        json.dumps({**entries.row("tiny_cifar10"), "architecture": architecture})
    )
    own = zoo.load("grouped_cifar10", weights=None)
    zoo.save_weights(own, tmp_path / "own.weights.h5")
    new = zoo.load("grouped_cifar10", weights=tmp_path / "own.weights.h5", num_classes=2)
    old_config, config = (model.get_layer("classifier").get_config() for model in (own, new))
    assert config == {**old_config, "units": 2}
    assert config["kernel_initializer"]["config"]["mode"] == "fan_in"


def test_the_number_of_classes_of_the_card_keeps_the_head(small_zoo, images, caplog):
    model = zoo.load("tiny_cifar10", num_classes=10)
    assert caplog.messages == []
    np.testing.assert_array_equal(predict(model, images), predict(small_zoo.model, images))


def test_without_the_top_the_features_remain(small_zoo, images, caplog):
    model = zoo.load("tiny_cifar10", include_top=False)
    assert caplog.messages == []
    assert structure(model) == structure(zoo.load("tiny_cifar10", weights=None, include_top=False))
    assert model.output_shape == (None, 8, 8, 64)
    features = keras.Model(small_zoo.model.input, stage_outputs(small_zoo.model)["stage3"])
    np.testing.assert_array_equal(predict(model, images), predict(features, images))


@pytest.mark.parametrize("shape", [(48, 40, 3), (None, None, 3)])
def test_images_of_another_size_are_taken(small_zoo, shape):
    model = zoo.load("tiny_cifar10", input_shape=shape)
    assert model.input_shape == (None, *shape)
    images = np.full((2, 48, 40, 3), 100, "uint8")
    probabilities = predict(model, images)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)
    np.testing.assert_array_equal(model.get_weights()[0], small_zoo.model.get_weights()[0])


def test_logits_are_to_be_had(small_zoo, images):
    logits = predict(zoo.load("tiny_cifar10", classifier_activation=None), images)
    probabilities = predict(small_zoo.model, images)
    np.testing.assert_allclose(keras.ops.convert_to_numpy(keras.ops.softmax(logits)), probabilities, rtol=1e-5)


@pytest.mark.parametrize("options", [{}, {"num_classes": 2}, {"include_top": False}], ids=str)
def test_a_file_of_ones_own_loads_into_the_network_that_it_was_saved_from(small_zoo, images, tmp_path, options):
    model = zoo.load("tiny_cifar10", **options)
    randomize(model)
    path = tmp_path / "mine.weights.h5"
    zoo.save_weights(model, path)
    again = zoo.load("tiny_cifar10", weights=str(path), **options)
    assert structure(again) == structure(model)
    np.testing.assert_array_equal(predict(again, images), predict(model, images))


@pytest.mark.parametrize("options", [{}, {"num_classes": 2}, {"include_top": False}], ids=str)
def test_safetensors_load_as_weights_h5_do(small_zoo, images, tmp_path, options):
    zoo.save_weights(small_zoo.model, tmp_path / "mine.safetensors")
    model, expected = (
        zoo.load("tiny_cifar10", weights=path, **options) for path in (tmp_path / "mine.safetensors", small_zoo.file)
    )
    for one, other in zip(model.weights[:-2], expected.weights[:-2], strict=True):
        np.testing.assert_array_equal(*map(keras.ops.convert_to_numpy, (one, other)))
    assert structure(model) == structure(expected)


def test_a_classifier_of_false_size_is_refused_before_it_is_built(small_zoo, tmp_path):
    tensors = {
        "layers/dense/vars/1": np.ones(200_000, "float16"),
        "layers/dense/vars/0": np.ones((1, 200_000), "float16"),
    }
    safetensors.numpy.save_file(tensors, tmp_path / "false.safetensors")
    with pytest.raises(ValueError, match=r"is missing; .*false.safetensors'"):
        zoo.load("tiny_cifar10", weights=tmp_path / "false.safetensors", include_top=False)
    with h5py.File(shutil.copy(small_zoo.file, tmp_path / "false.weights.h5"), "a") as file:
        del file["layers/dense/vars/1"]
        file.create_dataset("layers/dense/vars/1", (1 << 40,), "float32")
    for options in ({}, {"include_top": False}):
        with pytest.raises(ValueError, match=r"layers/dense/vars/. .*false.weights.h5'"):
            zoo.load("tiny_cifar10", weights=tmp_path / "false.weights.h5", **options)


def test_features_load_from_what_keras_writes_of_a_whole_network(small_zoo, images, tmp_path):
    small_zoo.model.save_weights(tmp_path / "keras.weights.h5")
    features = zoo.load("tiny_cifar10", weights=tmp_path / "keras.weights.h5", include_top=False)
    expected = zoo.load("tiny_cifar10", include_top=False)
    np.testing.assert_array_equal(predict(features, images), predict(expected, images))


def test_a_file_of_ones_own_with_the_card_s_head_serves_another_number_of_classes(small_zoo, caplog):
    model = zoo.load("tiny_cifar10", weights=small_zoo.file, num_classes=3)
    assert model.output_shape == (None, 3)
    assert "3 classes instead of 10" in caplog.text


def test_a_file_of_ones_own_gives_features_whatever_its_head(small_zoo, images, tmp_path):
    model = zoo.load("tiny_cifar10", num_classes=2)
    zoo.save_weights(model, tmp_path / "two.weights.h5")
    features = zoo.load("tiny_cifar10", weights=tmp_path / "two.weights.h5", include_top=False)
    expected = zoo.load("tiny_cifar10", include_top=False)
    np.testing.assert_array_equal(predict(features, images), predict(expected, images))


@pytest.mark.parametrize(("saved", "asked"), [({"num_classes": 2}, {}), ({"num_classes": 2}, {"num_classes": 3})])
def test_a_file_with_a_head_of_neither_number_of_classes_is_an_error(small_zoo, tmp_path, saved, asked):
    zoo.save_weights(zoo.load("tiny_cifar10", **saved), tmp_path / "two.weights.h5")
    with pytest.raises(ValueError, match=r"layers/dense/vars/0 \(classifier\) has shape \(64, 2\) instead of \(64, "):
        zoo.load("tiny_cifar10", weights=tmp_path / "two.weights.h5", **asked)


def test_a_file_without_a_head_does_not_fit_a_network_with_one(small_zoo, tmp_path):
    zoo.save_weights(zoo.load("tiny_cifar10", include_top=False), tmp_path / "none.weights.h5")
    with pytest.raises(ValueError, match=r"layers/dense/vars/0 \(classifier\) is missing"):
        zoo.load("tiny_cifar10", weights=tmp_path / "none.weights.h5")


@pytest.mark.parametrize("weights", ["imagenet", "missing.weights.h5"])
def test_weights_that_are_no_file_are_an_error(small_zoo, weights):
    with pytest.raises(ValueError, match=rf"must be 'pretrained', None, or the path.*Received: weights='{weights}'"):
        zoo.load("tiny_cifar10", weights=weights)


def test_channels_first_is_the_same_network(small_zoo, images):
    expected = predict(small_zoo.model, images)
    keras.config.set_image_data_format("channels_first")
    first = images.transpose(0, 3, 1, 2)
    model = zoo.load("tiny_cifar10")
    assert model.input_shape == (None, 3, 32, 32)
    np.testing.assert_allclose(predict(model, first), expected, rtol=1e-4, atol=1e-6)
    large = zoo.load("tiny_cifar10", input_shape=(3, 48, 40), num_classes=2)
    assert large.input_shape == (None, 3, 48, 40) and large.output_shape == (None, 2)
    features = zoo.load("tiny_cifar10", include_top=False)
    assert predict(features, first).shape == (len(images), 64, 8, 8)
    gray = zoo.load("tiny_cifar10", input_shape=(1, 32, 32))
    assert predict(gray, first[:, :1]).shape == expected.shape
    with pytest.raises(ValueError, match=r"at least 4 pixels.*Received: input_shape=\(32, 32, 3\)"):
        zoo.load("tiny_cifar10", input_shape=(32, 32, 3))


@pytest.mark.parametrize("options", [{}, {"include_top": False}, {"input_shape": (48, 40, 3)}], ids=str)
def test_no_initial_values_are_computed_that_the_weights_replace(small_zoo, options, monkeypatch):
    expected = zoo.load("tiny_cifar10", **options)

    def call(*arguments, **keywords):
        raise AssertionError("an initializer was called")

    for initializer in (keras.initializers.VarianceScaling, keras.initializers.RandomUniform):
        monkeypatch.setattr(initializer, "__call__", call)
    model = zoo.load("tiny_cifar10", **options)
    for new, old in zip(model.get_weights(), expected.get_weights(), strict=True):
        np.testing.assert_array_equal(new, old)
    with pytest.raises(AssertionError, match="an initializer was called"):
        zoo.load("tiny_cifar10", weights=None)


def test_a_loaded_network_has_the_config_of_a_new_one(small_zoo):
    """Its copies start at random."""
    keras.utils.clear_session(free_memory=False)  # cells are numbered
    loaded = zoo.load("tiny_cifar10")
    keras.utils.clear_session(free_memory=False)
    new = zoo.load("tiny_cifar10", weights=None)
    assert loaded.get_config() == new.get_config()
    assert type(loaded.get_layer("classifier").kernel_initializer) is keras.initializers.VarianceScaling
    copy = keras.models.clone_model(loaded)
    starting = [w.path for w, old in zip(copy.weights, new.weights, strict=True) if keras.ops.any(old != 0)]
    assert starting == [w.path for w in copy.weights if keras.ops.any(w != 0)]


def test_a_new_head_starts_at_random(small_zoo):
    head = zoo.load("tiny_cifar10", num_classes=2).get_layer("classifier")
    assert np.abs(head.kernel.numpy()).min() > 0 and np.abs(head.bias.numpy()).min() > 0


def test_a_loaded_network_is_saved_and_loaded_by_keras(small_zoo, images, tmp_path):
    model = zoo.load("tiny_cifar10", num_classes=2)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(predict(again, images), predict(model, images))


def test_a_loaded_network_with_a_new_head_trains(small_zoo):
    keras.utils.set_random_seed(0)  # of the head
    model = zoo.load("tiny_cifar10", num_classes=2)
    before = model.get_weights()
    model.compile(keras.optimizers.SGD(1.0), "sparse_categorical_crossentropy")  # some gradients are tiny
    dark_and_bright = np.concatenate([np.zeros((8, 32, 32, 3)), np.full((8, 32, 32, 3), 255)]).astype("uint8")
    history = model.fit(dark_and_bright, np.repeat([0, 1], 8), epochs=2, verbose=0)
    assert np.isfinite(history.history["loss"]).all()
    assert all((old != new).any() for old, new in zip(before, model.get_weights(), strict=True))


OTHER_BACKEND = """
import sys
import numpy as np
from dia_keras import zoo

model = zoo.load("dia_light_resnet20_cifar10", weights=sys.argv[1])
np.save(sys.argv[2] + "/answers.npy", model.predict(np.load(sys.argv[2] + "/images.npy"), verbose=0))
"""


def test_weights_saved_on_one_backend_load_on_another(images, tmp_path):
    name = "dia_light_resnet20_cifar10"
    model = zoo.load(name, weights=None)
    path = tmp_path / "a.weights.h5"
    zoo.save_weights(model, path)
    np.save(tmp_path / "images.npy", images)
    other = "tensorflow" if keras.backend.backend() == "jax" else "jax"
    subprocess.run(
        [sys.executable, "-c", OTHER_BACKEND, str(path), str(tmp_path)],
        check=True,
        env={**os.environ, "KERAS_BACKEND": other},
    )
    answers = np.load(tmp_path / "answers.npy")
    np.testing.assert_allclose(answers, predict(zoo.load(name, weights=path), images), rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_classes": 0}, "`num_classes` must be a positive integer. Received: num_classes=0"),
        ({"num_classes": "10"}, "`num_classes` must be a positive integer. Received: num_classes='10'"),
        ({"num_classes": 10.0}, "`num_classes` must be a positive integer. Received: num_classes=10.0"),
        ({"num_classes": 1}, "`num_classes` must be at least 2 with a softmax.*Received: num_classes=1"),
        ({"num_classes": True}, "`num_classes` must be a positive integer. Received: num_classes=True"),
        ({"input_shape": 64}, "`input_shape` must .*Received: input_shape=64"),
        ({"weights": True}, "`weights` must be 'pretrained', None, or .*Received: weights=True"),
    ],
    ids=str,
)
def test_bad_arguments_are_errors_with_their_names(small_zoo, options, message, caplog):
    with pytest.raises(ValueError, match=message):
        zoo.load("tiny_cifar10", **options)
    assert not caplog.messages


def test_the_number_of_classes_may_be_numpys(small_zoo):
    labels = np.array([0, 2, 1])
    assert zoo.load("tiny_cifar10", num_classes=labels.max() + 1).output_shape == (None, 3)


def test_two_loads_of_an_entry_fit_in_one_model(small_zoo, images):
    inputs = keras.Input((32, 32, 3))
    members = [zoo.load("tiny_cifar10", name=name) for name in ("left", "right")]
    ensemble = keras.Model(inputs, keras.layers.average([member(inputs) for member in members]))
    np.testing.assert_allclose(predict(ensemble, images), predict(small_zoo.model, images), atol=1e-5)
    assert [layer.name for layer in ensemble.layers[1:3]] == ["left", "right"]


@pytest.mark.parametrize("options", [{"include_top": False}, {"num_classes": 3}])
def test_changed_networks_have_the_name_given(small_zoo, options, caplog):
    assert zoo.load("tiny_cifar10", **options, name="other").name == "other"


def test_an_unknown_entry_is_an_error_of_its_argument(small_zoo):
    with pytest.raises(ValueError, match=r"`entry` must be one of .*Did you mean .*Received: entry='tiny_cifar'"):
        zoo.load("tiny_cifar", name="other")
