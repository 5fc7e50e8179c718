"""Everything that happened, in one table: marks about records, and control events."""

from __future__ import annotations

from typing import Any

import numpy as np

from simlib.trace import frames
from simlib.trace.columns import KINDS, MARKS
from simlib.trace.deliveries import Deliveries
from simlib.trace.trace_data import OUTCOMES, TraceData, object_array
from simlib.units import NEVER

FIELDS = ("time", "rank", "kind", "actor", "group", "tp", "offset", "message", "detail")
LAST_KINDS = ("crashed", "power_lost", "shutdown", "exception")
"""What ends a process comes after the marks that the process left at the same instant."""

KIND_CODE = {kind: code for code, kind in enumerate(KINDS)}


def control_frame(data: TraceData) -> Any:
    """The control events alone, with their numbers a and b."""
    columns = _public(data, {"time": data.column("events", "time"), "kind": _kinds(data),
                             "actor": data.column("events", "actor"), "group": data.column("events", "group"),
                             "tp": data.column("events", "tp")})
    return frames.frame({**columns, "a": data.column("events", "a"), "b": data.column("events", "b"),
                         "detail": frames.text(data.column("events", "detail"))})


def events_frame(deliveries: Deliveries) -> Any:
    """Marks and control events in order of time; at one instant control, then marks as they follow, then deaths."""
    parts = [_control(deliveries.data), *_producer_marks(deliveries), *_consumer_marks(deliveries)]
    merged = {name: np.concatenate([part[name] for part in parts]) for name in FIELDS}
    order = np.lexsort((merged["rank"], merged["time"]))
    merged = {name: column[order] for name, column in merged.items()}
    data, messages = deliveries.data, deliveries.messages
    known = merged["message"] >= 0
    producer = np.where(known, np.r_[messages.producer, -1][merged["message"]], -1)
    number = np.r_[data.column("messages", "number"), -1][merged["message"]]
    return frames.frame({**_public(data, merged), "offset": frames.nullable(merged["offset"]),
                         "message": frames.message_ids(data, producer, number),
                         "detail": frames.text(merged["detail"])})


def _public(data: TraceData, columns: dict[str, np.ndarray]) -> dict[str, Any]:
    return {"time": frames.seconds(columns["time"]), "kind": frames.categorical(columns["kind"], list(KINDS)),
            "process": frames.categorical(columns["actor"], data.code_table("actors")),
            "group": frames.categorical(columns["group"], data.code_table("groups")),
            **frames.topic_and_partition(data, columns["tp"])}


def _kinds(data: TraceData) -> np.ndarray:
    return np.array([KIND_CODE[kind] for kind in data.column("events", "kind")], np.int8)


def _part(kind: str, time: np.ndarray, **columns: np.ndarray) -> dict[str, np.ndarray]:
    """Rows of one kind of mark; fields that are not given are empty."""
    rows, code = len(time), KIND_CODE[kind]
    empty = {name: np.full(rows, -1, np.int32) for name in ("actor", "group", "tp", "offset", "message")}
    part = {"time": time, "rank": np.full(rows, code + 1, np.int8), "kind": np.full(rows, code, np.int8),
            "detail": np.full(rows, "", object), **empty, **columns}
    happened = time != NEVER
    return {name: column[happened] for name, column in part.items()}


def _control(data: TraceData) -> dict[str, np.ndarray]:
    kinds = _kinds(data)
    is_last = np.isin(kinds, [KIND_CODE[kind] for kind in LAST_KINDS])
    return {"time": data.column("events", "time"), "rank": np.where(is_last, len(MARKS) + 1, 0), "kind": kinds,
            "actor": data.column("events", "actor"), "group": data.column("events", "group"),
            "tp": data.column("events", "tp"), "offset": np.full(len(kinds), -1),
            "message": np.full(len(kinds), -1), "detail": data.column("events", "detail")}


def _producer_marks(deliveries: Deliveries) -> list[dict[str, np.ndarray]]:
    messages = deliveries.messages
    rows, tp = np.arange(len(messages)), messages.tp
    written, told = messages.of("appends"), messages.of("acks")
    acked = messages.spread("acks", "outcome") == OUTCOMES.index("acked")
    return [
        _part("produced", messages.created, actor=messages.producer, tp=tp, message=rows),
        _part("appended", messages.spread("appends", "time"), actor=messages.spread("appends", "broker"),
              tp=tp[written], offset=messages.offsets("appends"), message=written),
        _part("acked", messages.spread("acks", "time")[acked], actor=messages.producer[told][acked],
              tp=tp[told][acked], offset=messages.offsets("acks")[acked], message=told[acked]),
    ]


def _consumer_marks(deliveries: Deliveries) -> list[dict[str, np.ndarray]]:
    data = deliveries.data
    about = {"actor": deliveries.member, "group": deliveries.group, "tp": deliveries.tp,
             "offset": deliveries.offset, "message": deliveries.message}
    commits = {name: data.column("commits", name) for name in ("group", "tp", "offset")}
    return [_part("delivered", deliveries.time, **about), _part("handled", deliveries.done, **about),
            _part("committed", data.column("commits", "time"), actor=data.column("commits", "member"), **commits),
            _part("effect", data.column("effects", "time"), actor=data.column("effects", "process"),
                  message=effect_messages(deliveries), detail=_effect_details(data))]


def effect_messages(deliveries: Deliveries) -> np.ndarray:
    """The message each effect was done for; -1 if none."""
    return in_hand_messages(deliveries, "effects")


def in_hand_messages(deliveries: Deliveries, table: str) -> np.ndarray:
    """The message that was in hand at each row of a raw table; -1 if none."""
    lane, ordinal = deliveries.data.column(table, "lane"), deliveries.data.column(table, "ordinal")
    return np.where(lane < 0, -1, np.r_[deliveries.messages.first, 0][lane] + ordinal)


def _effect_details(data: TraceData) -> np.ndarray:
    names = data.code_table("effects")
    pairs = zip(data.column("effects", "name"), data.column("effects", "key"), strict=True)
    return object_array(f"{names[name]} {key}" for name, key in pairs)
