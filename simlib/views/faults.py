"""Crashes and pauses, marked alike on every picture with a time axis."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from simlib.trace import Trace
from simlib.views import style
from simlib.views.reading import ENDED, Outage, listing, outages, run_end
from simlib.views.sheet import LEFT, RIGHT

WORDS = {"crashed": "crashed", "power_lost": "lost power", "shutdown": "was shut down",
         "exception": "ended by an exception", "paused": "stood still", "link_cut": "was cut off from",
         "link_slow": "had a slow link to", ENDED: "ended"}
LOST = {"request_lost": ("request", "requests"), "reply_lost": ("reply", "replies")}
MOST_NAMED = 6
MARGIN = 0.85
"""From this part of the width on a label ends at its line instead of starting there."""


def mark_outages(axes: Any, trace: Trace) -> None:
    """A vermillion line where a process went down, a faint area until it was back, its name above.

    A service whose code came to its end is no fault: a grey line.
    """
    faults, ends = _parted(trace)
    for one in ends:
        axes.axvline(one.start, color=style.SOFT, linewidth=1.1, linestyle=(0, (4, 2)), zorder=3)
    for one in faults:
        axes.axvline(one.start, color=style.CRASH, linewidth=1.1, zorder=3)
        if one.returned:
            axes.axvline(one.end, color=style.CRASH, linewidth=0.9, linestyle=(0, (1, 2)), zorder=3)
        axes.axvspan(one.start, one.end, color=style.CRASH, alpha=0.07, linewidth=0, zorder=0.5)
    labels = _labels(sorted([*faults, *ends], key=lambda one: one.start), run_end(trace))
    for start, text, colour in labels:
        axes.annotate(text, (start, 1), (0, 3), xycoords=axes.get_xaxis_transform(), textcoords="offset points",
                      color=colour, size=style.SMALL_SIZE, va="bottom", annotation_clip=False,
                      ha="right" if start > MARGIN * run_end(trace) else "left")


def _parted(trace: Trace) -> tuple[list[Outage], list[Outage]]:
    """What broke or stood still, and what came to its end."""
    found = outages(trace)
    return [one for one in found if one.kind != ENDED], [one for one in found if one.kind == ENDED]


def _labels(found: list[Outage], until: float) -> list[tuple[float, str, str]]:
    """One label for outages whose labels would meet, with its colour; one for all beyond a readable number."""
    clusters: list[list[Outage]] = []
    for one in found:
        clusters.append([one])
        while len(clusters) > 1 and _extent(clusters[-2], until)[1] > _extent(clusters[-1], until)[0]:
            last = clusters.pop()
            clusters[-1] += last
    if len(clusters) > MOST_NAMED:
        return [_together(found)]
    return [(cluster[0].start, _label(cluster), _colour(cluster)) for cluster in clusters]


def _extent(cluster: list[Outage], until: float) -> tuple[float, float]:
    """Where a label starts and ends, as parts of the width."""
    start = cluster[0].start / until
    wide = (len(_label(cluster)) + 1) * style.NAME_LETTER_INCHES / (style.WIDTH - LEFT - RIGHT)
    return (start - wide, start) if start > MARGIN else (start, start + wide)


def _together(found: list[Outage]) -> tuple[float, str, str]:
    faults = [one for one in found if one.kind != ENDED]
    if faults:
        return faults[0].start, f"\u2715 {len(faults)} faults", style.CRASH
    return found[0].start, f"{len(found)} ended", style.SOFT


def _label(cluster: list[Outage]) -> str:
    """A cross for what broke, two bars for what only stood still, a word for what came to its end."""
    faults, ends = ([one for one in cluster if (one.kind == ENDED) is ended] for ended in (False, True))
    sign = "\u2016" if all(one.kind == "paused" for one in faults) else "\u2715"
    parts = [f"{sign} {_names(faults)}"] if faults else []
    return ", ".join([*parts, f"{_names(ends)} ended"] if ends else parts)


def _colour(cluster: list[Outage]) -> str:
    return style.SOFT if all(one.kind == ENDED for one in cluster) else style.CRASH


def _names(cluster: list[Outage]) -> str:
    names = list(dict.fromkeys(one.label for one in cluster))
    return ", ".join(names) if len(names) <= 3 else f"{names[0]} and {len(names) - 1} more"


def told(trace: Trace) -> str:
    """Who went down and when, and what was lost on its way; empty if nothing was."""
    faults, ends = _parted(trace)
    parts = (_sentences(faults, f"{len(faults)} faults"), _sentences(ends, f"{len(ends)} processes ended"))
    return " ".join(part for part in (*parts, *_lost_on_the_way(trace)) if part)


def _sentences(found: list[Outage], many: str) -> str:
    if len(found) > 3:
        return f"{many}, the first: {_sentence(found[0])}."
    return f"{listing(_sentence(one) for one in found)}." if found else ""


def _sentence(one: Outage) -> str:
    until = f" until {one.end:.4g} s" if one.other else f" (back at {one.end:.4g} s)"
    other = f" {one.other}" if one.other else ""
    return f"{one.process} {WORDS[one.kind]}{other} at {one.start:.4g} s{until if one.returned else ''}"


def _lost_on_the_way(trace: Trace) -> Iterator[str]:
    """One sentence each for lost requests and lost replies."""
    kinds, details = trace.data.column("events", "kind"), trace.data.column("events", "detail")
    times = trace.data.column("events", "time")
    for kind, (word, several) in LOST.items():
        rows = np.flatnonzero(kinds == kind)
        if len(rows):
            what = f"the {word} of {details[rows[0]]} was lost at {times[rows[0]] / 1e9:.4g} s"
            alone = len(rows) == 1
            yield f"{what[0].upper()}{what[1:]}." if alone else f"{len(rows)} {several} were lost; first {what}."
