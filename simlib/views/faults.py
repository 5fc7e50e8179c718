"""Crashes and pauses, marked alike on every picture with a time axis."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from simlib.trace import Trace
from simlib.views import style
from simlib.views.reading import Outage, listing, outages, run_end

WORDS = {"crashed": "crashed", "power_lost": "lost power", "shutdown": "was shut down",
         "exception": "ended by an exception", "paused": "stood still", "link_cut": "was cut off from",
         "link_slow": "had a slow link to"}
LOST = {"request_lost": "request", "reply_lost": "reply"}
MOST_NAMED = 6
CLOSE = 0.09
"""Labels nearer than this part of the width share one text."""


def mark_outages(axes: Any, trace: Trace) -> None:
    """A vermillion line where a process went down, a faint area until it was back, its name above."""
    found = outages(trace)
    for one in found:
        axes.axvline(one.start, color=style.CRASH, linewidth=1.1, zorder=3)
        if one.returned:
            axes.axvline(one.end, color=style.CRASH, linewidth=0.9, linestyle=(0, (1, 2)), zorder=3)
        axes.axvspan(one.start, one.end, color=style.CRASH, alpha=0.07, linewidth=0, zorder=0.5)
    for start, text in _labels(found, run_end(trace)):
        axes.text(start, 1.02, text, transform=axes.get_xaxis_transform(), color=style.CRASH,
                  size=style.SMALL_SIZE, ha="right" if start > 0.85 * run_end(trace) else "left", va="bottom")


def _labels(found: list[Outage], until: float) -> list[tuple[float, str]]:
    """One label for outages close together; none at all beyond a readable number."""
    clusters: list[list[Outage]] = []
    for one in found:
        if clusters and one.start - clusters[-1][0].start < CLOSE * until:
            clusters[-1].append(one)
        else:
            clusters.append([one])
    if len(clusters) > MOST_NAMED:
        return [(clusters[0][0].start, f"\u2715 {len(found)} faults")]
    return [(cluster[0].start, f"{_sign(cluster)} {_names(cluster)}") for cluster in clusters]


def _sign(cluster: list[Outage]) -> str:
    """A cross for what broke, two bars for what only stood still."""
    return "\u2016" if all(one.kind == "paused" for one in cluster) else "\u2715"


def _names(cluster: list[Outage]) -> str:
    names = list(dict.fromkeys(one.label for one in cluster))
    return ", ".join(names) if len(names) <= 3 else f"{names[0]} and {len(names) - 1} more"


def told(trace: Trace) -> str:
    """Who went down and when, and what was lost on its way; empty if nothing was."""
    found = outages(trace)
    if len(found) > 3:
        first = f"{len(found)} faults, the first: {_sentence(found[0])}."
    else:
        first = f"{listing(_sentence(one) for one in found)}." if found else ""
    return " ".join(part for part in (first, *_lost_on_the_way(trace)) if part)


def _sentence(one: Outage) -> str:
    until = f" until {one.end:.4g} s" if one.other else f" (back at {one.end:.4g} s)"
    other = f" {one.other}" if one.other else ""
    return f"{one.process} {WORDS[one.kind]}{other} at {one.start:.4g} s{until if one.returned else ''}"


def _lost_on_the_way(trace: Trace) -> Iterator[str]:
    """One sentence each for lost requests and lost replies."""
    kinds, details = trace.data.column("events", "kind"), trace.data.column("events", "detail")
    times = trace.data.column("events", "time")
    for kind, word in LOST.items():
        rows = np.flatnonzero(kinds == kind)
        if len(rows):
            what = f"the {word} of {details[rows[0]]} was lost at {times[rows[0]] / 1e9:.4g} s"
            yield f"{what[0].upper()}{what[1:]}." if len(rows) == 1 else f"{len(rows)} {word}s were lost; first {what}."
