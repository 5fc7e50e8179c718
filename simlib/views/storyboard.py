"""The key moments of a run as one picture, for everywhere the player cannot play."""

from __future__ import annotations

from dataclasses import dataclass
from textwrap import wrap
from typing import Any

from simlib.trace import Trace
from simlib.trace.sentences import ENDED
from simlib.views import style
from simlib.views.faults import told
from simlib.views.picture import Picture
from simlib.views.player.cast import Cast
from simlib.views.player.checking import checked
from simlib.views.player.moments import moments
from simlib.views.player.state import DEAD, UP, State, state_at
from simlib.views.player.tape import Tape
from simlib.views.reading import group_name, plural
from simlib.views.sheet import Sheet, sheet

TELLING = ("again", "lost", "death", "election", "back", "end", "rebalance")
"""Signs of moments, those that tell most first."""
MOST_PANELS = 8
MOST_ROWS = 4
"""Partitions, and processes, in a panel."""
CELLS = 14
CAPTION, NAMES, LOGS, BEHIND, READERS = 0.0, 2.75, 3.5, 6.25, 7.1
"""Where the columns of a panel begin (inches)."""
LETTERS, LINE, CELL, SPACE = 36, 0.19, 0.19, 0.16
WIDE_LETTERS = 120
"""In a line over the whole width."""


@dataclass(frozen=True)
class Panel:
    """One moment: when (s), what is said of it, and what holds then."""

    time: float
    text: str
    state: State

    @property
    def lines(self) -> list[str]:
        return [f"{self.time:.6g} s", *wrap(self.text, LETTERS)]


def storyboard(trace: Trace, panels: int = 6) -> Picture:
    """At most so many moments, one below the other: what happened, the logs, and who reads.

    ValueError for a number of panels that does not fit, NotPlayable for a trace in which nothing happened.
    """
    if not 1 <= panels <= MOST_PANELS:
        raise ValueError(f"panels={panels}: a storyboard has from 1 to {MOST_PANELS} panels")
    return storyboard_of(Tape(checked(trace)), panels)


def storyboard_of(tape: Tape, panels: int = 6, captioned: bool = False) -> Picture:
    """The same from a tape that is there already; with its description in the picture, where no line below shows it."""
    trace, shown = tape.trace, _panels(tape, panels)
    words = _description(trace, shown)
    with sheet("storyboard") as page:
        _draw(page, trace, shown, wrap(words, WIDE_LETTERS) if captioned else [])
        return Picture(page.png(), words)


def _panels(tape: Tape, number: int) -> list[Panel]:
    """The most telling moments in order of time, and the end."""
    trace = tape.trace
    found = sorted(moments(tape), key=lambda moment: TELLING.index(moment["sign"]))
    chosen: dict[float, str] = {}
    for moment in found:
        if len(chosen) < number - 1 or moment["time"] in chosen:
            chosen[moment["time"]] = f"{chosen.get(moment['time'], '')} {moment['text']}".strip()
    broken = str(trace.data.meta.get("broken", ""))
    chosen[trace.ended_at] = " ".join([chosen.get(trace.ended_at, ""), f"Broken: {broken}." if broken else
                                       ENDED[trace.ended]]).strip()
    return [Panel(time, chosen[time], state_at(tape, round(time * 1e9))) for time in sorted(chosen)]


def _draw(page: Sheet, trace: Trace, panels: list[Panel], words: list[str]) -> None:
    cast = Cast(trace)
    tps = [tp for tp, one in enumerate(cast.partition_table()) if not one["internal"]][:MOST_ROWS]
    people = [actor for actor, role in enumerate(cast.roles()) if role in ("broker", "member", "service")]
    heights = [_height(panel, len(tps), len(_shown(people, panel.state, cast))) for panel in panels]
    end, below = sum(heights), (len(words) * LINE + SPACE if words else 0)
    axes = page.blank("What happened, in a few moments", height=0.55 + end + below, x="", left=0.25, bottom=0.05,
                      top=0.5)
    axes.set_xlim(0, style.WIDTH - 0.5)
    axes.set_ylim(end + below, 0)
    style.without_scales(axes)
    for number, line in enumerate(words):
        axes.text(CAPTION, end + 0.18 + number * LINE, line, size=style.SMALL_SIZE, va="center", color=style.SOFT)
    for place, panel in enumerate(panels):
        top = sum(heights[:place])
        axes.axhline(top, color=style.GRID, linewidth=1)
        _caption(axes, panel, top)
        _logs(axes, trace, panel.state, tps, top)
        _people(axes, _shown(people, panel.state, cast), panel.state, cast, top)
        _effects(axes, trace, panel.state, top + len(_shown(people, panel.state, cast)) * LINE)


