"""The scale of a reproduction: the paper's own, or what a machine and an evening allow."""

import dataclasses
import inspect
import json
from collections.abc import Mapping, Set
from typing import Any

from ..arguments import positive_integer
from ..backbones.network import build_network
from ..zoo.architectures import BACKBONES
from . import networks
from .table import SEEDS, Row, Table


@dataclasses.dataclass(frozen=True)
class Scale:
    """What is not as in the paper; by default nothing.

    Attributes:
        seeds: Number of trainings of every row, of the seeds 0, 1, ...
        epochs: Epochs of a training; milestones move alike. Default: the paper's.
        networks: Other networks in place of those of the paper, e.g. `{"ResNet164": "ResNet20"}`; their recipe stays.
        image_size: Height and width that images are resized to. Default: the data set's.
        recipe: Fields of `Recipe` that are other than in the paper; for detectors, of `DetectorSettings`, or `images`.
        is_smoke: Whether every training takes two steps only, on eight images, to see that it runs.

    Raises:
        ValueError: On an argument out of range.
    """

    seeds: int = SEEDS
    epochs: int | None = None
    networks: Mapping[str, str] = dataclasses.field(default_factory=dict)
    image_size: int | None = None
    recipe: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    is_smoke: bool = False

    def __post_init__(self):
        for name in ("seeds", "epochs", "image_size"):
            if getattr(self, name) is not None:
                positive_integer(name, getattr(self, name))
        for name in self.networks.values():
            networks.backbone(name)

    def check(self, table: Table) -> None:
        """Raises a `ValueError` where it replaces networks that a table does not have, or makes rows or groups one."""
        own = {row.network for row in table.rows}
        if strange := set(self.networks) - own:
            raise ValueError(
                f"`network` must replace networks of {table.label}: {', '.join(sorted(own))}. "
                f"Received: {', '.join(sorted(strange))}"
            )
        replaced = [self.networks.get(name, name) for name in own]
        if len(set(replaced)) != len(replaced):
            raise ValueError(
                f"`network` must leave the networks of {table.label} different. Received: "
                f"{', '.join(f'{old}={new}' for old, new in self.networks.items())}"
            )
        for row in table.rows:
            self._check_row(row)
        single = [name for name in replaced if networks.blocks(name) < 2]
        if single and not self.is_smoke and table.is_trained:
            raise ValueError(
                "`network` must be networks of two blocks a stage or more, since a single block shares its unit with "
                f"no other: rows with and without DIA would be the same. Received: {', '.join(sorted(single))}"
            )

    def _check_row(self, row: Row) -> None:
        """Raises a `ValueError` where the network in a row's place does not have what the row changes."""
        name = self.networks.get(row.network, row.network)
        if "attention_stages" in row.changes and networks.stages(name) != networks.stages(row.network):
            raise ValueError(
                f"`network` must have {networks.stages(row.network)} stages, since {row.name!r} has attention in some. "
                f"Received: {row.network}={name}, with {networks.stages(name)}"
            )
        function = networks.backbone(name).function
        known = {
            key for builder in (BACKBONES[function], build_network) for key in inspect.signature(builder).parameters
        }
        if unknown := set(row.changes) - known:
            raise ValueError(
                f"`network` must take what {row.name!r} changes, {', '.join(sorted(unknown))}. "
                f"Received: {row.network}={name}, a {function} without it"
            )

    def check_changes(self, fields: Set[str], what: str) -> None:
        """Raises a `ValueError` where it changes fields that a training does not have, or that are not to be changed.

        Args:
            fields: Names of the fields.
            what: What has them, for people.
        """
        if unknown := sorted(set(self.recipe) - fields):
            raise ValueError(
                f"`changes` must be fields of {what}, {', '.join(sorted(fields))}. Received: {', '.join(unknown)}"
            )

    def record(self) -> dict[str, Any]:
        """Returns what two trainings of one table must have in common, as JSON has it. More seeds may be added."""
        fields = dataclasses.asdict(self)
        del fields["seeds"]
        return json.loads(json.dumps(fields))

    def __str__(self) -> str:
        changes = [f"{old} is {new}" for old, new in self.networks.items()]
        changes += [f"{self.epochs} epochs"] if self.epochs else []
        changes += [f"images of {self.image_size} pixels"] if self.image_size else []
        changes += [f"{name} {value}" for name, value in self.recipe.items()]
        changes += ["two steps only"] if self.is_smoke else []
        return "; ".join(changes) or "the paper's"
