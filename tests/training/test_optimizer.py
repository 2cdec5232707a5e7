"""SGD with L2 regularisation, against the update rule of the authors' framework."""

import keras
import numpy as np
import pytest

from dia_keras.training import SGDL2


@pytest.mark.parametrize("nesterov", [False, True])
def test_updates_are_those_of_coupled_weight_decay(nesterov):
    rng = np.random.default_rng(0)
    weight, gradients = rng.normal(size=(3, 2)).astype("float32"), rng.normal(size=(4, 3, 2)).astype("float32")
    variable = keras.Variable(weight)
    rate = keras.optimizers.schedules.PiecewiseConstantDecay([1], [0.1, 0.01])
    optimizer = SGDL2(rate, l2=0.01, momentum=0.9, nesterov=nesterov)
    optimizer.build([variable])
    velocity = np.zeros_like(weight)
    for lr, gradient in zip([0.1, 0.1, 0.01, 0.01], gradients, strict=True):
        optimizer.apply([keras.ops.convert_to_tensor(gradient)])
        decayed = gradient + 0.01 * weight
        velocity = 0.9 * velocity + decayed
        weight = weight - lr * (decayed + 0.9 * velocity if nesterov else velocity)
    np.testing.assert_allclose(keras.ops.convert_to_numpy(variable), weight, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("nesterov", [False, True])
def test_updates_are_those_of_pytorch(nesterov):
    import torch

    rng = np.random.default_rng(1)
    weight, gradients = rng.normal(size=(3, 2)).astype("float32"), rng.normal(size=(6, 3, 2)).astype("float32")
    variable, parameter = keras.Variable(weight), torch.nn.Parameter(torch.tensor(weight))
    rate = keras.optimizers.schedules.PiecewiseConstantDecay([2], [0.1, 0.02])
    optimizer = SGDL2(rate, l2=5e-4, momentum=0.9, nesterov=nesterov)
    optimizer.build([variable])
    reference = torch.optim.SGD([parameter], 0.1, momentum=0.9, weight_decay=5e-4, nesterov=nesterov)
    milestones = torch.optim.lr_scheduler.MultiStepLR(reference, [3], 0.2)
    for gradient in gradients:
        optimizer.apply([keras.ops.convert_to_tensor(gradient)])
        parameter.grad = torch.tensor(gradient)
        reference.step()
        milestones.step()
    np.testing.assert_allclose(keras.ops.convert_to_numpy(variable), parameter.detach().numpy(), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize(("decay_all", "expected"), [(True, 0.5), (False, 1.0)])
def test_others_than_kernels_decay_only_if_all_do(decay_all, expected):
    kernel, bias = (keras.Variable(np.ones((2, 2), "float32"), name=name) for name in ("expand_kernel", "shift"))
    optimizer = SGDL2(1.0, l2=0.5, decay_all=decay_all)
    optimizer.build([kernel, bias])
    optimizer.apply([keras.ops.zeros((2, 2)), keras.ops.zeros((2, 2))])
    np.testing.assert_allclose(keras.ops.convert_to_numpy(kernel), 0.5)
    np.testing.assert_allclose(keras.ops.convert_to_numpy(bias), expected)


def test_config_round_trip():
    optimizer = SGDL2(0.3, l2=1e-4, decay_all=False, momentum=0.8, nesterov=True)
    assert SGDL2.from_config(optimizer.get_config()).get_config() == optimizer.get_config()


def test_negative_decay_is_an_error():
    with pytest.raises(ValueError, match=r"`l2` must not be negative. Received: l2=-1"):
        SGDL2(l2=-1)
