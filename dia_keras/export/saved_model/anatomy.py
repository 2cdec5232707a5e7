"""Contents of a SavedModel."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tensorflow.core.protobuf import saved_model_pb2

#: Ops that compute nothing.
IDLE = ("Const", "Identity", "NoOp", "ReadVariableOp")


def anatomy_of(path: Path) -> dict[str, Any]:
    """Returns the number of ops by type that the default signature runs."""
    graph = saved_model_pb2.SavedModel.FromString((path / "saved_model.pb").read_bytes()).meta_graphs[0]
    functions = {function.signature.name: function for function in graph.graph_def.library.function}

    def ops(nodes) -> Iterator[str]:
        for node in nodes:
            if node.attr["f"].func.name in functions:
                yield from ops(functions[node.attr["f"].func.name].node_def)
            elif node.op not in IDLE:
                yield node.op

    # All outputs are of one call.
    answer = next(iter(graph.signature_def["serving_default"].outputs.values())).name.split(":")[0]
    called = [node for node in graph.graph_def.node if node.name == answer]
    return {"ops": dict(Counter(ops(called)).most_common())}
