"""How much of a run its trace tells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from simlib.scenario.folds import BATCHES

FOLDED = ("exact counts; every duplicate, late delivery and loss; every commit and control event; "
          "latencies within 1 %; the lag now and then")
COHORTS = ("exact counts; every duplicate, late delivery and loss; every commit and control event; latencies between "
           "those of the first and the last record that a poll took of a batch, within 1 %; the lag now and then")


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
    folded = meta.get("folded", False)
    kept = COHORTS if folded == BATCHES else FOLDED if folded else "every record"
    return Fidelity(engine, kept, bool(folded))
