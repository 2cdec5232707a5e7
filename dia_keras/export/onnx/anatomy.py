"""Contents of an ONNX file."""

from collections import Counter
from pathlib import Path
from typing import Any

import onnx


def anatomy_of(path: Path) -> dict[str, Any]:
    """Returns the number of ops by type."""
    return {"ops": dict(Counter(node.op_type for node in onnx.load(path).graph.node).most_common())}
