"""The learning rate of one cycle: a warm-up, then a cosine."""

from keras.optimizers import schedules


def one_cycle(peak: float, steps: int, warmup_steps: int) -> schedules.LearningRateSchedule:
    """Returns a learning rate that rises from zero in proportion to the step, then falls to zero along a cosine.

    Args:
        peak: The largest rate.
        steps: Number of all steps.
        warmup_steps: Number of steps of the warm-up, less than `steps`. With 0, the first step has the largest rate.
    """
    if not warmup_steps:
        return schedules.CosineDecay(peak, steps)
    return schedules.CosineDecay(0.0, steps - warmup_steps, warmup_target=peak, warmup_steps=warmup_steps)
