"""Texts of figures: names in them, and what their files say that they were written by."""

#: What the PNG files of options like `--picture` say, so that a command replaces no others.
SOFTWARE = "dia_keras"


def as_is(name: str) -> str:
    """Returns a name so that matplotlib shows it as it is: it takes text between two dollar signs for a formula."""
    return name.replace("$", r"\$")
