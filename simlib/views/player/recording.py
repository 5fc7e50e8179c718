"""A trace cut into pieces for the player: an index that is sent first, and slices of time, each on demand.

A slice begins with the whole state at its beginning, so the player can start anywhere without the slices before.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np

from simlib.trace import Trace
from simlib.trace.sentences import AGAIN, ENDED, SENTENCES, WHEN
from simlib.trace.storage import to_json
from simlib.views import style
from simlib.views.player.cast import REDIS, Cast
from simlib.views.player.checking import checked
from simlib.views.player.known import REAL, tells
from simlib.views.player.moments import moments
from simlib.views.player.packing import COLUMNS, pack
from simlib.views.player.state import NEWEST, UNDONE, WORK, State, state_at
from simlib.views.player.tape import KINDS, Part, Tape, merged

ROWS_OF_A_SLICE = 4_000
BUCKETS = 240
"""Steps of the lag curve over the whole run."""
LONGEST_VALUE = 200
"""Letters of a record's value that are shown."""


class Recording:
    """One trace, ready to be played. Times are seconds from the start of the run."""

    def __init__(self, trace: Trace, title: str = "", expected: Mapping[str, int] | None = None) -> None:
        self.trace = checked(trace)
        self.title = title
        self.expected = dict(expected or {})
        self.tape = Tape(trace)

    @cached_property
    def bounds(self) -> np.ndarray:
        """Where the slices begin and end (ns): about so many rows each, and anew after every loss of a log's tail."""
        end = int(self.trace.data.meta.get("ended_at", 0))
        step = max(ROWS_OF_A_SLICE // 8, 1)
        times = np.sort(np.concatenate([part.time[step - 1::step] for part in self.tape.parts.values()]))
        cut = self.tape.parts["cut"].time
        inner = np.unique(np.r_[times[7::8], cut])
        return np.r_[0, inner[(inner > 0) & (inner < end)], max(end, 1)]

    def __len__(self) -> int:
        """How many slices there are."""
        return len(self.bounds) - 1

    def index(self) -> dict[str, Any]:
        """What the player must know before it draws anything."""
        data, cast = self.trace.data, Cast(self.trace)
        return {"title": self.title, "end": int(self.bounds[-1]) / 1e9, "events": len(self.tape),
                "ended": ENDED[self.trace.ended], "broken": str(data.meta.get("broken", "")),
                "kinds": list(KINDS), "work": WORK, "newest": NEWEST,
                "sentences": SENTENCES, "again": AGAIN, "when": WHEN, "expected": self.expected,
                "actors": cast.actor_table(), "partitions": cast.partition_table(),
                "groups": [str(name) for name in data.code_table("groups")],
                "read_committed": [str(name) in data.meta.get("read_committed", ())
                                   for name in data.code_table("groups")],
                "databases": cast.databases(), "tells": tells(self.trace),
                "unknown": "" if tells(self.trace)["writes"] else REAL, "undone": UNDONE, "redis": REDIS,
                "effects": [str(name) for name in data.code_table("effects")],
                "bounds": (self.bounds / 1e9).tolist(), "moments": moments(self.tape), "lag": self._lag(),
                "most_behind": int(self.trace.groups.lag["lag"].max(initial=0)),
                "colours": {"ink": style.INK, "keys": list(style.PARTITIONS)}}

    def state(self, seconds: float) -> State:
        """What holds at a time; `state.js` must say the same."""
        return state_at(self.tape, round(seconds * 1e9))

    def slice(self, number: int) -> bytes:
        """One slice, packed: the state at its beginning, and the rows after it up to its end.

        The first one begins just before time 0: what happens at 0 can be watched.
        """
        start, end = int(self.bounds[number]) - (number == 0), int(self.bounds[number + 1])
        return self._packed(self.tape.between(start, end), {"number": number, "base": state_at(self.tape, start)})

    def life(self, message: int) -> bytes:
        """All rows about one record, packed, with the first commit of each group that covers it."""
        about = [part.rows(part.field("message") == message) for part in self.tape.parts.values()]
        return self._packed(merged([*about, *self._covering(message)]), {"life": message})

    def _covering(self, message: int) -> list[Part]:
        commits, written = self.tape.parts["committed"], self.tape.parts["appended"]
        its = written.rows(written.field("message") == message)
        if not len(its):
            return []
        past = commits.rows((commits.field("tp") == its.field("tp")[0]) & (commits.time >= its.time[0])
                            & (commits.field("offset") > its.field("offset")[0]))
        return [past.rows(np.sort(np.unique(past.field("group"), return_index=True)[1]))]

    def _packed(self, rows: Part, head: dict[str, Any]) -> bytes:
        used, text = np.unique(rows.field("text"), return_inverse=True)
        known = used[used >= 0]
        about = {"texts": [self.tape.texts[code] for code in known.tolist()], **self._records(rows)}
        columns = {name: rows.field(name) for name in COLUMNS if name != "time"}
        columns |= {"time": rows.time / 1e9, "text": text - (len(used) - len(known))}
        return pack({**head, **about}, columns)

    def _records(self, rows: Part) -> dict[str, Any]:
        """[producer, number, key, value] of each record that these rows are about; null for what it does not have."""
        messages = np.unique(rows.field("message"))
        messages = messages[messages >= 0]
        data, keys = self.trace.data, self.trace.data.code_table("keys")
        columns = (self.trace.messages.producer[messages].tolist(), *(
            data.column("messages", name)[messages].tolist() for name in ("number", "key", "value")))
        return {"records": {message: [producer, number, _short(keys[key]) if key >= 0 else None,
                                      None if value is None else _short(value)]
                            for message, producer, number, key, value in zip(messages.tolist(), *columns, strict=True)}}

    def _lag(self) -> list[int]:
        """Records behind, of all groups together, over the run: the most in each of `BUCKETS` stretches."""
        times, total = self._all_behind()
        ends = np.searchsorted(times, np.linspace(0, int(self.bounds[-1]), BUCKETS + 1)[1:], side="right")
        return [int(total[begin:end].max()) for begin, end in zip(np.r_[1, ends[:-1]] - 1, ends, strict=True)]

    def _all_behind(self) -> tuple[np.ndarray, np.ndarray]:
        """When the sum over all groups and partitions changes (ns), and what it is from then on."""
        lag = self.trace.groups.lag
        first = np.r_[True, (np.diff(lag["group"]) != 0) | (np.diff(lag["tp"]) != 0)][:len(lag["time"])]
        before = np.where(first, 0, np.r_[0, lag["lag"]][:-1])
        order = np.argsort(lag["time"], kind="stable")
        times, total = lag["time"][order], np.cumsum((lag["lag"] - before)[order])
        last = np.r_[np.diff(times) != 0, True][:len(times)]
        return np.r_[0, times[last]], np.r_[0, total[last]]


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else to_json(value)
    return text if len(text) <= LONGEST_VALUE else text[:LONGEST_VALUE - 1] + "\u2026"
