"""Drawing a sequence diagram: lifelines side by side, steps one below the other, arrows between them."""

from __future__ import annotations

from typing import Any

import numpy as np

from simlib.views import style
from simlib.views.reading import ENDED
from simlib.views.sheet import RIGHT, Sheet
from simlib.views.steps import WORLD, Step

ROW_INCHES, LEFT_INCHES = 0.27, 1.0
LONG = 1.0
"""s; a pause at least this long, and much longer than usual, is drawn as a break"""
MARKERS = {"created": "o", "appended": "s", "acked": "o", "delivered": "o", "effect": "*", "committed": "D",
           "crashed": "X", ENDED: "s", "restarted": "^", "evicted": "v", "elected": "^", "lost": "x", "retried": "o",
           "asked": "d", "paused": "X", "resumed": "^"}
GONE = ("crashed", "paused", ENDED)
BACK = ("restarted", "resumed")
LEFT_SIDE = ("created", "acked", "lost", "retried")
Arrow = tuple[tuple[float, float], tuple[float, float], str]
"""From, to (column, row), colour."""


def draw(page: Sheet, steps: list[Step], places: dict[str, int], broken: str = "") -> None:
    """Everything on one page, as high as it has steps; below them the rule that was broken.

    `places` says how far to the right a process stands.
    """
    columns = _columns(steps, places)
    rows, breaks = _rows(steps)
    last = max(rows.values(), default=0.0)
    height = 0.9 + ROW_INCHES * (last + (3 if broken else 2))
    axes = page.blank("Who did what, in order", height=height, x="", left=LEFT_INCHES, bottom=0.2, top=0.5)
    _frame(axes, columns, steps, last)
    _lifelines(axes, columns, steps, rows, last)
    _work(axes, columns, steps, rows)
    for row, seconds in breaks:
        axes.axhspan(row - 0.38, row + 0.38, color=style.FAINT, zorder=2.5, linewidth=0)
        axes.text(len(columns) / 2 - 0.5, row, f"\u22ee  {seconds:.3g} s later", size=style.SMALL_SIZE,
                  color=style.SOFT, ha="center", va="center", zorder=3)
    shown = [step for step in steps if step.kind != "done"]
    _draw_arrows(axes, [arrow for step in shown for arrow in _arrows(step, steps, columns, rows)])
    _marks(axes, shown, columns, rows)
    for step in shown:
        _say(axes, step, columns, rows[step.place])
    _times(axes, steps, rows)
    if broken:
        axes.set_ylim(last + 2, -0.2)
        axes.text(-0.5, last + 1.4, f"\u2716  {broken}", size=style.SMALL_SIZE, weight="bold", color=style.CRASH,
                  ha="left", va="center", clip_on=False)


def _columns(steps: list[Step], places: dict[str, int]) -> dict[str, int]:
    """Lifelines from left to right: producers, brokers, members, other services, the world."""
    names = sorted({step.process for step in steps}, key=lambda name: (places[name], name))
    if any(step.kind == "effect" for step in steps):
        names.append(WORLD)
    return {name: place for place, name in enumerate(names)}


def _rows(steps: list[Step]) -> tuple[dict[tuple, float], list[tuple[float, float]]]:
    """The height of each step, and the breaks (height, seconds) where a long time passes."""
    busy = {(step.time, step.process) for step in steps if step.kind != "done"}
    places = sorted({step.place for step in steps if step.kind != "done" or (step.time, step.process) not in busy})
    gaps = np.diff([place[0] for place in places]) / 1e9
    usual = np.median(gaps) if len(gaps) else 0.0
    rows: dict[tuple, float] = {}
    breaks = []
    row = 0.0
    for i, place in enumerate(places):
        if i and gaps[i - 1] >= max(LONG, 5 * usual):
            breaks.append((row + 1.0, float(gaps[i - 1])))
            row += 1.0
        row += 1.0
        rows[place] = row
    for step in steps:  # done at the instant of the next step: on its row
        if step.place not in rows:
            instant = (step.time, step.process)
            rows[step.place] = next(rows[place] for place in places if (place[0], place[2]) == instant)
    return rows, breaks


def _frame(axes: Any, columns: dict[str, int], steps: list[Step], last: float) -> None:
    width = style.WIDTH - LEFT_INCHES - RIGHT
    label = min(style.LETTER_INCHES * max((len(_text(step)) for step in steps), default=0) + 0.15, width / 3)
    between = max(len(columns) - 0.5, 0.5)
    axes.set_xlim(-0.5, len(columns) - 1 + label * between / (width - label))  # the last column's labels must fit
    axes.set_ylim(last + 1, -0.2)
    style.without_scales(axes)


def _lifelines(axes: Any, columns: dict[str, int], steps: list[Step], rows: dict[tuple, float],
               last: float) -> None:
    for name, x in columns.items():
        axes.plot([x, x], [0.3, last + 0.7], color=style.GRID if name == WORLD else "#C4C4C4", linewidth=1.4, zorder=1)
        axes.text(x, 0.0, name, size=style.TEXT_SIZE, weight="bold", color=_ink(name), ha="center", va="center")
        for start, end, colour in _down(name, steps, rows, last):
            axes.plot([x, x], [start, end], color=style.PAPER, linewidth=3, zorder=1.1)
            axes.plot([x, x], [start, end], color=colour, linewidth=1.2, linestyle=(0, (1, 2.5)), zorder=1.2)


