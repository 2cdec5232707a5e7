"""A function of tensors as one graph that Inductor compiles, on PyTorch and a CPU.

Keras calls its layers one by one: every elementwise operation reads and writes all features. Here a whole step is
traced once into one graph, and this module tells the compiler what it cannot see for itself:

- A clone that only changes the layout is dropped: Keras' convolutions make two of every feature map.
- Small vectors (a norm's scale, the attention of an image) are computed once, and not again for every pixel.
- Features of 16 bits whose largest or smallest value is taken are stored. The gradient looks for that value among them,
  and the compiler would compute them again without rounding them to 16 bits: it would find none, and 0 / 0.

The formulas are Keras': only the order of sums differs.
"""

import pathlib
import re
import shutil
import warnings
from collections.abc import Callable
from typing import Any

import keras

#: Trainings of fewer steps are over before the compiler is.
LEAST_STEPS = 400
#: Tensors of at least so many elements are features; others are computed before they meet features.
LARGE = 2**18


def is_worth_compiling(steps: int) -> bool:
    """Returns whether a training of so many steps gains by this module, and PyTorch can compile here."""
    return keras.backend.backend() == "torch" and steps >= LEAST_STEPS and _can_compile()


def is_keras_own(model: keras.Model, method: str) -> bool:
    """Returns whether a model has a method of `keras.Model` as it is."""
    return getattr(type(model), method) is getattr(keras.Model, method) and method not in vars(model)


def _can_compile() -> bool:
    if keras.ops.zeros(()).device.type != "cpu":
        return False
    if shutil.which("g++") is None and shutil.which("clang++") is None:
        warnings.warn(
            "PyTorch compiles training steps with a C++ compiler, and there is no g++ or clang++ on the path: "
            "training goes on without, more slowly.",
            stacklevel=4,
        )
        return False
    return True


def compiled(function: Callable, tensors: list[Any]) -> Callable:
    """Returns a function of tensors, traced for such tensors into one graph and compiled, or itself with a warning."""
    import torch
    from torch.fx.experimental.proxy_tensor import make_fx

    def compile():
        graph = simplify(make_fx(function, tracing_mode="fake", _allow_non_fake_inputs=True)(*tensors))
        # Inductor finds graphs that it has compiled before only by tensors that have shapes and no values.
        shapes = [node.meta["val"] for node in graph.graph.nodes if node.op == "placeholder"]
        with torch.no_grad():
            return torch._inductor.compile(graph, shapes, options={"layout_optimization": False})

    try:
        try:
            return compile()
        except (ImportError, OSError) as error:
            if not _remove_unfinished(str(error)):
                raise
            return compile()
    except Exception as error:  # a layer may do what no graph can hold, like asking for the value of a tensor
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
        warnings.warn(f"PyTorch did not compile a network ({reason}): the training is slower.", stacklevel=2)
        return function


def _remove_unfinished(message: str) -> bool:
    """Removes the library that an error names, which a process that was killed left unfinished in Inductor's cache."""
    from torch._inductor.runtime.cache_dir_utils import cache_dir

    libraries = [pathlib.Path(name) for name in re.findall(r"/[^\s:]+\.so", message)]
    unfinished = [path for path in libraries if path.is_relative_to(cache_dir()) and path.is_file()]
    for path in unfinished:
        path.unlink()
    return bool(unfinished)


