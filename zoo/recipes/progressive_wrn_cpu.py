"""DIA-WRN52-4 on a CPU: small images first.

    KERAS_BACKEND=torch python zoo/train.py zoo/recipes/progressive_wrn_cpu.py --entry dia_wrn52_4_cifar100

The cost of an epoch falls with the area of the images: 16x16 takes a quarter of 32x32, and 24x24 about half. On PyTorch
the steps are compiled (`dia_keras/training/steps/torch_step.py`). On a machine that does other work, too, one thread
(`OMP_NUM_THREADS=1`) is faster than two, which wait for each other. Dropout is off, and the network fits 99.5% of its
training images: a longer training needs dropout, or mixed images.
"""

from dia_keras.training import Phase, Recipe

RECIPE = Recipe(
    entry="dia_wrn52_4_cifar100",
    epochs=42,
    phases=(Phase(15, image_size=16), Phase(12, image_size=24), Phase(15)),
    learning_rate=0.1,
    warmup=0.1,
    weight_decay=5e-4,
    decay_all=False,
    nesterov=True,
    label_smoothing=0.1,
    dropout=0.0,
    precision="mixed_bfloat16",
)
