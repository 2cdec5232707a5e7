"""A recipe for deep networks on a CPU: small images first.

    KERAS_BACKEND=torch python zoo/train.py zoo/recipes/progressive_cpu.py --entry dia_resnet164_cifar100

The cost of an epoch falls with the area of the images: 16x16 takes a quarter of 32x32, and 24x24 about half. On PyTorch
the steps are compiled (`dia_keras/training/steps/torch_step.py`). Any network that takes images of any size can train
so.
"""

from dia_keras.training import Phase, Recipe

RECIPE = Recipe(
    entry="dia_resnet164_cifar100",
    epochs=80,
    phases=(Phase(30, image_size=16), Phase(26, image_size=24), Phase(24)),
    learning_rate=0.1,
    warmup=0.1,
    weight_decay=5e-4,
    decay_all=False,
    nesterov=True,
    label_smoothing=0.1,
    precision="mixed_bfloat16",
)
