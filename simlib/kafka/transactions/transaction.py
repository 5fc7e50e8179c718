"""One transactional id as its coordinator knows it: this is also the record it writes to its log."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from simlib.units import MS


class State(Enum):
    EMPTY = "Empty"
    ONGOING = "Ongoing"
    PREPARE_COMMIT = "PrepareCommit"
    PREPARE_ABORT = "PrepareAbort"
    COMPLETE_COMMIT = "CompleteCommit"
    COMPLETE_ABORT = "CompleteAbort"


PREPARED = frozenset({State.PREPARE_COMMIT, State.PREPARE_ABORT})
"""The decision is written down, and not every partition has heard of it."""

COMPLETED = {State.PREPARE_COMMIT: State.COMPLETE_COMMIT, State.PREPARE_ABORT: State.COMPLETE_ABORT}


@dataclass(frozen=True, slots=True)
class Transaction:
    """`started` (ns): when the first partition was added; `partitions`: those with an open part of it.

    `bumped`: the last end raised the epoch, so its producer may ask again with the one before.
    """

    transactional_id: str
    pid: int
    epoch: int
    timeout_ms: float
    bumps: bool
    client_name: str
    state: State = State.EMPTY
    partitions: tuple[int, ...] = ()
    started: int = 0
    bumped: bool = False
    why: str = ""

    @property
    def expires(self) -> int:
        """After this instant the coordinator aborts it (K34)."""
        return self.started + round(self.timeout_ms * MS)

    @property
    def committed(self) -> bool:
        """How it was decided."""
        return self.state in (State.PREPARE_COMMIT, State.COMPLETE_COMMIT)
