"""Networks of pixel values say, once, when they get images that are not, and never for others."""

import warnings

import keras
import numpy as np
import pytest

import dia_keras
from dia_keras.backbones import pixel_rescaling
from dia_keras.backbones.pixel_rescaling import PixelRescaling

PIXELS = np.random.default_rng(0).integers(0, 256, (6, 8, 8, 3), "uint8")
SCALED = (PIXELS / 255).astype("float32")
LABELS = np.arange(6) % 2


def network(compiled=True):
    inputs = keras.Input((8, 8, 3))
    pooled = keras.layers.GlobalAveragePooling2D()(PixelRescaling(1 / 60, -2.0)(inputs))
    model = keras.Model(inputs, keras.layers.Dense(2)(pooled))
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True), run_eagerly=not compiled)
    return model


def warned(function) -> int:
    """Returns how many warnings a function gives."""
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        function()
    return sum(each.category is dia_keras.PixelRangeWarning for each in found)


WAYS = {
    "call": lambda model, images: model(images),
    "predict": lambda model, images: model.predict(images, batch_size=4, verbose=0),
    "predict a batch": lambda model, images: model.predict_on_batch(images),
    "fit": lambda model, images: model.fit(images, LABELS, verbose=0),
    "train on a batch": lambda model, images: model.train_on_batch(images, LABELS),
    "evaluate": lambda model, images: model.evaluate(images, LABELS, verbose=0),
    "validation": lambda model, images: model.fit(PIXELS, LABELS, verbose=0, validation_data=(images, LABELS)),
}


@pytest.mark.parametrize("way", WAYS)
def test_scaled_images_give_one_warning(way):
    model = network()
    assert warned(lambda: WAYS[way](model, SCALED)) == 1
    assert warned(lambda: (WAYS[way](model, 2 * SCALED - 1), model(SCALED))) == 0, "once is enough"


MEAN, DEVIATION = [123.7, 116.8, 103.9], [58.4, 57.1, 57.4]
NO_PIXELS = {
    "from -1 to 1": (2 * SCALED - 1, "from 0 to 1, or from -1 to 1"),
    "standardized": ((PIXELS - MEAN) / DEVIATION, "a mean was subtracted from"),
    "mean subtracted": (PIXELS - MEAN, "a mean was subtracted from"),
    "int8": ((PIXELS.astype("int16") - 128).astype("int8"), "a mean was subtracted from"),
    "12 bits": (16 * PIXELS.astype("float32"), "up to 4080"),
    "16 bits": (257 * PIXELS.astype("uint16"), "up to 65535"),
}


@pytest.mark.parametrize(("images", "message"), NO_PIXELS.values(), ids=NO_PIXELS)
def test_the_warning_tells_what_the_images_look_like(images, message):
    with pytest.warns(dia_keras.PixelRangeWarning, match=f"{message}.*takes pixel values, from 0 to 255"):
        network().predict(images, verbose=0)


@pytest.mark.tensorflow
def test_integers_of_16_bits_in_a_tf_data_set_are_seen():
    model = network()
    assert warned(lambda: model.predict(tf_data(257 * PIXELS.astype("uint16")), verbose=0)) == 1


@pytest.mark.parametrize("way", ["call", "predict"])
def test_scaled_images_after_pixel_values_are_seen(way):
    model = network()
    assert warned(lambda: (WAYS[way](model, PIXELS), WAYS[way](model, PIXELS))) == 0
    assert warned(lambda: WAYS[way](model, 2 * SCALED - 1)) == 1


class Batches(keras.utils.PyDataset):
    def __init__(self, images):
        super().__init__()
        self.images = images
        self.begun = 0

    def __len__(self):
        return 2

    def __getitem__(self, index):
        self.begun += index == 0
        return self.images[4 * index : 4 * index + 4], LABELS[4 * index : 4 * index + 4]


def tf_data(images):
    data = pytest.importorskip("tensorflow").data.Dataset.from_tensor_slices((images, LABELS))
    return data.shuffle(6).map(lambda image, label: (image, label)).batch(4).prefetch(1)


def generator(images):
    yield images[:4], LABELS[:4]
    yield images[4:], LABELS[4:]


def data_loader(images):
    torch = pytest.importorskip("torch")
    pairs = torch.utils.data.TensorDataset(torch.from_numpy(images), torch.from_numpy(LABELS))
    return torch.utils.data.DataLoader(pairs, batch_size=4, shuffle=True)


def generator_in_tf_data(images):
    """A data set that can be begun only once."""
    tf = pytest.importorskip("tensorflow")
    batches = generator(images)
    signature = (tf.TensorSpec((None, 8, 8, 3)), tf.TensorSpec((None,), tf.int64))
    return tf.data.Dataset.from_generator(lambda: batches, output_signature=signature)


RUNS = {
    "fit": lambda model, data: model.fit(data, verbose=0),
    "evaluate": lambda model, data: model.evaluate(data, verbose=0),
    "predict": lambda model, data: model.predict(data, verbose=0),
}


@pytest.mark.parametrize("data", [tf_data, Batches, generator, data_loader])
@pytest.mark.parametrize("run", RUNS)
def test_scaled_images_of_data_sets_give_one_warning(run, data):
    assert warned(lambda: RUNS[run](network(), data(SCALED))) == 1


# A generator that cannot be begun again loses a batch to Keras itself on JAX and PyTorch.
ONCE = pytest.param(generator_in_tf_data, marks=pytest.mark.tensorflow)


