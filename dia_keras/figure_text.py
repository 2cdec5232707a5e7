"""Names in the figures of matplotlib, which takes text between two dollar signs for a formula."""


def as_is(name: str) -> str:
    """Returns a name so that matplotlib shows it as it is."""
    return name.replace("$", r"\$")
