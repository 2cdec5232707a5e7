"""Checks of arguments that all floors share."""

import operator


def positive_integer(name: str, value) -> int:
    """Returns the argument `name` as a Python integer.

    Args:
        name: Name of the argument, for the error.
        value: Its value: an integer of Python or NumPy.

    Raises:
        ValueError: If it is no integer or not positive.
    """
    if (number := _integer(value)) < 1:
        raise ValueError(f"`{name}` must be a positive integer. Received: {name}={value!r}")
    return number


def odd_integer(name: str, value) -> int:
    """Returns the argument `name` as a Python integer.

    Args:
        name: Name of the argument, for the error.
        value: Its value: an integer of Python or NumPy.

    Raises:
        ValueError: If it is no integer, not positive, or even.
    """
    number = _integer(value)
    if number < 1 or number % 2 == 0:
        raise ValueError(f"`{name}` must be a positive odd integer. Received: {name}={value!r}")
    return number


def boolean(name: str, value) -> bool:
    """Returns the argument `name`.

    Args:
        name: Name of the argument, for the error.
        value: Its value.

    Raises:
        ValueError: If it is neither `True` nor `False`.
    """
    if not isinstance(value, bool):
        raise ValueError(f"`{name}` must be a bool. Received: {name}={value!r}")
    return value


def _integer(value) -> int:
    """Returns an integer of any kind as Python's, and 0 for anything else."""
    if isinstance(value, bool):
        return 0
    try:
        return operator.index(value)
    except TypeError:
        return 0