@pytest.mark.filterwarnings("ignore:Your input ran out of data")
@pytest.mark.parametrize("data", [tf_data, Batches, generator, data_loader, ONCE])
def test_a_look_at_a_data_set_takes_no_image_from_it(data):
    model, images = network(), PIXELS.astype("float32")
    expected = model.evaluate(images, LABELS, verbose=0)
    model.make_test_function(force=True)  # is traced again
    found = []
    assert warned(lambda: found.append(model.evaluate(data(images), verbose=0))) == 0
    assert found == pytest.approx([expected], rel=1e-5)


def test_the_first_batch_is_loaded_once_more_for_the_look():
    plain = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Rescaling(1.0), *network().layers[2:]])
    plain.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    looked_at, others = Batches(PIXELS), Batches(PIXELS)
    network().fit(looked_at, epochs=2, verbose=0)
    plain.fit(others, epochs=2, verbose=0)
    assert looked_at.begun <= others.begun + 1


def built_on(model):
    return keras.Model(model.input, keras.layers.ReLU()(model.output))


def within(model):
    inputs = keras.Input((8, 8, 3))
    return keras.Model(inputs, keras.layers.ReLU()(model(inputs)))


def loaded(model, path):
    model.save(path)
    return keras.models.load_model(path)


@pytest.mark.parametrize("other", [built_on, within, lambda model: keras.Sequential([model, keras.layers.ReLU()])])
def test_models_made_of_a_network_say_it_too(other):
    assert warned(lambda: other(network()).predict(SCALED, verbose=0)) == 1


def test_a_loaded_model_says_it_too(tmp_path):
    model = network()
    again = loaded(model, tmp_path / "model.keras")
    assert warned(lambda: again.predict(SCALED, verbose=0)) == 1
    np.testing.assert_array_equal(again.predict(PIXELS, verbose=0), model.predict(PIXELS, verbose=0))


def test_images_that_a_model_makes_pixel_values_of_are_right():
    inputs = keras.Input((8, 8, 3))
    model = keras.Model(inputs, network()(keras.layers.Rescaling(255)(inputs)))
    assert warned(lambda: (model.predict(SCALED, verbose=0), model(SCALED))) == 0


@pytest.mark.parametrize(
    "images",
    [
        PIXELS,
        PIXELS.astype("float32"),
        PIXELS + 0.5 * SCALED,  # resized ones are not integers
        np.zeros_like(SCALED),
        np.concatenate([SCALED[:3], PIXELS[:3]]),  # a dark picture is not alone
        np.full_like(SCALED, np.nan),
        np.where(PIXELS > 200, 255.0, np.where(PIXELS > 60, 0.0, -20.0)),  # cubic filters overshoot at edges
        np.where(PIXELS > 128, 275.0, 20.0),
    ],
    ids=["uint8", "float", "resized", "black", "dark", "NaN", "below 0", "above 255"],
)
def test_pixel_values_give_no_warning(images):
    assert warned(lambda: (network()(images), network().predict(images, verbose=0))) == 0


@pytest.mark.parametrize("convert", [np.bool_, np.uint8, np.float32])
def test_images_of_0_and_1_give_a_warning(convert):
    mask = (PIXELS // 128).astype(convert)
    with pytest.warns(dia_keras.PixelRangeWarning, match="values that are 0 or 1, .* multiply them by 255"):
        network().predict(mask, verbose=0)


def test_the_warning_may_be_silenced_or_made_an_error():
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=dia_keras.PixelRangeWarning)
        network()(SCALED)
    with warnings.catch_warnings():
        warnings.filterwarnings("error", category=dia_keras.PixelRangeWarning)
        with pytest.raises(dia_keras.PixelRangeWarning, match=r"from 0 to 1.*takes pixel values, from 0 to 255"):
            network().predict(SCALED, verbose=0)


@pytest.mark.parametrize("compiled", [True, False])
def test_training_is_not_slowed_down(compiled, monkeypatch):
    """A look at values waits for them: in training it is only at the first batch, or when Keras compiles."""
    looks = []
    monkeypatch.setattr(pixel_rescaling, "range_problem", lambda values: looks.append(values.size))
    network(compiled).fit(PIXELS, LABELS, batch_size=1, verbose=0)
    assert 1 <= len(looks) <= 3 and max(looks) <= 6 * 2 * 2 * 3, "of 6 batches, and a few pixels"


def test_values_are_those_of_keras_rescaling():
    for scale, offset in ((0.1, 0.5), ([0.1, 0.2, 0.3], [1.0, 2.0, 3.0])):
        layer = PixelRescaling(scale, offset, name="preprocessing")
        found = keras.ops.convert_to_numpy(layer(PIXELS))
        np.testing.assert_allclose(found, PIXELS * np.array(scale) + np.array(offset), rtol=1e-5)
        assert PixelRescaling.from_config(layer.get_config()).get_config() == layer.get_config()
        assert layer.variables == []


@pytest.mark.parametrize("shape", [(), (3,), (4, 3), (2, 5, 4, 4, 3)])
def test_what_is_no_batch_of_images_is_scaled_as_by_keras(shape):
    values = np.linspace(0, 1, int(np.prod(shape)), dtype="float32").reshape(shape)
    with warnings.catch_warnings():
        warnings.simplefilter("error", dia_keras.PixelRangeWarning)
        scaled = keras.ops.convert_to_numpy(PixelRescaling(0.5, 1.0)(keras.ops.convert_to_tensor(values)))
    np.testing.assert_allclose(scaled, values * 0.5 + 1)
