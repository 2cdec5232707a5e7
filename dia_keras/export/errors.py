"""What the exporters raise of their own accord."""


class ExportError(ValueError):
    """A model that cannot be exported as asked for. Nothing is written."""


class ExportMismatchError(ExportError):
    """An exported file that does not answer as the model does, or not at all. It has been removed."""


def first_sentence(error: Exception) -> str:
    """Returns what an error of Keras says first, which may go over several lines."""
    return " ".join(str(error).split()).partition(". ")[0]
