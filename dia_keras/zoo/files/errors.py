"""The error of files that are not the network's."""


class Unfit(ValueError):
    """A file that is damaged or does not fit. The message goes on where "`weights`" begins."""
