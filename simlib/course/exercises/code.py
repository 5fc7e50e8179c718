"""Answers are put together from lines, indented as the function wants them that they stand in."""

from textwrap import indent


def body(*lines: str) -> str:
    """Lines of a function's body."""
    return indented("\n".join(lines), 1) + "\n"


def indented(text: str, levels: int) -> str:
    """Code as it stands so many levels deep; without empty lines around it."""
    return indent(text.strip("\n"), "    " * levels)
