"""What a judge says about a trace: the few rows that matter, in the words of the lessons."""

from collections.abc import Mapping
from typing import Any

TURNS = ("crashed", "restarted", "evicted", "assigned")
COLUMNS = ["time", "process", "kind", "offset", "detail"]


def turns(trace: Any, rows: int = 6) -> Any:
    """From the first crash on: who died, who was given up, who went on."""
    told = trace.events[trace.events.kind.isin(TURNS)]
    crashes = told.index[told.kind == "crashed"]
    since = told.loc[crashes[0]:] if len(crashes) else told
    return since[["time", "process", "kind", "detail"]].head(rows).round(3).set_index("time")


def last_steps(trace: Any, rows: int = 6) -> Any:
    """What the first process to die did last."""
    events = trace.events
    dead = events[events.kind == "crashed"].iloc[0]
    own = events[(events.process == dead.process) & (events.time <= dead.time)]
    shown = own[COLUMNS].tail(rows).round(3).set_index("time")
    return shown.assign(offset=shown.offset.astype("string").fillna(""))


def own_exception(trace: Any) -> str | None:
    """The first exception that the learner's code raised, as its last line."""
    raised = trace.events[trace.events.kind == "exception"]
    return None if raised.empty else str(raised.iloc[0].detail)


def is_order(value: Any) -> bool:
    return isinstance(value, Mapping) and "order_id" in value


def not_orders(trace: Any) -> list[Any]:
    """What stands in a topic and is no order: not a dict with an `order_id`."""
    return [value for value in trace.records.value[trace.records.copies > 0] if not is_order(value)]


def skipped_at_first(trace: Any) -> str | None:
    """What to say where a group without a commit began behind the orders that were there already."""
    skipped = trace.summary().skipped
    if not skipped:
        return None
    return (f"Your group begins behind what is there already: {skipped} orders are never handed over. Where it has no "
            'commit, a consumer starts at the end, unless you say auto_offset_reset="earliest" [K81].')


def kill_in_words(kill: Any) -> str:
    """A kill as a half sentence: "Killed right after charge 40"."""
    return f"Killed right {'after' if kill.after else 'before'} {kill.step} {kill.nth}"


def given_up_after(trace: Any) -> float | None:
    """Seconds from the first crash until the group gave the dead one up; None where it never had to."""
    events = trace.events
    crashed, evicted = events[events.kind == "crashed"], events[events.kind == "evicted"]
    return None if crashed.empty or evicted.empty else float(evicted.iloc[0].time - crashed.iloc[0].time)


def first_line(counterexample: Any) -> str:
    """How the story begins: "3.009 s: billing-0 did: charge o-00001. Then it died, before its next line."."""
    return str(counterexample.telling.split("\n")[0])
