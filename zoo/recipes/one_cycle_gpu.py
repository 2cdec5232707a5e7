"""One-cycle recipe of the flagship entries, meant for one H100 or H200; not run on one yet.

    KERAS_BACKEND=jax python zoo/train.py zoo/recipes/one_cycle_gpu.py --entry dia_resnet164_cifar100 --minutes 28 --fit

`--fit` measures the seconds an epoch and lowers the number of epochs so that the cosine ends within `--minutes`.
"""

from dia_keras.training import Recipe

RECIPE = Recipe(
    entry="dia_resnet164_cifar100",
    epochs=200,
    learning_rate=0.1,
    weight_decay=5e-4,
    decay_all=False,
    nesterov=True,
    label_smoothing=0.1,
    precision="mixed_bfloat16",
)
