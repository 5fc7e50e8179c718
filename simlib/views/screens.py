"""What somebody saw, screen by screen, as a strip of pictures: each new text in a frame of its own."""

from __future__ import annotations

from textwrap import shorten, wrap
from typing import Any, NamedTuple

from simlib.trace import Trace
from simlib.trace.screens import Screen, screens_of
from simlib.units import NEVER
from simlib.views import style
from simlib.views.faults import told
from simlib.views.picture import Picture
from simlib.views.reading import listing, plural
from simlib.views.sheet import Sheet, sheet

COLUMNS, MOST = 4, 12
"""Frames side by side, and frames in all."""
LETTERS, LINES = 23, 8
"""What a frame has room for."""
LINE, HEAD, GAP, MARGIN, TOP = 0.19, 0.26, 0.14, 0.25, 0.42
"""Inches: a line of text, a frame's heading, between frames, around them, above them."""
IN_WORDS = 6
"""Screens that the description tells."""


class Frame(NamedTuple):
    """One screen: when, its lines (True: not on the screen before), and whether it does not say what it should."""

    heading: str
    lines: list[tuple[str, bool]]
    dark: bool = False
    lacks: str = ""


def screens(trace: Trace, process: str | None = None, about: str | None = None) -> Picture:
    """Each text that stood on the screen of a process (None: the first that showed one), new lines in bold.

    `about` names what should stay there: screens without it, after one that had it, are marked. ValueError for a
    process that showed nothing.
    """
    found = screens_of(trace.data)
    who = _checked(process, [one.process for one in found])
    mine = [one for one in found if one.process == who]
    frames = _frames(mine, about)
    with sheet("screens") as page:
        _draw(page, who, _cut(frames))
        return Picture(page.png(), _description(trace, who, mine, frames, about))


def _checked(process: str | None, names: list[str]) -> str:
    there = list(dict.fromkeys(names))
    if not there:
        raise ValueError("nobody was shown anything in this run: a service shows with `await app.show(...)`")
    if process is not None and process not in there:
        raise ValueError(f"{process!r} showed nothing in this run; there are screens of {listing(there)}")
    return there[0] if process is None else process


def _frames(mine: list[Screen], about: str | None) -> list[Frame]:
    """Frames in order; a dark one where a process died."""
    frames: list[Frame] = []
    before, shown = set[str](), False
    for screen, after in zip(mine, [*mine[1:], None], strict=True):
        lines = screen.text.split("\n")
        says = bool(about) and str(about) in screen.text
        lacks = str(about) if shown and not says else ""
        shown = shown or says
        frames.append(Frame(_span(screen), [(line, line not in before) for line in lines], lacks=lacks))
        before = set(lines)
        if screen.until != (NEVER if after is None else after.time):
            frames.append(Frame(f"{screen.until / 1e9:.4g} s", [("no screen: it died", True)], dark=True))
            before = set()
    return frames


def _cut(frames: list[Frame]) -> list[Frame]:
    """The first and the last, where there are too many."""
    if len(frames) <= MOST:
        return frames
    left_out = Frame("", [(f"\u2026 {len(frames) - MOST + 1} more", False)])
    return [*frames[:MOST // 2], left_out, *frames[-(MOST - MOST // 2 - 1):]]


def _span(screen: Screen) -> str:
    lasts = "to the end" if screen.until == NEVER else f"for {_length((screen.until - screen.time) / 1e9)}"
    return f"{screen.time / 1e9:.4g} s, {lasts}"


def _length(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 0.1 else f"{seconds:.2g} s" if seconds < 10 else f"{seconds:.0f} s"


# -- drawing, in inches from the upper left corner


def _draw(page: Sheet, who: str, frames: list[Frame]) -> None:
    rows = [frames[first:first + COLUMNS] for first in range(0, len(frames), COLUMNS)]
    texts = [[_wrapped(frame) for frame in row] for row in rows]
    heights = [HEAD + LINE * max(len(lines) for lines in row) + 0.12 for row in texts]
    height = TOP + sum(heights) + GAP * len(rows) + 0.06
    axes = page.blank(f"What {who} sees", height=height, x="", left=0, bottom=0, top=0)
    axes.set_position((0, 0, 1, 1))
    axes.set_xlim(0, style.WIDTH)
    axes.set_ylim(height, 0)
    axes.grid(False)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_visible(False)
    axes.spines["left"].set_visible(False)
    axes.spines["bottom"].set_visible(False)
    wide = (style.WIDTH - 2 * MARGIN - GAP * (COLUMNS - 1)) / COLUMNS
    top = TOP
    for row, lines, tall in zip(rows, texts, heights, strict=True):
        for column, frame in enumerate(row):
            _frame(axes, frame, lines[column], MARGIN + column * (wide + GAP), top, wide, tall)
        top += tall + GAP


def _wrapped(frame: Frame) -> list[tuple[str, bool]]:
    """Lines that fit into a frame; what is left over is cut, and that is seen."""
    lines = [(part, new) for line, new in frame.lines for part in wrap(line, LETTERS) or [""]]
    lines += [(f"\u2716 without {shorten(frame.lacks, LETTERS - 10)}", True)] if frame.lacks else []
    if len(lines) <= LINES:
        return lines
    return [*lines[:LINES - 1], (f"\u2026 {len(lines) - LINES + 1} more lines", False)]


def _frame(axes: Any, frame: Frame, lines: list[tuple[str, bool]], left: float, top: float, wide: float,
           tall: float) -> None:
    from matplotlib.patches import Rectangle

    edge, ink = (style.CRASH if frame.lacks else style.SOFT), (style.PAPER if frame.dark else style.INK)
    axes.add_patch(Rectangle((left, top), wide, tall, facecolor=style.WRITTEN if frame.dark else style.PAPER,
                             edgecolor=edge, linewidth=2.2 if frame.lacks else 0.9, zorder=1))
    axes.add_patch(Rectangle((left, top), wide, HEAD, facecolor=style.FAINT, edgecolor=edge,
                             linewidth=0.9, zorder=1.2))
    axes.text(left + 0.1, top + HEAD / 2, frame.heading, size=style.SMALL_SIZE, color=style.SOFT, va="center")
    for number, (line, new) in enumerate(lines):
        is_lacking = frame.lacks and number == len(lines) - 1
        axes.text(left + 0.1, top + HEAD + 0.06 + LINE * (number + 0.5), line, size=style.TEXT_SIZE, va="center",
                  color=style.CRASH if is_lacking else ink, weight="bold" if new else "normal", parse_math=False)


# -- in words


def _description(trace: Trace, who: str, mine: list[Screen], frames: list[Frame], about: str | None) -> str:
    shown = mine if len(mine) <= IN_WORDS else [*mine[:IN_WORDS - 1], mine[-1]]
    said = [f"from {one.time / 1e9:.4g} s \u201c{shorten(one.text.replace(chr(10), ' / '), 80)}\u201d" for one in shown]
    if len(shown) < len(mine):
        said.insert(IN_WORDS - 1, f"{len(mine) - len(shown)} more screens")
    text = [f"{who} sees {plural(len(mine), 'screen')}: {'; '.join(said)}."]
    if about:
        gone = [frame.heading for frame in frames if frame.lacks]
        text.append(f"{about} is gone on {plural(len(gone), 'screen')}, first at {gone[0]}." if gone else
                    f"Once shown, {about} stays.")
    return " ".join([*text, told(trace)]).strip()
