"""The package's folders are small, its modules have no cycles, and no function has the name of its module."""

import ast
from graphlib import TopologicalSorter

import pytest
from test_import_order import FILES, PACKAGE, imports


def name_of(path):
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {name_of(path): path for path in FILES}


def modules_imported(path):
    """Returns the modules of the library that a file imports: `from .. import x` counts for the module `x` alone."""
    names = {name for name in imports(path) if name in MODULES}
    return {name for name in names if not any(other.startswith(f"{name}.") for other in names)}


def test_no_module_imports_itself_through_others():
    graph = {name: modules_imported(path) for name, path in MODULES.items()}
    assert len(graph) > 100
    TopologicalSorter(graph).prepare()  # raises on a cycle


@pytest.mark.parametrize("folder", sorted({path.parent for path in FILES} - {PACKAGE}), ids=lambda path: path.name)
def test_a_folder_has_at_most_twelve_files(folder):
    assert len(list(folder.glob("*.py"))) <= 12 + 1  # `__init__.py`


def test_no_function_has_the_name_of_its_module():
    for path in FILES:
        defined = {node.name for node in ast.parse(path.read_text()).body if isinstance(node, ast.FunctionDef)}
        assert path.stem not in defined, path
