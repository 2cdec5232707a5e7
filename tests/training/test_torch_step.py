"""Tests of the compiled step on PyTorch: it is Keras' own step, in metrics, weights, statistics and momenta."""

import keras
import numpy as np
import pytest
from step_networks import NETWORKS, data, network, traced

from dia_keras.training import Recipe
from dia_keras.training.fitting import compile_for

pytestmark = pytest.mark.skipif(keras.backend.backend() != "torch", reason="PyTorch's own")


@pytest.mark.parametrize("name", [name for name in NETWORKS if "dropout" not in name])
def test_it_is_the_step_of_keras(name, monkeypatch):
    from dia_keras.training.steps import torch_graph, torch_step

    monkeypatch.setattr(torch_graph, "LARGE", 2**10)
    ours, keras_own = network(name), network(name)
    step = torch_step.TorchStep(ours)
    given = weighted() if name == "basic, a module with a loss of its own" else data()
    for _ in range(3):
        expected = keras_own.train_step(given)
        got = step(given)
    assert {key: float(value) for key, value in got.items()} == pytest.approx(
        {key: float(value) for key, value in expected.items()}, rel=1e-5
    )
    variables = [[*model.variables, *model.optimizer.variables] for model in (ours, keras_own)]
    for mine, theirs in zip(*variables, strict=True):
        want = keras.ops.convert_to_numpy(theirs)
        atol = 1e-5 + 1e-4 * np.abs(want).max()
        np.testing.assert_allclose(keras.ops.convert_to_numpy(mine), want, rtol=0, atol=atol, err_msg=theirs.path)


def weighted():
    """Images and targets with a weight for every image, of a mean other than 1."""
    import torch

    return *data(), torch.linspace(0.1, 3, 16)


def test_the_attention_of_an_image_is_computed_before_it_meets_features(monkeypatch):
    """The node that stores it is there, and the copies that Keras' convolutions make of features are not."""
    import torch

    from dia_keras.training.steps import torch_graph

    monkeypatch.setattr(torch_graph, "LARGE", 2**10)
    graph = torch_graph.simplify(traced(network("bottleneck, shared unit"), *data())).graph
    targets = [node.target for node in graph.nodes]
    stored, copied = torch.ops.aten.as_strided.default, torch.ops.aten.clone.default
    assert targets.count(stored) >= 2 + 2 * 8  # h of two blocks, scale and shift of eight norms
    assert targets.count(copied) <= 8  # kernels


def test_a_small_tensor_in_another_order_in_memory_keeps_its_values():
    import torch

    from dia_keras.training.steps import torch_graph

    def function(vectors, features):
        return [features * torch.relu(vectors.t().contiguous())]

    tensors = [torch.arange(-64.0, 64.0).reshape(8, 16), torch.linspace(-1, 1, 2049 * 16 * 8).reshape(2049, 16, 8)]
    found, expected = torch_graph.compiled(function, tensors)(*tensors), function(*tensors)
    np.testing.assert_allclose(found[0].numpy(), expected[0].numpy(), rtol=1e-6)


def test_images_in_another_order_in_memory_change_nothing(monkeypatch):
    """As what einsum returns. It would make all features channels first."""
    from dia_keras.training.steps import torch_answers, torch_step, torch_test_step

    def recorded(function, tensors):
        orders.append([tensor.is_contiguous() for tensor in tensors])
        return function

    orders = []
    for module in (torch_step, torch_test_step, torch_answers):
        monkeypatch.setattr(module, "compiled", recorded)
    images, targets = data()
    moved = images.permute(2, 0, 1, 3).contiguous().permute(1, 2, 0, 3)
    name = "bottleneck, shared unit"
    step, answers = torch_step.TorchStep(network(name)), torch_answers.TorchAnswers(network(name))
    test_step = torch_test_step.TorchTestStep(network(name))
    assert not moved.is_contiguous() and (moved == images).all()
    answers(moved)
    step((moved, targets))
    test_step((moved, targets))
    assert len(orders) == 3 and all(map(all, orders))


def test_short_trainings_and_eager_ones_are_not_compiled():
    from dia_keras.training.steps.torch_graph import LEAST_STEPS
    from dia_keras.training.steps.torch_step import compiled_step

    steps = {"train_step", "test_step"}
    model = network("basic, a module with a loss of its own")
    with compiled_step(model, LEAST_STEPS - 1):
        assert not steps & set(vars(model))
    with compiled_step(model, LEAST_STEPS, LEAST_STEPS - 1):
        assert steps & set(vars(model)) == {"train_step"}
    with compiled_step(model, LEAST_STEPS, LEAST_STEPS):
        assert steps <= set(vars(model))
    assert not steps & set(vars(model))
    model.compile(run_eagerly=True)
    with compiled_step(model, LEAST_STEPS, LEAST_STEPS):
        assert not steps & set(vars(model))


