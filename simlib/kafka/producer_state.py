"""What a partition remembers of idempotent producers, to tell a retry from a new record. No clock."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from simlib.kafka.lane import NO_SEQUENCE, Batch
from simlib.units import SECOND

BATCHES_TO_RETAIN = 5
"""As Kafka's ProducerStateEntry (K17)."""

EXPIRATION = 24 * 3600 * SECOND
"""producer.id.expiration.ms: after this much silence the partition forgets a producer (K21)."""

SEQUENCES = 2**31
"""Sequence numbers wrap around after MAX_INT (K20)."""


@dataclass(slots=True)
class ProducerState:
    epoch: int
    last_append: int = 0
    batches: deque[tuple[int, int, int]] = field(default_factory=lambda: deque(maxlen=BATCHES_TO_RETAIN))

    @property
    def next_sequence(self) -> int:
        first, count, _ = self.batches[-1]
        return (first + count) % SEQUENCES


class ProducerStates:
    """By producer id: its epoch and its last five batches (first sequence, count, base offset)."""

    def __init__(self) -> None:
        self._states: dict[int, ProducerState] = {}

    def epoch(self, pid: int) -> int:
        """The newest epoch seen of a producer id, -1 if none."""
        state = self._states.get(pid)
        return -1 if state is None else state.epoch

    def check(self, batch: Batch, now: int) -> tuple[str, int]:
        """("", -1) if the batch is next; else the error and, of a known duplicate, the first offset (K17, K18, K20)."""
        state = self._states.get(batch.pid)
        if state is None or now - state.last_append > EXPIRATION:
            return "", -1  # nothing remembered: any sequence is accepted (K21)
        if batch.epoch < state.epoch:
            return "INVALID_PRODUCER_EPOCH", -1
        if batch.epoch > state.epoch:
            return ("", -1) if batch.sequence <= 0 else ("OUT_OF_ORDER_SEQUENCE_NUMBER", -1)
        for first, count, base in state.batches:
            if first == batch.sequence and count == batch.count:
                return "DUPLICATE", base
        if not state.batches or batch.sequence in (NO_SEQUENCE, state.next_sequence):
            return "", -1
        return "OUT_OF_ORDER_SEQUENCE_NUMBER", -1

    def remember(self, batch: Batch, base: int, now: int) -> None:
        state = self._states.get(batch.pid)
        if state is None or state.epoch != batch.epoch:
            state = self._states[batch.pid] = ProducerState(batch.epoch)
        state.last_append = now
        if batch.sequence != NO_SEQUENCE:
            state.batches.append((batch.sequence, batch.count, base))
