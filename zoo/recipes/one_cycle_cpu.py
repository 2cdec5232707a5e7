"""A short one-cycle recipe for the small nets, made for the CPU.

    KERAS_BACKEND=tensorflow python zoo/train.py zoo/recipes/one_cycle_cpu.py --entry dia_resnet20_cifar100

Two CPU cores, shared with other work, DIA-ResNet20 on CIFAR-100: 53 minutes, 64.12% top-1; with `--set epochs=130
--set learning_rate=0.1 --set warmup=0.1`, two and a half hours, 69.68%; with 120 epochs, the same and two teachers, two
hours, 71.13%; on CIFAR-10 with 140 epochs, two and a half hours, 93.16% (with that net as a teacher, 92.62%). All
trainings, the teachers, and what was tried on held-out training images: `zoo/RECIPES.md`.
"""

from dia_keras.training import Recipe

RECIPE = Recipe(
    entry="dia_resnet20_cifar100",
    epochs=20,
    learning_rate=0.2,
    weight_decay=5e-4,
    decay_all=False,
    nesterov=True,
    precision="mixed_bfloat16",
)
