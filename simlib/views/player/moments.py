"""The moments worth stopping at: deaths, elections, rebalances, the first repeat of each kind, records lost."""

from __future__ import annotations

from typing import Any

import numpy as np

from simlib.views.player.tape import KIND_CODE, KINDS, Part, Tape
from simlib.views.player.telling import sentence

SIGNS = {"crashed": "death", "power_lost": "death", "exception": "death", "shutdown": "end", "restarted": "back",
         "paused": "death", "resumed": "back", "elected": "election", "leaderless": "death",
         "rebalancing": "rebalance", "generation": "rebalance", "evicted": "death", "link_cut": "death",
         "link_healed": "back", "request_lost": "lost", "reply_lost": "lost", "fenced": "death", "cut": "lost",
         "gave_up": "lost", "commit_failed": "lost", "partitions_added": "election", "changed": "election",
         "overloaded": "lost", "expired": "lost"}
"""Kind -> how it is marked on the time line."""
ONCE = ("gave_up", "request_lost", "reply_lost", "commit_failed", "overloaded", "expired")
"""Of these only the first for each process: a hundred in a row are one moment."""
MOST = 2_000


def moments(tape: Tape) -> list[dict[str, Any]]:
    """Time (s), sign and sentence of each, in order; what happened before time 0 is left out."""
    parts = [_of_kinds(tape.parts[name]) for name in ("control", "cut", "gave_up")]
    found = [(int(part.time[row]), KINDS[part.field("kind")[row]], part, row)
             for part in parts for row in range(len(part)) if part.time[row] >= 0]
    found = _first_of_each(found) + [(int(part.time[row]), "again", part, row)
                                     for name in ("delivered", "effect", "appended")
                                     for part, row in _first_repeats(tape.parts[name])]
    found.sort(key=lambda one: one[0])
    return [{"time": time / 1e9, "sign": SIGNS.get(kind, "again"), "text": sentence(tape, part, row)}
            for time, kind, part, row in found[:MOST]]


def _of_kinds(part: Part) -> Part:
    return part.rows(np.isin(part.field("kind"), [KIND_CODE[kind] for kind in SIGNS]))


def _first_of_each(found: list[tuple[int, str, Part, int]]) -> list[tuple[int, str, Part, int]]:
    seen: set[tuple[str, int]] = set()
    kept = []
    for one in found:
        who = one[1], int(one[2].field("actor")[one[3]])
        if one[1] not in ONCE or who not in seen:
            kept.append(one)
        seen.add(who)
    return kept


def _first_repeats(part: Part) -> list[tuple[Part, int]]:
    """The first repeat of each group (of hand-overs), of each name (of effects), of all (of writes)."""
    again = part.rows(part.field("a") > 1)
    return [(again, int(row)) for row in sorted(np.unique(again.field("group"), return_index=True)[1])]
