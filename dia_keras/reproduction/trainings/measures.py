"""Measures of a trained network, from its outputs on the test images."""

import importlib.util

import numpy as np

from ...training.evaluation import accuracies

#: Shares of the negatives at which a ROC curve is recorded: 0%, 1%, ..., 100%.
ROC_STEPS = 101


def check_scikit_learn() -> None:
    """Raises an `ImportError` where scikit-learn is not installed, before a training of two classes, which needs it."""
    if importlib.util.find_spec("sklearn") is None:
        raise ImportError('ROC curves need scikit-learn: `pip install "dia_keras[reproduction]"`.')


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
    is_finite = bool(np.isfinite(logits).all())
    found = accuracies(logits, labels, class_names)
    measures = {"top1": found.top1, "top5": found.top5, "balanced": found.balanced}
    if len(class_names) == 2:
        measures |= found.per_class
        measures["auc"] = area_under_roc(logits[:, 1] - logits[:, 0], labels == 1) if is_finite else np.nan
    return {name: 100 * float(value) if is_finite else float("nan") for name, value in measures.items()}


def area_under_roc(scores: np.ndarray, positive: np.ndarray) -> float:
    """Returns the probability that a positive has a higher score than a negative; ties count half.

    Args:
        scores: Scores, `(n,)`.
        positive: Whether each is a positive, booleans `(n,)`.

    Returns:
        The area under the ROC curve, from 0 to 1; NaN where there are only positives or only negatives.
    """
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(positive, scores)) if _has_both(positive) else float("nan")


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
    from sklearn import metrics

    if not _has_both(positive):
        return None
    wrong, right, _ = metrics.roc_curve(positive, scores, drop_intermediate=False)
    return np.interp(np.linspace(0, 1, ROC_STEPS), wrong, right).tolist()


def _has_both(positive: np.ndarray) -> bool:
    return 0 < int(positive.sum()) < len(positive)
