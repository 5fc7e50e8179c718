"""`recorded(name)`: a run on a real Kafka, from a file that ships with the course."""

from __future__ import annotations

from dataclasses import replace
from difflib import get_close_matches
from typing import Any

from simlib.data import data_file
from simlib.recordings.scenarios import SCENARIOS
from simlib.trace.storage import load
from simlib.trace.trace import Trace

FOLDER = "recorded"
ENDING = ".trace"
ORIGIN = "recorded"
"""Where in a trace's `meta` stands what recorded it: date, kafka, client, python, system, scenario."""


def recorded(name: str | None = None) -> Any:
    """The recorded real run of this name as a trace; without a name, a table of all there are.

    `trace.scenario` is what was run, so `run(trace.scenario)` is the simulated side; `trace.data.meta["recorded"]` says
    with what and when. LookupError for a name there is not; DataFileError where its file is missing.
    """
    if name is None:
        return _table()
    if name not in SCENARIOS:
        raise LookupError(_no_such(name))
    data = load(data_file(f"{FOLDER}/{name}{ENDING}"))
    meta = data.meta | {"warnings": data.meta[ORIGIN]["warnings"]}  # the file lacks code; the course has it
    return Trace(replace(data, scenario=SCENARIOS[name].scenario, meta=meta))


def _no_such(name: Any) -> str:
    near = get_close_matches(str(name), SCENARIOS, n=1)
    meant = f" Did you mean {near[0]!r}?" if near else ""
    return f"recorded({name!r}): there is no such recording.{meant} There are {', '.join(SCENARIOS)}"


def _table() -> Any:
    import pandas

    rows = [_row(name) for name in SCENARIOS]
    return pandas.DataFrame(rows).set_index("name")


def _row(name: str) -> dict[str, Any]:
    origin = load(data_file(f"{FOLDER}/{name}{ENDING}")).meta[ORIGIN]
    return {"name": name, "what happens": SCENARIOS[name].words, "kafka": origin["kafka"], "client": origin["client"],
            "date": origin["date"]}
