"""Parts of error messages: suggestions, and quotations of other libraries' errors."""

import difflib
import re
from collections.abc import Iterable


def did_you_mean(name: object, names: Iterable[str], most: int = 3) -> str:
    """Returns a sentence, after a space, with the names that come close to one that is not known; `""` for none."""
    by_lower = {known.lower(): known for known in names}
    near = [by_lower[match] for match in difflib.get_close_matches(str(name).lower(), list(by_lower), most)]
    return f" Did you mean {' or '.join(map(repr, near))}?" if near else ""


def first_sentence(error: Exception) -> str:
    """Returns the first sentence of an error of Keras, which may go over several lines."""
    return " ".join(str(error).split()).partition(". ")[0]


def last_line(error: Exception) -> str:
    """Returns the most telling line of an error of tracing or conversion: the last one before the arguments, if any."""
    text = re.sub(r"\x1b\[\d+m", "", str(error)).split("Arguments received by")[0].strip()
    return text.splitlines()[-1].strip() if text else "no message"
