"""Networks, data and traces for the tests of the compiled step on PyTorch."""

import keras
import numpy as np

from dia_keras.backbones import resnet, wrn
from dia_keras.training import Recipe
from dia_keras.training.fitting import compile_for

NETWORKS = {
    "bottleneck, shared unit": lambda options: resnet(20, attention="dia_lstm", **options),
    "basic, a module with a loss of its own": lambda options: resnet(8, "basic", attention="spem", **options),
    "pre-activation, maps over space": lambda options: wrn(10, 1, attention="cbam", dropout=0.0, **options),
}


def network(name, policy="float32"):
    keras.config.set_dtype_policy(policy)
    keras.utils.set_random_seed(0)
    model = NETWORKS[name]({"num_classes": 10, "classifier_activation": None, "input_shape": (16, 16, 3)})
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
