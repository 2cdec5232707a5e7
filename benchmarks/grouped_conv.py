"""Keras' grouped convolution and `GroupedConv2D`, forward and backward on TensorFlow, in turns in one process.

KERAS_BACKEND=tensorflow python benchmarks/grouped_conv.py
"""

import click
import keras
import numpy as np
import tensorflow as tf
from rich.console import Console
from rich.table import Table

from dia_keras.backbones import GroupedConv2D
from dia_keras.host import device_name
from dia_keras.timing import interleaved


@click.command(help=__doc__)
@click.option("--groups", default=8, show_default=True)
@click.option("--channels", default=256, show_default=True)
@click.option("--side", default=32, show_default=True, help="Height and width of the maps.")
@click.option("--batch", default=32, show_default=True)
@click.option("--runs", default=3, show_default=True)
def main(groups: int, channels: int, side: int, batch: int, runs: int):
    maps = tf.constant(np.random.default_rng(0).normal(size=(batch, side, side, channels)), tf.float32)
    layers = [kind(channels, 3, padding="same", groups=groups) for kind in (keras.layers.Conv2D, GroupedConv2D)]

    @tf.function(reduce_retracing=False)
    def step(layer):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(layer(maps) ** 2)
        return tape.gradient(loss, layer.trainable_variables)

    for layer in layers:
        layer.build(maps.shape)
    calls = {type(layer).__name__: lambda layer=layer: step(layer)[0].numpy() for layer in layers}
    seconds = interleaved(calls, runs)
    table = Table("layer", "seconds (median)", title=f"{groups} groups, {batch} maps of {side} x {side} x {channels}")
    for name, median in seconds.items():
        table.add_row(name, f"{median:.3f}")
    Console().print(table)
    Console().print(f"{runs} runs each, on {device_name()}", highlight=False)


if __name__ == "__main__":
    main()
