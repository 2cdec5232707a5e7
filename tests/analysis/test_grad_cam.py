"""Grad-CAM is what its formula says where the score is linear in the features: under pooling and a dense layer."""

import keras
import numpy as np
import pytest
from small_networks import run, small

from dia_keras.analysis import ClassActivation, class_activation, plot_grad_cam


def expected_maps(model, images, classes):
    """With the head's kernel w, the gradient by channel k of class c is w_kc / places everywhere."""
    (features,) = run(model, images, "stage3_output")
    kernel = np.array(model.get_layer("classifier").get_weights()[0])
    places = features.shape[1] * features.shape[2]
    return np.maximum(np.einsum("nhwk,nk->nhw", features, kernel[:, classes].T) / places, 0)


def test_the_map_of_a_linear_head_is_exact(dia, images):
    answers = keras.ops.convert_to_numpy(dia(images))
    found = class_activation(dia, images)
    np.testing.assert_array_equal(found.classes, answers.argmax(1))
    np.testing.assert_allclose(found.probabilities, answers.max(1), rtol=1e-4)
    np.testing.assert_allclose(found.maps, expected_maps(dia, images, found.classes), rtol=1e-3, atol=1e-6)
    assert found.maps.shape == (3, 2, 2) and found.maps.max() > 0


def test_the_class_is_anybodys_choice(dia, images):
    found = class_activation(dia, images, "stage3_output", [2, 0, 1])
    np.testing.assert_allclose(found.maps, expected_maps(dia, images, [2, 0, 1]), rtol=1e-3, atol=1e-6)
    np.testing.assert_array_equal(class_activation(dia, images, classes=3).classes, [3, 3, 3])


def test_channels_may_be_first():
    keras.config.set_image_data_format("channels_first")
    images = np.random.default_rng(0).uniform(size=(2, 3, 4, 5)).astype("float32")
    model = keras.Sequential(
        [
            keras.Input((3, 4, 5)),
            keras.layers.Rescaling(2.0, name="doubled"),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(2),
        ]
    )
    kernel = np.array(model.layers[-1].get_weights()[0])
    maps = class_activation(model, images, "doubled", 1).maps
    expected = np.maximum(np.einsum("nkhw,k->nhw", 2 * images, kernel[:, 1]) / 20, 0)
    np.testing.assert_allclose(maps, expected, rtol=1e-4, atol=1e-6)
    assert plot_grad_cam({"linear": model}, images, "doubled").axes[0].images[0].get_array().shape == (4, 5, 3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"layer": "stage3_outptu"}, "Did you mean 'stage3_output'.* Received: layer='stage3_outptu'"),
        ({"layer": "images"}, "must be the name of a layer of the model.* Received: layer='images'"),
        ({"layer": "pool"}, r"feature maps. Received: layer='pool', which is called 1 times and gives \(None, 64\)"),
        ({"layer": "stage1_attention"}, "Received: layer='stage1_attention', which is called 2 times"),
        ({"classes": 4}, "from 0 to 3, or one for each of the 3 images. Received: classes=4"),
        ({"classes": [0, 1]}, r"Received: classes=\[0, 1\]"),
    ],
)
def test_wrong_layers_and_classes_are_errors(dia, images, arguments, message):
    with pytest.raises(ValueError, match=message):
        class_activation(dia, images, **arguments)


def test_scores_that_are_not_finite_are_an_error(images):
    model = small()
    model.get_layer("classifier").bias.assign(np.full(4, np.nan))
    with pytest.raises(ValueError, match=r"finite scores. Received: NaN or infinity for 3 of 3 images"):
        class_activation(model, images)


def test_images_of_another_shape_are_an_error(dia, images):
    for wrong in (images[0], images[:, :4], images[:0]):
        with pytest.raises(ValueError, match=r"`images` must have shape \(n, 8, 8, 3\). Received: images of shape"):
            class_activation(dia, wrong)


def test_a_model_without_stages_or_layers_is_an_error(images):
    inputs = keras.Input((8, 8, 3))
    model = keras.Model(inputs, keras.layers.Dense(2)(keras.layers.Flatten()(inputs)))
    message = (
        "`layer` must be the name of a layer that gives feature maps, since the model is not a network of dia_keras"
    )
    with pytest.raises(ValueError, match=message + r".*stages\. Received: layer=None"):
        class_activation(model, images)
    maps = keras.layers.Rescaling(1 / 255, name="scaled")(inputs)
    model = keras.Model(inputs, keras.layers.Dense(2)(keras.layers.Flatten()(maps)))
    with pytest.raises(ValueError, match=message + ".*such as 'scaled'"):
        class_activation(model, images)
    with pytest.raises(ValueError, match="must be a functional"):
        class_activation(lambda images: images, images)


def test_the_figure_has_an_overlay_for_each_image_and_network(monkeypatch, images, dia, plain):
    maps = np.arange(12, dtype="float32").reshape(3, 2, 2)
    found = ClassActivation(maps, np.array([2, 0, 1]), np.array([0.5, 0.25, 1]))
    monkeypatch.setattr("dia_keras.analysis.grad_cam.class_activation", lambda model, *arguments: found)
    axes = plot_grad_cam({"first": dia, "second": plain}, images, labels=["ant", "bee", "cat", "dog"]).axes[3:9]
    assert [len(each.images) for each in axes] == [2] * 6
    assert [each.get_title() for each in axes] == 2 * ["cat 50%", "ant 25%", "bee 100%"]
    for each, heat in zip(axes, [*maps, *maps], strict=True):
        np.testing.assert_allclose(each.images[1].get_array(), heat / heat.max())


def test_what_cannot_be_drawn_is_an_error(images, dia):
    for models in ({}, dia, [dia]):
        with pytest.raises(ValueError, match="`models` must be a dict of one model or more by their names"):
            plot_grad_cam(models, images)
    with pytest.raises(ValueError, match=r"`labels` must be a name for each class of 'dia'. Received: labels=\['a'"):
        plot_grad_cam({"dia": dia}, images, labels=["a", "b"])
    with pytest.raises(ValueError, match=r"`titles` must be one for each of 3 images. Received: titles=\['a'"):
        plot_grad_cam({"dia": dia}, images, titles=["a", "b"])


def test_titles_are_those_of_the_images(images, dia):
    for titles in (["a", "b", "c"], np.array(["a", "b", "c"])):
        figure = plot_grad_cam({"dia": dia}, images, titles=titles)
        assert [axes.get_title() for axes in figure.axes[:3]] == ["a", "b", "c"]


@pytest.mark.parametrize("channels", [1, 2, 4])
def test_images_that_are_not_rgb_are_drawn_in_gray(channels):
    images = np.random.default_rng(0).integers(0, 256, (2, 8, 8, channels)).astype("float32")
    figure = plot_grad_cam({"net": small(8, input_shape=(8, 8, channels))}, images)
    for axes, image in zip(figure.axes[:2], images, strict=True):
        drawn = axes.images[0].get_array()
        np.testing.assert_array_equal(drawn, np.repeat(image.mean(-1, keepdims=True).astype("uint8"), 3, axis=-1))
