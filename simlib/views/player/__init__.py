"""The player: a trace as a film of the cluster, in the browser."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from simlib.trace import Trace
from simlib.views.player.checking import NotPlayable
from simlib.views.player.difference import Difference, first_difference
from simlib.views.player.recording import Recording

__all__ = ["NotPlayable", "export", "play"]


def play(trace: Trace, after: Trace | None = None, *, start: float = 0.0, expected: Mapping[str, int] | None = None,
         titles: tuple[str, str] = ("before", "after")) -> Any:
    """A film of one run, or of two in step with the first moment at which they differ marked.

    `start` is where it stands at first (s); `expected` says how often an effect should be done: {"charge": 120}.
    NotPlayable (a ValueError) for what cannot be played.
    """
    from simlib.views.player.widget import Player

    return Player(*_prepared(trace, after, start, expected, titles))


def export(trace: Trace, path: str | Path, after: Trace | None = None, *, start: float = 0.0,
           expected: Mapping[str, int] | None = None, titles: tuple[str, str] = ("before", "after")) -> None:
    """The same as one HTML file that plays offline. ValueError for another kind of file, or a trace too long."""
    from simlib.views.player.offline import write

    write(*_prepared(trace, after, start, expected, titles), path)


def _prepared(trace: Trace, after: Trace | None, start: float, expected: Mapping[str, int] | None,
              titles: tuple[str, str]) -> tuple[list[Recording], Difference | None, float]:
    if after is None:
        recordings = [Recording(trace, expected=expected)]
    else:
        recordings = [Recording(one, title, expected) for one, title in zip((trace, after), titles, strict=True)]
    last = max(one.trace.ended_at for one in recordings)
    if not 0 <= start <= last:
        raise NotPlayable(f"start={start:g}: this run goes from 0 to {last:g} s; give a time in between")
    difference = first_difference(*(one.tape for one in recordings)) if after is not None else None
    return recordings, difference, float(start)
