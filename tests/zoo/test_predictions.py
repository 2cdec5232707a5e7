import keras
import numpy as np
import pytest

from dia_keras import zoo

NAME = "dia_resnet20_cifar10"


def test_the_likeliest_classes_come_first_and_by_name():
    predictions = np.array([[0, 0, 0, 0.7, 0, 0.2, 0, 0, 0, 0.1], np.eye(10)[8]])
    decoded = zoo.decode_predictions(predictions, NAME, top=3)
    assert decoded[0] == [("cat", 0.7), ("dog", 0.2), ("truck", 0.1)]
    assert decoded[1][0] == ("ship", 1.0)
    assert [len(row) for row in decoded] == [3, 3]


def test_cards_and_tensors_are_taken():
    predictions = keras.ops.convert_to_tensor(np.eye(10, dtype="float32")[[1]])
    decoded = zoo.decode_predictions(predictions, zoo.card(NAME))
    assert decoded[0][0] == ("automobile", 1.0)
    assert len(decoded[0]) == 5


@pytest.mark.parametrize("shape", [(10,), (2, 100), (1, 2, 10)])
def test_predictions_of_another_shape_are_an_error(shape):
    with pytest.raises(ValueError) as error:
        zoo.decode_predictions(np.zeros(shape), NAME)
    assert str(error.value) == f"`predictions` must have shape (batch, 10). Received: predictions of shape {shape}"


@pytest.mark.parametrize("top", [0, -1, 1.5, True])
def test_a_top_that_is_no_positive_integer_is_an_error(top):
    with pytest.raises(ValueError, match=rf"`top` must be a positive integer. Received: top={top}"):
        zoo.decode_predictions(np.eye(10), NAME, top=top)


def test_labels_of_ones_own_are_taken():
    decoded = zoo.decode_predictions(np.array([[0.2, 0.8], [0.9, 0.1]]), ["normal", "pneumonia"], top=1)
    assert decoded == [[("pneumonia", 0.8)], [("normal", 0.9)]]
    with pytest.raises(ValueError, match=r"must have shape \(batch, 3\)"):
        zoo.decode_predictions(np.eye(2), ("a", "b", "c"))
    with pytest.raises(ValueError, match=r"a list or tuple of class names in the order of .*\. Received: labels={"):
        zoo.decode_predictions(np.eye(2), {"a", "b"})
    with pytest.raises(ValueError, match=r"`labels` must be a list of class names, or .*Received: labels='abc'"):
        zoo.decode_predictions(np.eye(2), "abc")
    with pytest.raises(ValueError, match="Did you mean 'dia_resnet20_cifar10'"):
        zoo.decode_predictions(np.eye(10), "DIA_ResNet20_CIFAR10")


def test_integers_of_quantized_files_are_sorted_as_they_are():
    decoded = zoo.decode_predictions(np.array([[0, 200, 50]], "uint8"), ["a", "b", "c"], top=3)
    assert decoded == [[("b", 200.0), ("c", 50.0), ("a", 0.0)]]


@pytest.mark.parametrize(
    ("predictions", "message"),
    [
        (np.array([[0.2, np.nan]]), r"`predictions` must be finite\. Received: NaN"),
        (np.array([["a", "b"]]), r"`predictions` must be an array of numbers\. Received: array"),
    ],
)
def test_predictions_that_are_no_numbers_are_an_error(predictions, message):
    with pytest.raises(ValueError, match=message):
        zoo.decode_predictions(predictions, ["x", "y"])
