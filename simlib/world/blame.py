"""Which line of the user's code was it?"""

from __future__ import annotations

import sysconfig
from collections.abc import Iterable
from pathlib import Path
from traceback import FrameSummary, StackSummary, TracebackException, extract_tb

MISTAKES = (AssertionError, AttributeError, IndexError, NameError, NotImplementedError, RecursionError)
OURS = str(Path(__file__).parents[1])
PYTHONS = sysconfig.get_paths()["stdlib"]


def innermost(stack: Iterable[FrameSummary]) -> str:
    """The innermost line that is neither ours nor Python's own, as "charge, line 12"; "" if there is none."""
    theirs = [frame for frame in stack if is_theirs(frame.filename)]
    return f"{theirs[-1].name}, line {theirs[-1].lineno}" if theirs else ""


def is_ours(error: BaseException) -> bool:
    """Is it a mistake in our own code? What we raise on purpose is of other types."""
    while error.__cause__ is not None:
        error = error.__cause__
    frames = extract_tb(error.__traceback__)
    return isinstance(error, MISTAKES) and bool(frames) and _is_under(frames[-1].filename, OURS)


def told(error: BaseException) -> str:
    """The error and the user's own line it came from, in one text."""
    line = innermost(extract_tb(error.__traceback__))
    return f"{type(error).__name__}: {error}" + (f" (in {line})" if line else "")


def in_full(error: BaseException) -> str:
    """The error's traceback as Python prints it, without our lines."""
    found = TracebackException.from_exception(error)
    found.stack = StackSummary.from_list([frame for frame in found.stack if not _is_under(frame.filename, OURS)])
    return "".join(found.format())


def is_theirs(file: str) -> bool:
    """Is this file neither ours nor Python's own?"""
    return not _is_under(file, OURS) and not _is_python_s(file)


def _is_python_s(file: str) -> bool:
    return file.startswith("<frozen") or _is_under(file, PYTHONS) and "site-packages" not in file


def _is_under(file: str, folder: str) -> bool:
    return Path(folder) in Path(file).parents
