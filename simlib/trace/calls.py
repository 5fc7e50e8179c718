"""Calls of one service by another: a row each, filled in while the call goes on, and the view of them all."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from simlib.trace import frames
from simlib.units import NEVER

if TYPE_CHECKING:
    from simlib.trace.trace_data import TraceData

CALL_OUTCOMES = ("answered", "raised", "refused", "overloaded", "reset", "timed out", "cancelled", "pending")
"""What a caller learned, by its code in `calls.outcome`."""

ANSWERED, RAISED, REFUSED, OVERLOADED, RESET, TIMED_OUT, CANCELLED, PENDING = range(len(CALL_OUTCOMES))

TEXTS = ("callee", "request", "answer")


@dataclass(slots=True)
class Call:
    """One call while it goes on; times in ns. `parent` is the call that was being handled when this one was made."""

    sent: int
    caller: int
    incarnation: int
    callee: str
    request: str
    deadline: int
    parent: int
    lane: int
    ordinal: int
    instance: int = -1
    arrived: int = NEVER
    taken_up: int = NEVER
    done: int = NEVER
    answered: int = NEVER
    outcome: int = PENDING
    answer: str | None = None


def call_columns(calls: list[Call]) -> dict[str, Any]:
    """The raw table: one column a field, one row a call."""
    columns = {field.name: [getattr(call, field.name) for call in calls] for field in fields(Call)}
    return {name: values if name in TEXTS else np.array(values, np.int64) for name, values in columns.items()}


def calls_frame(data: TraceData, messages: Any) -> Any:
    """`trace.calls`; `messages` are the ids of the records in the callers' hands."""
    raw = {field.name: data.column("calls", field.name) for field in fields(Call)}
    actors = data.code_table("actors")
    services = sorted(set(raw["callee"]))
    codes = np.array([services.index(name) for name in raw["callee"]], np.int64)
    times = {name: frames.seconds(raw[name]) for name in ("sent", "arrived", "taken_up", "done", "answered")}
    return frames.frame({
        "call": np.arange(len(codes)), "caller": frames.categorical(raw["caller"], actors),
        "callee": frames.categorical(codes, services), "instance": frames.categorical(raw["instance"], actors),
        **times, "outcome": frames.categorical(raw["outcome"], list(CALL_OUTCOMES)),
        "request": frames.text(raw["request"]), "answer": frames.text(raw["answer"]),
        "message": messages, "parent": frames.nullable(raw["parent"]), "deadline": frames.seconds(raw["deadline"])})
