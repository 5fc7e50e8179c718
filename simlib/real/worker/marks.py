"""What a worker writes down: one line of JSON a mark, in one write each, so that a kill cuts none in half.

A line is [time, kind, ...]; the time is the machine's monotonic clock in nanoseconds, which all processes share.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from simlib.trace.storage import from_json, to_json

SURROGATES = "surrogatepass"
"""A text may hold half of a character, as the name of a file does that is no UTF-8; a mark must hold it too."""


class Marks:
    """The file of one life of one process."""

    def __init__(self, file: Path) -> None:
        self._file = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)

    def write(self, kind: str, *details: Any) -> None:
        """Now. Bytes and tuples keep their type."""
        line = to_json([time.monotonic_ns(), kind, *details]) + "\n"
        os.write(self._file, line.encode("utf-8", SURROGATES))


def read_marks(file: Path) -> list[list[Any]]:
    """All complete lines of a file; none if there is no file."""
    if not file.exists():
        return []
    return marks_in(file.read_bytes())


def marks_in(data: bytes) -> list[list[Any]]:
    """All complete lines. Nothing but a line feed ends one: JSON leaves what else may end lines as it is."""
    return [from_json(line.decode("utf-8", SURROGATES)) for line in data.split(b"\n")[:-1]]


def earlier_lives(folder: Path, name: str, life: int) -> list[list[Any]]:
    """What the same process has written before it was started again."""
    return [mark for earlier in range(life) for mark in read_marks(folder / f"{name}.{earlier}.marks")]

