"""A recipe from the Python file that defines it, and a short form of it that shows that it runs."""

import dataclasses
import importlib.util
import os
import pathlib
import traceback

from ..messages import did_you_mean
from .recipe import Recipe


def load_recipe(path: str | os.PathLike, /, **changes) -> Recipe:
    """Returns the `RECIPE` that a Python file defines, with other values where given.

    Args:
        path: Path of the file.
        **changes: Values of fields of `Recipe`, in place of the file's.

    Raises:
        ValueError: Where the file defines none, a change names no field of `Recipe`, or no epoch reaches a
            milestone.
        FileNotFoundError: Where there is no such file.
    """
    path = pathlib.Path(path)
    if not path.is_file():
        fault = "is not a file" if path.exists() else "does not exist"
        raise FileNotFoundError(f"`path` must be a recipe file. Received: path={str(path)!r}, which {fault}")
    spec = importlib.util.spec_from_file_location("recipe", path)
    if spec is None or spec.loader is None:
        raise ValueError(f"`path` must be a Python file that defines RECIPE. Received: path={str(path)!r}")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise ValueError(
            f"`path` must be a Python file that defines RECIPE. Received: path={str(path)!r}, "
            f"which fails{_line_of(error, path)}: {type(error).__name__}: {error}"
        ) from error
    recipe = getattr(module, "RECIPE", None)
    if not isinstance(recipe, Recipe):
        raise ValueError(f"`path` must be a Python file that defines RECIPE, a Recipe. Received: path={str(path)!r}")
    fields = [field.name for field in dataclasses.fields(Recipe)]
    unknown = sorted(changes.keys() - {*fields})
    if unknown:
        raise ValueError(
            f"Unknown fields of a recipe: {', '.join(unknown)}.{did_you_mean(unknown[0], fields, 1)} It has: "
            f"{', '.join(fields)}"
        )
    changed = recipe.replace(**changes)
    if changed.schedule == "steps" and changed.milestones[-1] >= changed.epochs:
        raise ValueError(
            f"`milestones` must be epochs before the end, of {changed.epochs} epochs. "
            f"Received: milestones={changed.milestones!r}, epochs={changed.epochs}"
        )
    return changed


def _line_of(error: Exception, path: pathlib.Path) -> str:
    """Returns where in a file an error arose, nothing where the error itself says so, as a SyntaxError does."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
    return f" in line {lines[-1]}" if lines else ""


def smoke(recipe: Recipe) -> Recipe:
    """Returns a recipe of two epochs, or one a phase, of one step each, which shows that the real one runs."""
    phases = tuple(dataclasses.replace(phase, epochs=1) for phase in recipe.phases)
    return recipe.replace(
        epochs=len(phases) or 2,
        phases=phases,
        batch_size=8,
        milestones=(1,) if recipe.milestones else (),
        held_out=0,
        images=8,
    )
