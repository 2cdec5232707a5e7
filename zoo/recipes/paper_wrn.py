"""The paper's recipe for WRN52-4 (section 5.1 and the authors' code).

    KERAS_BACKEND=jax python zoo/train.py zoo/recipes/paper_wrn.py --entry dia_wrn52_4_cifar100

The dropout of 0.3 is part of the architecture.
"""

from dia_keras.training import Recipe

RECIPE = Recipe(
    entry="dia_wrn52_4_cifar100",
    epochs=200,
    learning_rate=0.1,
    schedule="steps",
    milestones=(80, 120, 160),
    factor=0.2,
    weight_decay=5e-4,
)
