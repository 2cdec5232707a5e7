"""What the exporters raise of their own accord, and what they cite of the errors of others."""

import re


class ExportError(ValueError):
    """A model that cannot be exported as asked for. Nothing is written."""


class ExportMismatchError(ExportError):
    """An exported file that does not answer as the model does, or not at all. It has been removed."""


def first_sentence(error: Exception) -> str:
    """Returns what an error of Keras says first, which may go over several lines."""
    return " ".join(str(error).split()).partition(". ")[0]


def last_line(error: Exception) -> str:
    """Returns the line that says most where a model was traced or converted: the last before the arguments, if any."""
    text = re.sub(r"\x1b\[\d+m", "", str(error)).split("Arguments received by")[0].strip()
    return text.splitlines()[-1].strip() if text else "no message"