def test_validation_is_that_of_keras():
    """The last batch is smaller. The weights, the statistics and the momenta stay."""
    from dia_keras.training.steps.torch_graph import LEAST_STEPS
    from dia_keras.training.steps.torch_step import compiled_step

    model = network("basic, a module with a loss of its own")
    model.train_step(data())  # moves the statistics of batch norms
    images, targets, weights = (tensor.numpy() for tensor in weighted())
    options = {"sample_weight": weights, "batch_size": 6, "return_dict": True, "verbose": 0}
    before = [keras.ops.convert_to_numpy(variable) for variable in [*model.variables, *model.optimizer.variables]]
    expected = model.evaluate(images, targets, **options)
    with compiled_step(model, LEAST_STEPS, LEAST_STEPS):
        test_step = model.test_step
        assert model.evaluate(images, targets, **options) == pytest.approx(expected, rel=1e-5)
        assert test_step.shapes[0][0] == 6
    assert model.evaluate(images, targets, **options) == pytest.approx(expected, rel=1e-6)
    after = [keras.ops.convert_to_numpy(variable) for variable in [*model.variables, *model.optimizer.variables]]
    assert all(map(np.array_equal, before, after))


def test_the_answers_of_teachers_are_those_of_keras():
    """Also in batches of another size; and outside, the model answers as before."""
    from dia_keras.training.steps.torch_answers import TorchAnswers, compiled_answers
    from dia_keras.training.steps.torch_graph import LEAST_STEPS

    model = network("basic, a module with a loss of its own")
    model.train_step(data())  # moves the statistics of batch norms
    images, _ = data()
    expected = [model.predict_on_batch(images[:count]) for count in (16, 5)]
    with compiled_answers([model], LEAST_STEPS - 1):
        assert "predict_on_batch" not in vars(model)
    with compiled_answers([model], LEAST_STEPS):
        assert isinstance(model.predict_on_batch, TorchAnswers)
        for want in expected:
            np.testing.assert_allclose(model.predict_on_batch(images[: len(want)]).numpy(), want, rtol=1e-4, atol=1e-5)
    assert "predict_on_batch" not in vars(model)


def test_graphs_are_looked_for_among_those_that_were_compiled_before():
    """By an earlier process, too: then a training begins in a fraction of the time."""
    from torch._dynamo.utils import counters

    from dia_keras.training.steps.torch_answers import TorchAnswers

    def looked_for():
        return counters["inductor"]["fxgraph_cache_hit"] + counters["inductor"]["fxgraph_cache_miss"]

    before, bypassed = looked_for(), counters["inductor"]["fxgraph_cache_bypass"]
    TorchAnswers(network("basic, a module with a loss of its own"))(data()[0])
    assert looked_for() == before + 1
    assert counters["inductor"]["fxgraph_cache_bypass"] == bypassed


def test_only_a_cpu_takes_graphs_for_one(monkeypatch):
    """Keras computes on what it finds: CUDA, Apple's or Intel's device."""
    import torch

    from dia_keras.training.steps import torch_graph

    assert torch_graph.is_worth_compiling(torch_graph.LEAST_STEPS)
    monkeypatch.setattr(keras.ops, "zeros", lambda shape: torch.zeros(shape, device="meta"))
    assert not torch_graph.is_worth_compiling(torch_graph.LEAST_STEPS)


def test_a_machine_without_a_compiler_trains_all_the_same(monkeypatch):
    from dia_keras.training.steps import torch_graph, torch_step

    monkeypatch.setattr(torch_graph.shutil, "which", lambda name: None)
    model = network("basic, a module with a loss of its own")
    with pytest.warns(UserWarning, match="no g"), torch_step.compiled_step(model, torch_graph.LEAST_STEPS):
        assert "train_step" not in vars(model)


def test_dropouts_of_one_shape_drop_different_units():
    """PyTorch's dropout writes its mask in place. In the simplified graph it does not, and no two masks are one."""
    import torch

    from dia_keras.training.steps import torch_graph

    inputs = keras.Input((4, 4, 8))
    x = keras.layers.Dropout(0.5)(inputs) * keras.layers.Dropout(0.25)(inputs) + keras.layers.Dropout(0.5)(inputs)
    model = keras.Model(inputs, keras.layers.Dense(10)(keras.layers.GlobalAveragePooling2D()(x)))
    compile_for(model, Recipe("x", 4, 16), steps_per_epoch=10)
    graph = torch_graph.simplify(traced(model, torch.ones(16, 4, 4, 8), data()[1])).graph
    masks = [node for node in graph.nodes if "bernoulli" in str(node.target)]
    assert [mask.target for mask in masks] == 3 * [torch.ops.aten.bernoulli.p]
    assert [mask.args[1] for mask in masks] == [0.5, 0.75, 0.5]  # what is kept
    assert len({user for mask in masks for user in mask.users}) == 3


