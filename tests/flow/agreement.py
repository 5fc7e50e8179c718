"""Two engines, one meaning: everything a trace says about records, deliveries, commits and groups, line by line."""

import numpy as np
import pandas as pd

from simlib import run

VIEWS = {
    "records": ["message"],
    "deliveries": ["group", "message", "attempt"],
    "commits": ["time", "group", "topic", "partition", "member"],
    "lag": ["time", "group", "topic", "partition"],
    "skipped": ["time", "group", "topic", "partition"],
    "lost": ["message"],
    "control": ["time", "process", "kind", "partition"],
}
"""Every view and what its rows are sorted by: rows of one instant may stand in any order."""

WITHIN = 1e-9
"""Seconds. CONTRACT.md asks for 1e-6 s."""


def agree(scenario):
    """Both engines tell the same of this scenario. Returns the traces: events, flow."""
    events, flow = (run(scenario, engine=engine, progress=False) for engine in ("events", "flow"))
    for name, keys in VIEWS.items():
        same_view(_sorted(getattr(events, name), keys), _sorted(getattr(flow, name), keys), name)
    assert events.summary() == flow.summary()
    return events, flow


def _sorted(frame, keys):
    plain = frame.astype({name: object for name in frame.columns if frame[name].dtype == "category"})
    return plain.sort_values(keys, kind="stable").reset_index(drop=True)


def same_view(expected, found, name):
    assert list(expected.columns) == list(found.columns)
    for column in expected.columns:
        length = min(len(expected), len(found))
        one, other = expected[column][:length], found[column][:length]
        differs = ~(_near(one, other) | (one.isna() & other.isna()))
        assert not differs.any(), _story(name, column, expected, found, int(np.argmax(differs)))
    assert len(expected) == len(found), f"{name}: {len(expected)} rows, in the flow engine {len(found)}"


def _near(one, other):
    if pd.api.types.is_float_dtype(one):
        return (one - other).abs() <= WITHIN
    return (one == other).fillna(False).astype(bool)


def _story(name, column, expected, found, row):
    return (f"{name}.{column} differs first in row {row}:\n  events {expected.loc[row].to_dict()}\n"
            f"  flow   {found.loc[row].to_dict()}")
