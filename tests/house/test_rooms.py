"""The rooms of exports and of the rewrite for inference: small, without cycles, and named so that nothing collides."""

import ast
from graphlib import TopologicalSorter

import pytest
from test_floors import FILES, PACKAGE, imports

ROOMS = ("inference", "export", "export/saved_model", "export/tflite", "export/onnx")


def name_of(path):
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {name_of(path): path for path in FILES}


def modules_imported(path):
    """Returns the modules of the library that a file imports: `from .. import x` counts for the module `x` alone."""
    names = {name for name in imports(path) if name in MODULES}
    return {name for name in names if not any(other.startswith(f"{name}.") for other in names)}


def test_no_module_imports_itself_through_others():
    rooms = [name for name in MODULES if name.split(".")[1] in ("inference", "export")]
    graph = {name: modules_imported(MODULES[name]) for name in rooms}
    assert len(graph) > 30
    TopologicalSorter(graph).prepare()  # raises on a cycle


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_has_at_most_twelve_files(room):
    assert len(list((PACKAGE / room).glob("*.py"))) <= 12 + 1  # `__init__.py`


@pytest.mark.parametrize("path", [MODULES[name] for name in MODULES if name.split(".")[1] in ("inference", "export")])
def test_no_function_has_the_name_of_its_module(path):
    defined = {node.name for node in ast.parse(path.read_text()).body if isinstance(node, ast.FunctionDef)}
    assert path.stem not in defined
