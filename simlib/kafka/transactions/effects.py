"""What the transaction coordinator wants done, for whoever owns its log and its network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from simlib.kafka.transactions.messages import Response
from simlib.kafka.transactions.transaction import Transaction


@dataclass(frozen=True, slots=True)
class Answer:
    """Send `response` to whoever asked with `reply`."""

    reply: Any
    response: Response


@dataclass(frozen=True, slots=True)
class Append:
    """Write `record` to the replicated log; call `replicated` when it is there, then send the answer."""

    record: Transaction
    answer: Answer | None = None


@dataclass(frozen=True, slots=True)
class Mark:
    """Tell every partition of a decided transaction how it ended; call `marked` for each that has written it."""

    transaction: Transaction


Effect = Answer | Append | Mark
