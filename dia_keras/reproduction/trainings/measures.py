"""Measures of a trained network, from its outputs on the test images."""

import numpy as np

from ...data import Split


def measure(logits: np.ndarray, labels: np.ndarray, class_names: tuple[str, ...]) -> dict[str, float]:
    """Returns the measures of a network, all in percent.

    Args:
        logits: Outputs, `(n, classes)`.
        labels: Numbers of the classes, `(n,)`.
        class_names: Names of the classes.

    Returns:
        `top1` and `top5`, accuracies; `balanced`, the mean of the classes' accuracies; of two classes also `auc`, the
        area under the ROC curve, and each one's accuracy by its name. All are NaN where an output is not finite.
    """
    best = np.argsort(-logits, axis=-1, kind="stable")[:, :5]
    right = best == labels[:, None]
    by_class = {name: right[labels == i, 0].mean() for i, name in enumerate(class_names) if (labels == i).any()}
    measures = {
        "top1": right[:, 0].mean(),
        "top5": right.any(-1).mean(),
        "balanced": np.mean(list(by_class.values())),
    }
    if len(class_names) == 2:
        measures |= by_class
        measures["auc"] = area_under_roc(logits[:, 1] - logits[:, 0], labels == 1)
    is_finite = bool(np.isfinite(logits).all())
    return {name: 100 * float(value) if is_finite else float("nan") for name, value in measures.items()}


def area_under_roc(scores: np.ndarray, positive: np.ndarray) -> float:
    """Returns the probability that a positive has a higher score than a negative; ties count half.

    Args:
        scores: Scores, `(n,)`.
        positive: Whether each is a positive, booleans `(n,)`.
    """
    positives, negatives = int(positive.sum()), int((~positive).sum())
    if not positives or not negatives:
        return float("nan")
    _, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    return float((ranks[positive].sum() - positives * (positives + 1) / 2) / (positives * negatives))


#: Shares of the negatives at which a ROC curve is recorded: 0%, 1%, ..., 100%.
ROC_STEPS = 101


def roc_curve(scores: np.ndarray, positive: np.ndarray) -> list[float] | None:
    """Returns the share of positives that are found, at shares of the negatives found with them of 0%, 1%, ..., 100%.

    Between two thresholds the curve is a straight line, as for the area, so that curves of several seeds can be
    averaged point by point.

    Args:
        scores: Scores, `(n,)`; a threshold finds the higher ones.
        positive: Whether each is a positive, booleans `(n,)`.

    Returns:
        101 shares from 0 to 1, or `None` where there are only positives or only negatives.
    """
    positives, negatives = int(positive.sum()), int((~positive).sum())
    if not positives or not negatives:
        return None
    _, inverse = np.unique(-scores, return_inverse=True)
    hits = np.cumsum(np.bincount(inverse[positive], minlength=inverse.max() + 1)) / positives
    wrong = np.cumsum(np.bincount(inverse[~positive], minlength=inverse.max() + 1)) / negatives
    hits, wrong = np.insert(hits, 0, 0.0), np.insert(wrong, 0, 0.0)
    shares = np.linspace(0, 1, ROC_STEPS)
    # Of thresholds that find the same negatives, the one that finds most positives counts.
    last = np.searchsorted(wrong, shares + 1e-9, side="right") - 1
    following = np.minimum(last + 1, len(wrong) - 1)
    way = (shares - wrong[last]) / np.maximum(wrong[following] - wrong[last], 1 / negatives)
    return (hits[last] + way * (hits[following] - hits[last])).tolist()


def outputs(model, split: Split, batch_size: int = 250) -> np.ndarray:
    """Returns a model's outputs on all images of a split, `(n, classes)`."""
    starts = range(0, len(split.images), batch_size)
    return np.concatenate([np.asarray(model.predict_on_batch(split.images[i : i + batch_size])) for i in starts])
