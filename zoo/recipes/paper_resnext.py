"""The paper's recipe for ResNeXt101,8x32 (section 5.1 and the authors' code).

KERAS_BACKEND=jax python zoo/train.py zoo/recipes/paper_resnext.py --entry dia_resnext101_8x32d_cifar100
"""

from dia_keras.training import Recipe

RECIPE = Recipe(
    entry="dia_resnext101_8x32d_cifar100",
    epochs=300,
    learning_rate=0.1,
    schedule="steps",
    milestones=(150, 225),
    factor=0.1,
    weight_decay=5e-4,
)
