"""What the player cannot play, said before it opens."""

from __future__ import annotations

from typing import Any

from simlib.trace import Trace


class NotPlayable(ValueError):
    """A thing that is no trace, or a trace in which there is nothing to watch."""


def checked(trace: Any) -> Trace:
    """The trace, if it can be played; NotPlayable says why not, and what to do."""
    if not isinstance(trace, Trace):
        raise NotPlayable(f"the player needs a trace; it was given {type(trace).__name__}. "
                          "Give what run(scenario) returns, or a counterexample's .trace")
    if trace.data.meta.get("folded"):
        raise NotPlayable("this trace is folded: it holds sums over many records and no single one, so there is "
                          "nothing to play record by record. Run the scenario with engine=\"events\", or look at "
                          "trace.summary() and trace.plot.lag()")
    if not len(trace.messages) and not trace.data.rows("events"):
        raise NotPlayable("this trace is empty: nothing was sent and nothing happened. Give the scenario a producer "
                          "or inputs, and a duration in which they can do something")
    return trace
