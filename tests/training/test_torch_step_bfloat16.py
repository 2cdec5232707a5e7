"""Tests of the compiled step on PyTorch in half precision. A file of its own, so that two processes share compiling."""

import keras
import numpy as np
import pytest
from step_networks import data, network

pytestmark = pytest.mark.skipif(keras.backend.backend() != "torch", reason="PyTorch's own")


def test_in_half_precision_gradients_are_those_of_keras_but_for_rounding(monkeypatch):
    from dia_keras.training.steps import torch_graph, torch_step

    monkeypatch.setattr(torch_graph, "LARGE", 2**10)
    ours, keras_own = (network("bottleneck, shared unit", "mixed_bfloat16") for _ in range(2))
    keras_own.train_step(data())
    torch_step.TorchStep(ours)(data())
    momenta = [np.concatenate([v.numpy().ravel() for v in model.optimizer.momentums]) for model in (ours, keras_own)]
    assert np.corrcoef(momenta)[0, 1] > 0.99


def test_a_network_with_dropout_in_half_precision_is_compiled():
    """Unsimplified, its graph stores gradients twice in a way that PyTorch's compiler cannot write in C++."""
    import torch

    from dia_keras.training.steps import torch_step

    model = network("pre-activation, dropout", "mixed_bfloat16", size=8)
    images = torch.zeros(16, 8, 8, 3)
    step = torch_step.TorchStep(model)
    losses = [float(step((images, data()[1]))["loss"]) for _ in range(2)]  # the warning of a refusal is an error
    assert np.isfinite(losses).all()


@pytest.mark.parametrize("reduce", ["amax", "amin"])
def test_the_gradient_of_a_largest_value_is_where_it_is(reduce):
    """It looks for the value among features that the compiler, left alone, computes again without rounding them."""
    import torch

    from dia_keras.training.steps import torch_graph

    def function(x, gain):
        x = x.detach().requires_grad_()
        with torch.enable_grad():
            features = (x * gain).to(torch.bfloat16)
            value = getattr(features, reduce)((1, 2)).float().square().sum()
            return torch.autograd.grad(value, [x])

    generator = torch.Generator().manual_seed(0)
    tensors = [torch.rand(4, 8, 8, 16, generator=generator) + 0.1, torch.rand(16, generator=generator) + 0.5]
    (gradient,), (expected,) = torch_graph.compiled(function, tensors)(*tensors), function(*tensors)
    np.testing.assert_array_equal(gradient.numpy() != 0, expected.numpy() != 0)
    np.testing.assert_allclose(gradient.numpy(), expected.numpy(), rtol=0.02)
