"""Contents of a TFLite file."""

from collections import Counter
from pathlib import Path
from typing import Any

from ai_edge_litert.interpreter import Interpreter

from .delegate import PART


def anatomy_of(path: Path) -> dict[str, Any]:
    """Returns the number of ops by type, and into how many parts LiteRT's CPU delegate, XNNPACK, puts them."""
    interpreter = Interpreter(str(path))
    interpreter.allocate_tensors()
    ops = Counter(op["op_name"] for op in interpreter._get_ops_details())
    return {"partitions": ops.pop(PART, 0), "ops": dict(ops.most_common())}
