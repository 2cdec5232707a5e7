"""Networks of `.keras` files."""

import pathlib

import keras

from ...backbones.layers import from_image_shape
from ...messages import first_sentence
from ..cards import describe
from ..loading import with_new_head
from .network import Network


def keras_network(path: pathlib.Path) -> Network:
    """Returns the network in a `.keras` file, whose classes have no names; see `find_network`."""
    model = load_keras(path)
    if not hasattr(model, "inputs"):  # a model of a class of its own, such as a detector
        kind = type(model).__name__
        raise ValueError(f"A .keras file must hold a network of images and classes. Received: {path}, with a {kind}")
    images = [tuple(tensor.shape) for tensor in model.inputs or []]
    answers = [tuple(tensor.shape) for tensor in model.outputs or []]
    if (
        len(images) != 1
        or len(images[0]) != 4
        or None in images[0][1:]
        or len(answers) != 1
        or len(answers[0]) != 2
        or answers[0][1] == 1
    ):
        raise ValueError(
            "The network of a .keras file must take images of one size, (batch, height, width, channels), and answer "
            f"with two classes or more, (batch, classes). Received: {path}, from {images} to {answers}"
        )
    height, width, channels = from_image_shape(images[0][1:])
    return Network(
        name=str(path),
        labels=None,
        image_size=(height, width),
        channels=channels,
        resize="crop",
        data=None,
        load=lambda **changes: adapted(model, **changes),
        sha256=lambda: describe(path).sha256,
    )


def adapted(
    model: keras.Model, num_classes: int | None = None, input_shape: tuple[int, ...] | None = None
) -> keras.Model:
    """Returns a network of `dia_keras.backbones` for images of another size, with a new classifier for other classes.

    Raises:
        ValueError: Where it is another kind of network, or takes images of other channels.
    """
    if input_shape is not None and tuple(input_shape) != model.input_shape[1:]:
        channels = from_image_shape(model.input_shape[1:])[2]
        if from_image_shape(input_shape)[2] != channels:
            raise ValueError(
                f"`channels` must be those of the images that {model.name!r} takes: {channels}. "
                f"Received: input_shape={tuple(input_shape)}"
            )
        config = model.get_config()
        config["layers"][0]["config"]["batch_shape"] = (None, *input_shape)
        same = type(model).from_config(config)
        same.set_weights(model.get_weights())
        model = same
    if num_classes is not None and num_classes != model.output_shape[-1]:
        model = with_new_head(model, num_classes, activation="softmax")
    return model


def load_keras(path: pathlib.Path) -> keras.Model:
    """Returns the model in a `.keras` file.

    Raises:
        ValueError: If the file is damaged, or holds something else.
    """
    try:
        model = keras.saving.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # damaged archives end in errors of many kinds
        raise ValueError(f"A .keras file must be sound. Received: {path} ({first_sentence(error)})") from error
    if not isinstance(model, keras.Model):
        raise ValueError(f"A .keras file must hold a model. Received: {path}, with a {type(model).__name__}")
    return model
