"""Who owned which partition, and when nobody worked on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from simlib.trace import Trace
from simlib.views import style
from simlib.views.faults import mark_outages, told
from simlib.views.picture import Picture
from simlib.views.reading import (
    DEATHS,
    ENDED,
    actor_name,
    group_code,
    group_name,
    listing,
    outages,
    partition_name,
    partitions_of,
    run_end,
)
from simlib.views.sheet import Sheet, fitting, sheet

GAINS, LOSSES = ("assigned",), ("revoked", "lost_partitions")
DEPARTURES = ("left", "evicted")
MOST_PARTITIONS = 24


@dataclass(frozen=True)
class Ownership:
    """A member had a partition from `start` to `end` (s); `dead_from` is when it was gone with it, if it was."""

    tp: int
    member: str
    start: float
    end: float
    dead_from: float | None = None
    ended: bool = False
    """It did not die: its code had come to its end, without giving the partition back."""


def assignment(trace: Trace, group: str | None = None) -> Picture:
    """One row a partition, one bar an ownership in the colour of its member; hatched while the owner was dead."""
    code = group_code(trace, group)
    if code in trace.handed.answers.share_groups:
        raise ValueError(f"{group_name(trace, code)} is a share group: nobody owns a partition in it. Who was handed "
                         "what is in trace.plot.timeline() and trace.deliveries")
    owned = ownerships(trace, code)
    tps = sorted({*partitions_of(trace, code), *(one.tp for one in owned)})
    with sheet("assignment") as page:
        _draw(page, trace, code, tps[:MOST_PARTITIONS], owned)
        return Picture(page.png(), _description(trace, code, tps, owned))


def ownerships(trace: Trace, group: int) -> list[Ownership]:
    """From the events assigned, revoked, lost_partitions, left and evicted; the last owner keeps it to the end."""
    owner: dict[int, tuple[int, float]] = {}
    result: list[Ownership] = []

    def ends(tp: int, time: float) -> None:
        member, start = owner.pop(tp)
        result.append(_ownership(trace, tp, member, start, time))

    for time, kind, actor, tp in _events(trace, group):
        lost = [tp] if tp >= 0 else list(owner)
        if kind in LOSSES or kind in DEPARTURES:
            for one in (list(owner) if kind in DEPARTURES else lost):
                if one in owner and owner[one][0] == actor:
                    ends(one, time)
        elif kind in GAINS and tp >= 0:
            if tp in owner:
                ends(tp, time)
            owner[tp] = (actor, time)
    for tp in list(owner):
        ends(tp, run_end(trace))
    return sorted((one for one in result if one.end > max(one.start, 0)), key=lambda one: (one.tp, one.start))


def idle_members(trace: Trace, group: int, owned: list[Ownership]) -> list[str]:
    """Members that joined the group and never owned a partition of it, from time 0 on."""
    columns = [trace.data.column("events", name).tolist() for name in ("kind", "actor", "group")]
    joined = {actor_name(trace, actor) for kind, actor, its_group in zip(*columns, strict=True)
              if kind == "joined" and its_group == group and actor >= 0}
    return sorted(joined - {one.member for one in owned}, key=_by_number)


def _events(trace: Trace, group: int) -> list[tuple[float, str, int, int]]:
    """(time in s, kind, actor, tp) of what changes an assignment of the group."""
    columns = [trace.data.column("events", name).tolist() for name in ("time", "kind", "actor", "tp", "group")]
    return [(time / 1e9, kind, actor, tp) for time, kind, actor, tp, its_group in zip(*columns, strict=True)
            if its_group == group and kind in (*GAINS, *LOSSES, *DEPARTURES)]


def _ownership(trace: Trace, tp: int, member: int, start: float, end: float) -> Ownership:
    name = actor_name(trace, member)
    deaths = [one for one in outages(trace) if one.process == name and one.kind in (*DEATHS, ENDED)
              and start <= one.start < end]
    if not deaths:
        return Ownership(tp, name, max(start, 0.0), end)
    return Ownership(tp, name, max(start, 0.0), end, deaths[0].start, deaths[0].kind == ENDED)


def _draw(page: Sheet, trace: Trace, group: int, tps: list[int], owned: list[Ownership]) -> None:
    axes = page.blank(f"Who owned which partition in {group_name(trace, group)}", height=1.5 + 0.42 * max(len(tps), 1))
    idle, owned = idle_members(trace, group, owned), [one for one in owned if one.tp in tps]
    inches = page.pixels[0] / style.DPI / run_end(trace)
    for one in owned:
        _draw_one(axes, tps.index(one.tp), one, inches)
    axes.set_xlim(0, run_end(trace))
    axes.set_ylim(max(len(tps), 1) - 0.45, -0.55)
    axes.set_yticks(range(len(tps)), [partition_name(trace, tp) for tp in tps])
    axes.tick_params(left=False)
    axes.grid(False, axis="y")
    mark_outages(axes, trace)
    page.legend(_keys(sorted({one.member for one in owned}, key=_by_number), idle,
                      [one for one in owned if one.dead_from is not None]))


def _draw_one(axes: Any, row: int, one: Ownership, inches: float) -> None:
    """One ownership; a second is `inches` wide."""
    colour = style.member_colour(one.member)
    until = one.end if one.dead_from is None else one.dead_from
    _bar(axes, row, one.start, until, facecolor=colour, edgecolor=style.PAPER)
    name = fitting((one.member,), inches * (until - one.start))
    _name(axes, row, one.start, until, name, style.ink_on(colour), weight="bold")
    if one.dead_from is not None:
        _bar(axes, row, one.dead_from, one.end, facecolor=style.FAINT, edgecolor=colour, hatch="////")
        gone = one.end - one.dead_from
        _name(axes, row, one.dead_from, one.end, fitting(_words(one, gone), inches * gone), style.INK,
              bbox={"facecolor": style.FAINT, "edgecolor": "none", "pad": 1.2})


def _words(one: Ownership, gone: float) -> tuple[str, ...]:
    """What is written on the part of a bar whose owner is gone, from long to short."""
    state = "ended" if one.ended else "dead"
    return f"owner {state} {gone:.3g} s", f"{state} {gone:.3g} s", f"{gone:.3g} s"


def _bar(axes: Any, row: int, start: float, end: float, **look: Any) -> None:
    axes.broken_barh([(start, end - start)], (row - 0.33, 0.66), linewidth=0.8, zorder=2, **look)


def _name(axes: Any, row: int, start: float, end: float, text: str, colour: str, **look: Any) -> None:
    """Text in the middle of a bar."""
    if text:
        axes.text((start + end) / 2, row, text, size=style.SMALL_SIZE, color=colour, ha="center", va="center", zorder=4,
                  **look)


def _by_number(member: str) -> tuple[str, int]:
    name, _, number = member.rpartition("-")
    return (name, int(number)) if number.isdigit() else (member, 0)


def _keys(members: list[str], idle: list[str], gone: list[Ownership]) -> list[Any]:
    from matplotlib.patches import Patch

    keys = [Patch(color=style.member_colour(name), label=name) for name in members[:6]]
    if idle:
        whose = style.member_colour(idle[0]) if len(idle) == 1 else style.SOFT
        keys.append(Patch(facecolor=style.PAPER, edgecolor=whose, label=f"{_few(idle)}: none"))
    hatched = Patch(facecolor=style.FAINT, edgecolor=style.SOFT, hatch="////", linewidth=0,
                    label="owner is gone" if any(one.ended for one in gone) else "owner is dead")
    return keys + [hatched] if gone else keys


def _few(names: list[str]) -> str:
    return listing(names if len(names) <= 3 else [*names[:2], f"{len(names) - 2} more"])


def _description(trace: Trace, group: int, tps: list[int], owned: list[Ownership]) -> str:
    name = group_name(trace, group)
    if not owned:
        return f"No member of {name} was ever assigned a partition."
    members = sorted({one.member for one in owned}, key=_by_number)
    text = [f"{listing(members)} owned the {len(tps)} partitions of {name}." if len(tps) > 1 else
            f"{listing(members)} owned the one partition of {name}."]
    if idle := idle_members(trace, group, owned):
        text.append(f"{_few(idle)} owned none.")
    dead = [one for one in owned if one.dead_from is not None]
    if dead:
        longest = max(dead, key=lambda one: one.end - (one.dead_from or 0))
        state = "an ended" if longest.ended else "a dead"
        text.append(f"{partition_name(trace, longest.tp)} belonged to {state} {longest.member} for "
                    f"{longest.end - (longest.dead_from or 0):.4g} s.")
    shared = [tp for tp in tps if len({one.member for one in owned if one.tp == tp}) > 1]
    if shared:
        text.append(f"{listing(partition_name(trace, tp) for tp in shared[:4])} changed hands.")
    if len(tps) > MOST_PARTITIONS:
        text.append(f"The first {MOST_PARTITIONS} are shown.")
    return " ".join([*text, told(trace)]).strip()


