"""The losses of detectors that Keras does not have, of every element; sums and norms are the detectors' own."""

from keras import ops


def focal_loss(targets, logits, alpha: float = 0.25, gamma: float = 2.0):
    """Returns -alpha_t (1 - p_t)^gamma log p_t elementwise (Lin et al. 2017, eq. 5).

    Args:
        targets: 0 or 1, float.
        logits: Of the same shape.
        alpha: Weight of the elements of target 1; the others have 1 - alpha.
        gamma: How much less an element counts that is right already.
    """
    probability = ops.sigmoid(logits)
    wrong = targets * (1.0 - probability) + (1.0 - targets) * probability
    weight = targets * alpha + (1.0 - targets) * (1.0 - alpha)
    return weight * ops.power(wrong, gamma) * ops.binary_crossentropy(targets, logits, from_logits=True)


def smooth_l1(targets, values, beta: float = 1 / 9):
    """Returns 0.5 d^2 / beta where the difference d is below beta, else |d| - 0.5 beta, elementwise.

    Args:
        targets: Codes of boxes.
        values: Of the same shape.
        beta: Where the square ends; Girshick's (2015) is 1, Detectron's for proposals 1 / 9.
    """
    difference = ops.abs(targets - values)
    return ops.where(difference < beta, 0.5 * ops.square(difference) / beta, difference - 0.5 * beta)
