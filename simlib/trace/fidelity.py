"""How much of a run its trace tells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

FOLDED = ("exact counts; every duplicate, late delivery and loss; every commit and control event; "
          "latencies within 1 %; the lag now and then")


@dataclass(frozen=True)
class Fidelity:
    """`engine`: "events", "flow" or "real"; `kept`: what the trace holds; `folded`: sums of records, not each."""

    engine: str
    kept: str
    folded: bool = False

    def __str__(self) -> str:
        return f"{self.kept} ({self.engine})"


def fidelity_of(meta: dict[str, Any]) -> Fidelity:
    """From what a trace says about itself; one that was saved before there were two engines says nothing."""
    engine = "real" if meta.get("on") else meta.get("engine", "events")
    return Fidelity(engine, FOLDED if meta.get("folded") else "every record", bool(meta.get("folded")))
