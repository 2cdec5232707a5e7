"""Networks, data and traces for the tests of the compiled step on PyTorch."""

from functools import partial

import keras
import numpy as np

from dia_keras.backbones.blocks import (
    basic_branch,
    bottleneck_branch,
    post_activation_block,
    pre_activation_block,
    pre_basic_branch,
)
from dia_keras.backbones.network import Stage, build_network, small_stem
from dia_keras.training import Recipe
from dia_keras.training.fitting import compile_for


# One stage has a block with a projection and one without. More stages take longer to compile, and have nothing new.
def post_activation(branch, width, attention):
    return {
        "stem": small_stem(16),
        "stages": [Stage(width, 2, 2)],
        "block": partial(post_activation_block, branch=branch),
        "attention": attention,
    }


def pre_activation(attention, dropout=0.0):
    return {
        "stem": small_stem(16, pre_activation=True),
        "stages": [Stage(32, 2, 2)],
        "block": partial(pre_activation_block, branch=partial(pre_basic_branch, dropout=dropout)),
        "pre_activation": True,
        "norm_before_cells": True,
        "attention": attention,
    }


NETWORKS = {
    "bottleneck, shared unit": post_activation(bottleneck_branch, 64, "dia_lstm"),
    "basic, a module with a loss of its own": post_activation(basic_branch, 32, "spem"),
    "basic, averages of parts": post_activation(basic_branch, 32, "spa"),
    "pre-activation, maps over space": pre_activation("cbam"),
    "pre-activation, dropout": pre_activation("dia_lstm", dropout=0.5),
}


def network(name, policy="float32", size=16):
    keras.config.set_dtype_policy(policy)
    keras.utils.set_random_seed(0)
    model = build_network(
        **NETWORKS[name], attention_defaults={}, total_stride=2, classifier_activation=None, input_shape=(size, size, 3)
    )
    compile_for(model, Recipe("x", 4, 16, nesterov=True, decay_all=False), steps_per_epoch=10)
    return model


def data():
    import torch

    rng = np.random.default_rng(0)
    return (
        torch.from_numpy(rng.normal(size=(16, 16, 16, 3)).astype("float32")),
        torch.from_numpy(np.eye(10, dtype="float32")[rng.integers(0, 10, 16)]),
    )


def traced(model, images, targets):
    from torch.fx.experimental.proxy_tensor import make_fx

    from dia_keras.training.steps import torch_step

    tensors = [v.value.detach() for v in [*model.trainable_variables, *model.non_trainable_variables]]
    step = torch_step.TorchStep(model)
    return make_fx(step._step, tracing_mode="fake", _allow_non_fake_inputs=True)(*tensors, images, targets)
