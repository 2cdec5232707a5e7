"""Trains a zoo entry by a recipe: `python zoo/train.py zoo/recipes/one_cycle_cpu.py --entry dia_resnet20_cifar10`."""

from dia_keras.cli import train

if __name__ == "__main__":
    train()