def _height(panel: Panel, logs: int, people: int) -> float:
    right = people + len(panel.state["effects"][:MOST_ROWS])
    return max(len(panel.lines) * LINE, logs * (CELL + 0.07), right * LINE) + SPACE


def _caption(axes: Any, panel: Panel, top: float) -> None:
    for number, line in enumerate(panel.lines):
        axes.text(CAPTION, top + 0.18 + number * LINE, line, size=style.SMALL_SIZE, va="center", color=style.INK,
                  weight="bold" if number == 0 else "normal")


def _logs(axes: Any, trace: Trace, state: State, tps: list[int], top: float) -> None:
    """The newest records of each log; a purple frame where a record came again, marks where the group stands."""
    names = [str(one["name"]) for one in Cast(trace).partition_table()]
    for row, tp in enumerate(tps):
        y, log = top + 0.18 + row * (CELL + 0.07), state["logs"][tp]
        records = log["newest"][-CELLS:]
        axes.text(NAMES, y, names[tp], size=style.SMALL_SIZE, va="center", color=style.SOFT)
        if records:
            colours = [style.SOFT if key < 0 else style.partition_colour(key) for _, _, key, _, _ in records]
            edges = [style.REPEAT if copy > 1 or handed > 1 else colour
                     for (_, _, _, copy, handed), colour in zip(records, colours, strict=True)]
            axes.scatter([LOGS + 0.1 + CELL * i for i in range(len(records))], [y] * len(records), marker="s", s=105,
                         c=[*map(_pale, colours)], edgecolors=edges, linewidths=[2 if edge == style.REPEAT else 1
                                                                                for edge in edges], zorder=2)
        _stands(axes, state, tp, records, y)
        behind = max((log["high"] - max(counted[tp], log["start"]) for counted, position in
                      zip(state["counted"], state["position"], strict=True) if position[tp] >= 0), default=0)
        if behind > 0:
            axes.text(BEHIND, y, f"{behind:,} behind", size=style.SMALL_SIZE, va="center", color=style.SOFT)


def _pale(colour: str) -> tuple[float, ...]:
    return tuple(0.7 + 0.3 * int(colour[i:i + 2], 16) / 255 for i in (1, 3, 5))


def _stands(axes: Any, state: State, tp: int, records: list[list[int]], y: float) -> None:
    """Where each group reads on, if that is among the records shown."""
    for positions in state["position"]:
        if records and records[0][0] <= positions[tp] <= records[-1][0] + 1:
            x = LOGS + CELL * sum(record[0] < positions[tp] for record in records)
            axes.plot([x], [y + 0.12], marker="^", color=style.INK, markersize=5, zorder=3)


def _shown(people: list[int], state: State, cast: Cast) -> list[int]:
    """Whoever reads or is down; brokers that are well are left out."""
    roles = cast.roles()
    chosen = [actor for actor in people if roles[actor] != "broker" or state["up"][actor] != UP]
    return sorted(chosen, key=lambda actor: (state["up"][actor] == UP, actor))[:MOST_ROWS]


def _people(axes: Any, people: list[int], state: State, cast: Cast, top: float) -> None:
    for row, actor in enumerate(people):
        y, up, name = top + 0.18 + row * LINE, state["up"][actor], cast.actors[actor]
        word = ("", "died", "stands still", "stopped")[up]
        hand = f"{state['hand'][actor]:,} in hand" if up == UP and state["hand"][actor] > 0 else word
        axes.plot([READERS], [y], marker="X" if up == DEAD else "o", markersize=7,
                  color=style.CRASH if up == DEAD else style.actor_colour(name))
        axes.text(READERS + 0.12, y, f"{name}  {hand}".strip(), size=style.SMALL_SIZE, va="center",
                  color=style.INK if up == UP else style.CRASH)


def _effects(axes: Any, trace: Trace, state: State, top: float) -> None:
    """What was done in the world, and how much of it again."""
    names = trace.data.code_table("effects")
    for row, (done, again) in enumerate(state["effects"][:MOST_ROWS]):
        text = f"{names[row]}: {done:,}" + (f", {again:,} again" if again else "")
        axes.text(READERS - 0.05, top + 0.18 + row * LINE, text, size=style.SMALL_SIZE, va="center", color=style.INK,
                  weight="bold" if again else "normal")


def _description(trace: Trace, panels: list[Panel]) -> str:
    groups = [group_name(trace, group) for group in range(len(trace.data.code_table("groups")))]
    counts = [f"{name} was handed {plural(done, 'record')}, {again:,} of them again"
              for name, done, again in zip(groups, panels[-1].state["delivered"], panels[-1].state["repeated"],
                                           strict=True)]
    text = [f"{plural(len(panels), 'moment')} from {panels[0].time:.4g} to {panels[-1].time:.4g} s."]
    text += [f"In the end {'; '.join(counts)}."] if counts else []
    return " ".join([*text, told(trace)]).strip()
