"""What a weights file holds for the first and the last layer of a network of the zoo."""

from .reading import WeightsFile, record_in, shape_in
from .record import OTHER
from .tensors import Place

# The classifier is a network's only dense layer: SE's are inside their own layer.
_CLASSIFIER_KERNEL, _CLASSIFIER_BIAS = "layers/dense/vars/0", "layers/dense/vars/1"
_STEM_KERNEL = "layers/conv2d/vars/0"


def stem_channels_in(file: WeightsFile) -> int | None:
    """Returns the number of channels that the network of a file takes, `None` where it cannot be seen."""
    kernel = shape_in(file, _STEM_KERNEL)
    return kernel[2] if kernel and len(kernel) == 4 else None


def classes_in(file: WeightsFile) -> int | None:
    """Returns the number of classes of the classifier in a file, `None` where it has none."""
    bias = shape_in(file, _CLASSIFIER_BIAS)
    return bias[0] if bias else None


def places_of_classifier(features: int, classes: int) -> dict[str, Place]:
    """Returns what a file holds beside the weights of a network without the top, of so many features."""
    return {
        _CLASSIFIER_KERNEL: Place((features, classes), "float32", "classifier"),
        _CLASSIFIER_BIAS: Place((classes,), "float32", "classifier"),
    }


def activation_in(file: WeightsFile | None, num_classes: int) -> str:
    """Returns the activation that a file names for its classifier of so many classes, a softmax where it names none.

    Raises:
        ValueError: If it says that it is another one.
    """
    record = None if file is None else record_in(file)
    if file is None or record is None or record.classes != num_classes or record.activation is None:
        return "softmax"
    if record.activation == OTHER:
        raise ValueError(
            "`classifier_activation` must be given for these weights: they are of a network that ends in something "
            f"else than a softmax, a sigmoid or logits. Received: classifier_activation='auto' and {file.path}"
        )
    return record.activation
