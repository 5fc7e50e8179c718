"""A sequence (space-time) diagram: one lifeline a process, time running down, one arrow a message on its way."""

from __future__ import annotations

from textwrap import shorten

import numpy as np

from simlib.trace import Trace
from simlib.trace.effects import effect_occurrence
from simlib.trace.events import effect_messages
from simlib.units import NEVER
from simlib.views.faults import told
from simlib.views.picture import Picture
from simlib.views.player.cast import Cast
from simlib.views.reading import ENDED, listing, outages, plural
from simlib.views.sheet import sheet
from simlib.views.space_time import draw
from simlib.views.steps import Step, message_name, steps_of

FEW = 5
"""How many records are shown when nobody asks for a window: the interesting one and its neighbours."""


def sequence(trace: Trace, window: tuple[float, float] | None = None, records: int = 12) -> Picture:
    """Send, append, ack, hand-over, effect, commit and crash of at most `records` records.

    Without a window (start, end in s) the first repeated or lost record and its neighbours are shown.
    ValueError for a window that is none.
    """
    span = _checked(window, trace)
    chosen, left_out = _chosen(trace, window, records)
    steps = steps_of(trace, chosen, span)
    with sheet("sequence") as page:
        draw(page, steps, Cast(trace).places(), shorten(trace.data.meta.get("broken", ""), 110, placeholder=" \u2026"))
        return Picture(page.png(), _description(trace, chosen, steps, left_out))


def _checked(window: tuple[float, float] | None, trace: Trace) -> tuple[float, float]:
    if window is None:
        return -np.inf, np.inf
    start, end = window
    if not start < end:
        raise ValueError(f"window=({start:g}, {end:g}) is empty: give (start, end) in seconds with start < end; "
                         f"this run ended at {trace.ended_at:g} s")
    return float(start), float(end)


def _chosen(trace: Trace, window: tuple[float, float] | None, records: int) -> tuple[np.ndarray, int]:
    """Rows of messages to show, and how many more there would be."""
    if len(trace.messages) <= records and window is None:
        return np.arange(len(trace.messages)), 0
    if window is None:
        return _neighbours(trace, _focus(trace), min(FEW, records)), 0
    active = _active(trace, window)
    return active[:records], max(len(active) - records, 0)


def _focus(trace: Trace) -> int:
    """The record with a story: an effect done twice, else handed over or written twice, lost, slowest, or the first."""
    done_again = effect_messages(trace.handed)[effect_occurrence(trace.data) > 1]
    handed_again = trace.handed.message[trace.handed.attempt > 1]
    written_again = np.flatnonzero(trace.messages.copies > 1)
    lost = np.flatnonzero(trace.messages.is_lost)
    slowest = _slowest(trace) if any(one.kind != ENDED for one in outages(trace)) else lost
    candidates = [rows[rows >= 0] for rows in (done_again, handed_again, written_again, lost, slowest)]
    return next((int(rows[0]) for rows in candidates if len(rows)), int(trace.messages.order[0]))


def _slowest(trace: Trace) -> np.ndarray:
    """The message that waited longest for its first hand-over."""
    handed = trace.handed
    wait = np.where(handed.attempt == 1, handed.time - trace.messages.created[handed.message], -1)
    return handed.message[np.argsort(-wait, kind="stable")[:1]]


def _neighbours(trace: Trace, message: int, number: int) -> np.ndarray:
    """The message and those around it in its partition, in order of creation."""
    messages = trace.messages
    same = np.flatnonzero(messages.tp == messages.tp[message])
    same = same[np.argsort(messages.created[same], kind="stable")]
    at = int(np.flatnonzero(same == message)[0])
    start = max(min(at - number // 2, len(same) - number), 0)
    return same[start:start + number]


def _active(trace: Trace, window: tuple[float, float]) -> np.ndarray:
    """Messages that anything happened to within the window, in order of creation."""
    low, high = (int(edge * 1e9) for edge in window)
    messages, handed = trace.messages, trace.handed
    active = np.zeros(len(messages), bool)
    for rows, times in ((np.arange(len(messages)), messages.created), (messages.of("appends"),
                        messages.spread("appends", "time")), (np.arange(len(messages)), messages.acked),
                        (handed.message, handed.time), (handed.message, handed.done)):
        active[rows[(times >= low) & (times <= high) & (times != NEVER)]] = True
    rows = np.flatnonzero(active)
    return rows[np.argsort(messages.created[rows], kind="stable")]


def _description(trace: Trace, chosen: np.ndarray, steps: list[Step], left_out: int) -> str:
    if not steps:
        return f"Nothing happened in this window; the run ended at {trace.ended_at:.4g} s."
    names = [message_name(trace, row) for row in chosen.tolist()]
    shown = listing(names) if len(names) <= 3 else f"{names[0]} to {names[-1]}"
    text = [f"{plural(len(names), 'record')} ({shown}) from {steps[0].time / 1e9:.4g} to {steps[-1].time / 1e9:.4g} s; "
            "time runs down, not to scale."]
    again = [step for step in steps if step.again]
    if again:
        text.append(f"{again[0].label} happens again at {again[0].time / 1e9:.4g} s.")
    if left_out:
        text.append(f"{plural(left_out, 'more record')} in this window left out: choose a smaller window.")
    if broken := trace.data.meta.get("broken"):
        text.append(f"Broken: {broken}.")
    return " ".join([*text, told(trace)]).strip()
