"""Checks of arguments that all floors share."""

import math
import numbers
import operator

#: The largest seed of Keras and scikit-learn, that of NumPy's older generator.
LARGEST_SEED = 2**32 - 1


def positive_integer(name: str, value) -> int:
    """Returns the argument `name` as a Python integer.

    Args:
        name: Name of the argument, for the error.
        value: Its value: an integer of Python or NumPy.

    Raises:
        ValueError: If it is not a positive integer.
    """
    if not is_integer(value, 1):
        raise ValueError(f"`{name}` must be a positive integer. Received: {name}={value!r}")
    return operator.index(value)


def odd_integer(name: str, value) -> int:
    """Returns the argument `name` as a Python integer.

    Args:
        name: Name of the argument, for the error.
        value: Its value: an integer of Python or NumPy.

    Raises:
        ValueError: If it is not a positive odd integer.
    """
    if not is_integer(value, 1) or operator.index(value) % 2 == 0:
        raise ValueError(f"`{name}` must be a positive odd integer. Received: {name}={value!r}")
    return operator.index(value)


def height_and_width(name: str, value) -> tuple[int, int]:
    """Returns the argument `name`, a height and a width, as Python integers.

    Args:
        name: Name of the argument, for the error.
        value: Its value: a tuple or a list of two integers of Python or NumPy.

    Raises:
        ValueError: If it is not two positive integers.
    """
    is_pair = isinstance(value, tuple | list) and len(value) == 2
    if not is_pair or not all(is_integer(side, 1) for side in value):
        raise ValueError(f"`{name}` must be (height, width), two positive integers. Received: {name}={value!r}")
    height, width = map(operator.index, value)
    return height, width


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


def is_number(value) -> bool:
    """Whether a value is a real number of any kind, and not a bool."""
    return isinstance(value, numbers.Real) and not isinstance(value, bool)


def is_integer(value, least: float = -math.inf, most: float = math.inf) -> bool:
    """Whether a value is an integer of any kind, and not a bool, within bounds."""
    if isinstance(value, bool):
        return False
    try:
        return least <= operator.index(value) <= most
    except TypeError:
        return False
