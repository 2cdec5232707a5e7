"""The paper's recipe for ResNet83/164 (section 5.1 and the authors' code).

KERAS_BACKEND=jax python zoo/train.py zoo/recipes/paper_resnet.py --entry dia_resnet164_cifar100
"""

from dia_keras.training import Recipe

RECIPE = Recipe(
    entry="dia_resnet164_cifar100",
    epochs=164,
    learning_rate=0.1,
    schedule="steps",
    milestones=(81, 122),
    factor=0.1,
    weight_decay=1e-4,
)
