"""The plan of the house: a floor imports only the floors below it, and TensorFlow only where it must be."""

import ast
import pathlib
import re

import pytest

import dia_keras

PACKAGE = pathlib.Path(dia_keras.__file__).parent
# Lowest first; packages in one row do not import each other.
FLOORS = [
    {
        "version",
        "startup",
        "files",
        "figure_text",
        "messages",
        "arguments",
        "pixel_range",
        "progress",
        "child_process",
        "host",
        "timing",
    },
    {"units"},
    {"backbones", "data"},
    {"inference", "samples"},
    {"zoo"},
    {"analysis"},
    {"training", "interop"},
    {"detection"},
    {"export", "reproduction"},
    {"benchmark"},
    {"cli"},
    {"__main__"},
]
FLOOR = {name: number for number, row in enumerate(FLOORS) for name in row}
FILES = [path for path in sorted(PACKAGE.rglob("*.py")) if path.parent != PACKAGE or path.stem != "__init__"]


def imports(path):
    """Yields the absolute names of everything that a file imports, also within functions."""
    package = ("dia_keras", *path.relative_to(PACKAGE).parts[:-1])
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) + 1 - node.level] if node.level else ()
            module = ".".join([*base, *([node.module] if node.module else [])])
            yield module
            yield from (f"{module}.{alias.name}" for alias in node.names)


def floor_of(path):
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_file_imports_only_floors_below_its_own(path):
    own = floor_of(path)
    for name in imports(path):
        parts = name.split(".")
        if parts[0] == "dia_keras" and len(parts) > 1 and parts[1] in FLOOR and parts[1] != own:
            assert FLOOR[parts[1]] < FLOOR[own], f"{own} imports {name}"


def test_every_package_has_a_floor():
    assert {floor_of(path) for path in FILES} == set(FLOOR)


def test_the_readme_lists_the_packages_from_the_lowest_floor_up():
    readme = (PACKAGE.parent / "README.md").read_text()
    listed = readme.partition("The packages of `dia_keras`:")[2].partition("\n\n")[0]
    floors = [FLOOR[name] for name in re.findall(r"`(\w+)`", listed) if name in FLOOR]
    assert len(floors) > 10 and floors == sorted(floors)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_tensorflow_is_imported_only_for_tfds_exports_gradients_and_its_own_batch_norm(path):
    uses = [name for name in imports(path) if name.split(".")[0] in ("tensorflow", "tensorflow_datasets")]
    own = ("tfds_source.py", "fused_norm.py", "gradients.py")
    assert not uses or floor_of(path) in ("export", "benchmark") or path.name in own
