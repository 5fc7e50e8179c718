"""What a judge says about a trace: the few rows that matter, in the words of the lessons."""

from typing import Any

KINDS = ("crashed", "restarted", "joined", "evicted", "assigned", "exception")


def story(trace: Any, rows: int = 8) -> Any:
    """The control events from the first crash on: who died, who was given up, who went on."""
    events = trace.events
    told = events[events.kind.isin(KINDS)]
    crashes = told.index[told.kind == "crashed"]
    return (told.loc[crashes[0]:] if len(crashes) else told).head(rows)


def own_exception(trace: Any) -> str | None:
    """The first exception that the learner's code raised, as its last line."""
    raised = trace.events[trace.events.kind == "exception"]
    return None if raised.empty else str(raised.iloc[0].detail)


def crash_in_words(kill: Any) -> str:
    """ "It dies right after the charge of order 40" """
    when = "right after" if kill.after else "right before"
    return f"It dies {when} {kill.step} number {kill.nth}"


def who_waited(trace: Any) -> str:
    """When the dead one fell silent and when its group was told, in a sentence; empty where nobody was given up."""
    events = trace.events
    crashed, evicted = events[events.kind == "crashed"], events[events.kind == "evicted"]
    if crashed.empty or evicted.empty:
        return ""
    dead, given_up = crashed.iloc[0], evicted.iloc[0]
    return f"{dead.process} died at {dead.time:.0f} s; Kafka gave it up at {given_up.time:.0f} s."