def simplify(traced):
    """Returns a traced graph without needless copies, in which what is small or searched is computed once.

    Only Inductor may run it: it lays out views of what is not contiguous by itself.

    Args:
        traced: `torch.fx.GraphModule` of ATen operations whose nodes know their values' shapes.
    """
    import torch
    from torch._functorch.compile_utils import fx_graph_cse
    from torch._inductor.inductor_prims import force_stride_order

    aten = torch.ops.aten
    graph = traced.graph
    _write_in_new_places(graph)
    if any(map(_is_mutable, graph.nodes)):
        return traced  # values change: copies and equal nodes may matter
    for node in list(graph.nodes):
        if node.target is aten.clone.default and _is_kernel(node):
            node.kwargs = {"memory_format": torch.contiguous_format}
        elif node.target in (aten.detach.default, aten.lift_fresh_copy.default, aten.clone.default):
            node.replace_all_uses_with(node.args[0])
            graph.erase_node(node)
        elif node.target is aten.view.default:
            node.target = aten.reshape.default  # what it views may lie in another order without those copies
    graph.eliminate_dead_code()
    graph = fx_graph_cse(graph)
    for node in list(graph.nodes):
        if (_is_small(node) and _meets_features(node)) or _is_searched(node):
            value = node.meta["val"]
            # To take a tensor by its strides is the one view for which Inductor stores the tensor first, in any order.
            with graph.inserting_after(node):
                ordered = graph.call_function(force_stride_order, (node, list(value.stride())))
            with graph.inserting_after(ordered):
                stored = graph.call_function(
                    aten.as_strided.default, (ordered, list(value.shape), list(value.stride()))
                )
            node.replace_all_uses_with(stored, delete_user_cb=lambda user, new=ordered: user is not new)
    graph.lint()
    return torch.fx.GraphModule(traced, graph)


def _write_in_new_places(graph) -> None:
    """Replaces operations in place, where nobody sees their operand change, so that every node is one value."""
    for node in graph.nodes:
        if _is_mutable(node) and _is_of_one_use(node.args[0]):
            node.target, node.args = _in_a_new_place(node.target, node.args)


def _is_mutable(node) -> bool:
    """Returns whether a node changes a value in place."""
    return getattr(getattr(node.target, "_schema", None), "is_mutable", False)


def _is_of_one_use(node) -> bool:
    """Returns whether a node's value is computed for one other node alone, so that nobody sees it change."""
    return getattr(node, "op", None) == "call_function" and len(node.users) == 1 and not _is_view(node)


def _in_a_new_place(operation, arguments: tuple):
    """Returns the operation and its arguments that return what an operation in place writes, or itself without one."""
    import torch

    aten = torch.ops.aten
    if operation is aten.bernoulli_.float:
        return aten.bernoulli.p, (*arguments, 0.5)[:2]  # the default of the form in place
    namespace, name = operation._schema.name.split("::")
    twin = getattr(getattr(getattr(torch.ops, namespace), name.removesuffix("_"), None), operation._overloadname, None)
    return (operation if twin is None else twin), arguments


def _is_kernel(node) -> bool:
    """Returns whether a node is an input of four axes other than the images, cast and transposed."""
    import torch

    aten = torch.ops.aten
    while node.target in (aten.clone.default, aten._to_copy.default, aten.permute.default):
        node = node.args[0]
    # The images and the targets are the last two inputs.
    return node.op == "placeholder" and node.next.next.op == "placeholder"


def _is_small(node) -> bool:
    """Returns whether a node computes a vector or a matrix that is smaller than features are."""
    import torch

    aten = torch.ops.aten
    if not isinstance(node.target, torch._ops.OpOverload) or not isinstance(node.meta.get("val"), torch.Tensor):
        return False
    value = node.meta["val"]
    return (
        not _is_view(node)
        and node.target not in (aten.mm.default, aten.addmm.default)  # stored anyway
        and value.ndim <= 2
        and 1 < value.numel() < LARGE
        and value.is_contiguous()
    )


def _meets_features(node) -> bool:
    """Returns whether a node's value, or a view of it, is an operand of an operation on features."""
    for user in node.users:
        value = user.meta.get("val")
        if getattr(value, "numel", int)() >= LARGE or (_is_view(user) and _meets_features(user)):
            return True
    return False


def _is_searched(node) -> bool:
    """Returns whether a node computes values of 16 bits of which the largest or the smallest is taken."""
    import torch

    value = node.meta.get("val")
    if node.op != "call_function" or getattr(value, "dtype", None) not in (torch.bfloat16, torch.float16):
        return False
    return any(getattr(user.target, "overloadpacket", None) in _searches() for user in node.users)


def _searches() -> tuple[Any, ...]:
    import torch

    aten = torch.ops.aten
    return aten.amax, aten.amin, aten.max, aten.min, aten.argmax, aten.argmin, aten.eq


def _is_view(node) -> bool:
    import torch

    return getattr(node.target, "is_view", False) or node.target is torch.ops.aten._unsafe_view.default
