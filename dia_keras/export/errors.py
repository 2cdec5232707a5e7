"""The errors of the exporters."""


class ExportError(ValueError):
    """A model that cannot be exported as asked. Nothing is written."""


class ExportMismatchError(ExportError):
    """An exported file that does not answer as the model does, or not at all. It has been removed."""
