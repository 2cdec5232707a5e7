"""Quotations of other libraries' errors in our own."""

import re


def first_sentence(error: Exception) -> str:
    """Returns the first sentence of an error of Keras, which may go over several lines."""
    return " ".join(str(error).split()).partition(". ")[0]


def last_line(error: Exception) -> str:
    """Returns the most telling line of an error of tracing or conversion: the last one before the arguments, if any."""
    text = re.sub(r"\x1b\[\d+m", "", str(error)).split("Arguments received by")[0].strip()
    return text.splitlines()[-1].strip() if text else "no message"