def _work(axes: Any, columns: dict[str, int], steps: list[Step], rows: dict[tuple, float]) -> None:
    """A thick line on the lifeline while a member is at work on a record: until done, or until it dies."""
    for step in steps:
        if step.kind == "delivered":
            x, start = columns[step.process], rows[step.place]
            axes.plot([x, x], [start, _end_of_work(step, steps, rows)], color=_colour(step), linewidth=5,
                      alpha=0.3, zorder=2, solid_capstyle="butt")


def _end_of_work(step: Step, steps: list[Step], rows: dict[tuple, float]) -> float:
    """The row where the last of the step's records is done, or where the member dies."""
    later = [one for one in steps if one.process == step.process and one.place > step.place]
    death = next((one for one in later if one.kind in GONE), None)
    ends = [next((one for one in later if one.kind == "done" and message in one.of), death) for message in step.of]
    if death is not None:
        ends = [one if one is not None and one.place < death.place else death for one in ends]
    return max((rows[one.place] for one in ends if one is not None), default=rows[step.place])


def _down(name: str, steps: list[Step], rows: dict[tuple, float], last: float) -> list[tuple[float, float, str]]:
    """Stretches (in rows) in which a process was dead or over, with their colour."""
    spans, since, colour = [], None, style.CRASH
    for step in steps:
        if step.process == name and step.kind in GONE and since is None:
            since, colour = rows[step.place], _colour(step)
        elif step.process == name and step.kind in BACK and since is not None:
            spans.append((since, rows[step.place], colour))
            since = None
    return spans + ([(since, last + 0.7, colour)] if since is not None else [])


def _ink(name: str) -> str:
    return style.INK if name == WORLD else style.actor_colour(name)


def _colour(step: Step) -> str:
    if step.kind in ("crashed", "lost", "paused"):
        return style.CRASH
    if step.kind == ENDED:
        return style.SOFT
    return style.REPEAT if step.again else _ink(step.process)


def _marks(axes: Any, steps: list[Step], columns: dict[str, int], rows: dict[tuple, float]) -> None:
    """All marks of one look at once: drawing each by itself takes longer than everything else on the page."""
    alike: dict[tuple[str, str], list[Step]] = {}
    for step in steps:
        alike.setdefault((step.kind, _colour(step)), []).append(step)
    for (kind, colour), group in alike.items():
        axes.plot([columns[step.process] for step in group], [rows[step.place] for step in group],
                  marker=MARKERS[kind], color=colour, markersize=9 if kind in ("crashed", "paused", "effect") else 5.5,
                  linestyle="none", markeredgewidth=1.5 if kind == "lost" else 0, zorder=4)


def _say(axes: Any, step: Step, columns: dict[str, int], row: float) -> None:
    """The words beside a mark; those of an effect stand where its arrow ends."""
    colour = _colour(step)
    ink = colour if step.again or colour == style.CRASH else style.INK
    left = step.kind in LEFT_SIDE and not step.process.startswith("broker-")
    x = columns[WORLD] if step.kind == "effect" else columns[step.process]
    axes.text(x + (-0.05 if left else 0.05), row, _text(step), size=style.SMALL_SIZE, ha="right" if left else "left",
              va="center", color=ink, zorder=5,
              bbox={"facecolor": style.PAPER, "edgecolor": "none", "pad": 0.6, "alpha": 0.85})


def _text(step: Step) -> str:
    return step.label + (" again" if step.again else "")


def _arrows(step: Step, steps: list[Step], columns: dict[str, int], rows: dict[tuple, float]) -> list[Arrow]:
    """The arrows that begin or end at a step, from (column, row) to (column, row)."""
    here = (columns[step.process], rows[step.place])
    found: list[Arrow] = [(here, (columns[WORLD], here[1]), _colour(step))] if step.kind == "effect" else []
    for source in _sources(step, steps):
        start = here[1] - 0.45 if step.kind == "delivered" else rows[source.place]
        found.append(((columns[source.process], start), here, _colour(step)))
    return found


def _sources(step: Step, steps: list[Step]) -> list[Step]:
    """The steps an arrow to this one starts from: created (or sent again), then appended, then acked or delivered."""
    if step.kind == "appended" and any(one.kind == "appended" and one.of & step.of for one in steps
                                       if one.place < step.place):
        return [one for one in steps if one.kind == "retried" and one.place < step.place][-1:]
    before = {"appended": "created", "acked": "appended", "delivered": "appended"}.get(step.kind)
    found = [one for one in steps if one.kind == before and one.of & step.of and one.place < step.place]
    return found[-1:] if step.kind in ("acked", "delivered") else found


def _draw_arrows(axes: Any, arrows: list[Arrow]) -> None:
    """All arrows at once, a little shorter at both ends than from mark to mark."""
    if not arrows:
        return
    start, end = (axes.transData.transform([arrow[place] for arrow in arrows]) for place in (0, 1))
    point = style.DPI / 72
    ahead = (end - start) / np.linalg.norm(end - start, axis=1, keepdims=True) * point
    tail, head = (axes.transData.inverted().transform(ends) for ends in (start + 3 * ahead, end - 4 * ahead))
    axes.quiver(*tail.T, *(head - tail).T, color=[arrow[2] for arrow in arrows], angles="xy", scale_units="xy", scale=1,
                units="dots", width=point, headwidth=4.5, headlength=7, headaxislength=7, zorder=3)


def _times(axes: Any, steps: list[Step], rows: dict[tuple, float]) -> None:
    """The clock at the left margin, in seconds, once an instant."""
    shown: set[int] = set()
    for step in steps:
        if step.time not in shown:
            shown.add(step.time)
            axes.text(-0.52, rows[step.place], f"{step.time / 1e9:.4f} s", size=style.SMALL_SIZE, color=style.SOFT,
                      ha="right", va="center")


