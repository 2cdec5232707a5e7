"""Checks that the modules share."""


def check_positive(**arguments: int) -> None:
    """Raises a `ValueError` where an argument is not a positive integer."""
    for name, value in arguments.items():
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise ValueError(f"`{name}` must be a positive integer. Received: {name}={value!r}")


def check_odd(**arguments: int) -> None:
    """Raises a `ValueError` where an argument is not a positive odd integer."""
    for name, value in arguments.items():
        if not isinstance(value, int) or isinstance(value, bool) or value < 1 or value % 2 == 0:
            raise ValueError(f"`{name}` must be a positive odd integer. Received: {name}={value!r}")