def test_a_loss_of_probabilities_is_simplified_as_one_of_logits_is():
    """The gradient of what is clipped combines two masks in place. Fine-tuned networks answer with probabilities."""
    import torch

    from dia_keras.training.steps import torch_graph

    inputs = keras.Input((4, 4, 8))
    x = keras.layers.Dense(10, activation="softmax")(keras.layers.GlobalAveragePooling2D()(inputs))
    model = keras.Model(inputs, keras.layers.Rescaling(1.0)(x))  # so that Keras does not find the logits
    model.compile("sgd", keras.losses.CategoricalCrossentropy())
    graph = torch_graph.simplify(traced(model, torch.ones(16, 4, 4, 8), data()[1])).graph
    targets = [node.target for node in graph.nodes]
    assert torch.ops.aten.logical_and.default in targets and torch.ops.aten.logical_and_.default not in targets


def test_a_step_that_the_compiler_refuses_is_taken_all_the_same(monkeypatch):
    import torch

    from dia_keras.training.steps import torch_graph, torch_step

    def refuse(*args, **options):
        raise torch._inductor.exc.InductorError(RuntimeError("no"), None)

    monkeypatch.setattr(torch._inductor, "compile", refuse)
    monkeypatch.setattr(torch_graph, "LARGE", 2**10)
    ours, keras_own = (network("basic, a module with a loss of its own") for _ in range(2))
    with pytest.warns(UserWarning, match="did not compile"):
        got = torch_step.TorchStep(ours)(data())
    assert float(got["loss"]) == pytest.approx(float(keras_own.train_step(data())["loss"]), rel=1e-5)
    for mine, theirs in zip(ours.variables, keras_own.variables, strict=True):
        want = keras.ops.convert_to_numpy(theirs)
        np.testing.assert_allclose(keras.ops.convert_to_numpy(mine), want, rtol=0, atol=1e-5, err_msg=theirs.path)


def test_a_network_that_cannot_be_traced_is_trained_all_the_same():
    """Keras asks for the value of a seed that is given to a dropout, which a graph does not have."""
    import torch

    from dia_keras.training.steps import torch_step

    inputs = keras.Input((4, 4, 8))
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.Dropout(0.5, seed=1)(inputs))
    model = keras.Model(inputs, keras.layers.Dense(10)(x))
    compile_for(model, Recipe("x", 4, 16), steps_per_epoch=10)
    step, given = torch_step.TorchStep(model), (torch.ones(16, 4, 4, 8), data()[1])
    before = model.get_weights()
    with pytest.warns(UserWarning, match="did not compile"):
        first = float(step(given)["loss"])
    assert 0 < float(step(given)["loss"]) != first
    assert not any(map(np.array_equal, before[:2], model.get_weights()[:2]))


def test_a_model_with_steps_of_its_own_keeps_them():
    from dia_keras.training.steps.torch_answers import compiled_answers
    from dia_keras.training.steps.torch_graph import LEAST_STEPS
    from dia_keras.training.steps.torch_step import compiled_step

    class Own(keras.Model):
        def train_step(self, data):
            return super().train_step(data)

        def predict_on_batch(self, x):
            return super().predict_on_batch(x)

    inputs = keras.Input((4, 4, 3))
    model = Own(inputs, keras.layers.Dense(10)(keras.layers.GlobalAveragePooling2D()(inputs)))
    model.compile("sgd", "mse")
    with compiled_step(model, LEAST_STEPS, LEAST_STEPS), compiled_answers([model], LEAST_STEPS):
        assert not {"train_step", "test_step", "predict_on_batch"} & set(vars(model))


def test_a_network_without_statistics_is_trained(monkeypatch):
    from dia_keras.training.steps import torch_step

    monkeypatch.setattr(torch_step, "compiled", lambda function, tensors: function)
    inputs = keras.Input((16, 16, 3))
    model = keras.Model(inputs, keras.layers.Dense(10)(keras.layers.GlobalAveragePooling2D()(inputs)))
    compile_for(model, Recipe("x", 4, 16), steps_per_epoch=10)
    before = model.get_weights()
    step = torch_step.TorchStep(model)
    for _ in range(2):  # the warm-up begins at a rate of zero
        step(data())
    assert not all(map(np.array_equal, before, model.get_weights()))


def test_a_library_that_a_killed_process_left_unfinished_is_compiled_again(monkeypatch, tmp_path):
    import torch

    from dia_keras.training.steps import torch_graph

    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))
    library = tmp_path / "ab" / "cab.main.so"
    library.parent.mkdir()
    library.touch()
    tries = []

    def compiles(graph, shapes, options):
        tries.append(library.exists())
        if tries[-1]:
            raise ImportError(f"{library}: file too short")
        return "a program"

    monkeypatch.setattr(torch._inductor, "compile", compiles)
    tensors = [torch.ones(2, 3)]
    assert torch_graph.compiled(lambda x: [x + 1], tensors) == "a program" and tries == [True, False]

    def fails(graph, shapes, options):
        raise ImportError("/usr/lib/libgomp.so: file too short")  # which is none of the cache's

    monkeypatch.setattr(torch._inductor, "compile", fails)
    with pytest.warns(UserWarning, match="did not compile a network"):
        torch_graph.compiled(lambda x: [x + 1], tensors)
