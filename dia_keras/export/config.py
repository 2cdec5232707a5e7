"""Looking into the nested configuration of a model."""

from collections.abc import Iterator
from typing import Any


def entries(config: Any, key: str) -> Iterator[dict[str, Any]]:
    """Yields every dictionary in `config`, however deep, that has `key`."""
    if isinstance(config, dict):
        if key in config:
            yield config
        config = list(config.values())
    if isinstance(config, (list, tuple)):
        for value in config:
            yield from entries(value, key)
