"""A consumer's place in its group, whatever the protocol: who keeps the group, how long it may work, how it leaves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from simlib.kafka.cluster import OFFSETS
from simlib.kafka.groups.messages import NO_GENERATION, NO_MEMBER_ID
from simlib.units import millis
from simlib.world.process import Alarm


class Place:
    """Member id and generation (KIP-848: member epoch), and what has to be done about them."""

    heartbeats: Any

    def __init__(self, consumer: Any) -> None:
        self.consumer = consumer
        self.member_id = NO_MEMBER_ID
        self.generation = NO_GENERATION
        self._lost = False
        self._patience = millis(consumer.settings.max_poll_interval_ms)
        self._poll_limit = Alarm(consumer.process, self._polled_too_late)

    def coordinator(self) -> Any:
        """The broker that keeps this group; None if it is not known or left alone for now."""
        return self.consumer.metadata.leader(OFFSETS)

    def working(self) -> None:
        """The application has records in hand and must poll again within max_poll_interval_ms (K88)."""
        self._poll_limit.set(self.consumer.process.clock.now + self._patience)

    def fenced(self, error: str) -> None:
        """The group went on without this member: its partitions belong to others already (K97)."""
        raise NotImplementedError

    def _polled_too_late(self) -> None:
        """max_poll_interval_ms is over without a poll: the member leaves (K88); a static one means to return (K89)."""
        consumer = self.consumer
        consumer.recorder.event("evicted", consumer.process, group=consumer.group_code, detail="max_poll_interval_ms")
        self._say_goodbye(_nothing_more)
        self.fenced("UNKNOWN_MEMBER_ID")

    # -- leaving

    def leave(self, then: Callable[[], None]) -> None:
        """Close: commit what was handed over (auto-commit only), then tell the group."""
        self._abandon_rebalance()
        self.consumer.commits.auto_commit(lambda error: self._leave(then))

    def _leave(self, then: Callable[[], None]) -> None:
        self.heartbeats.stop()
        self._poll_limit.set(None)
        self.consumer.revoke(list(self.consumer.cursors), self._lost)
        self._say_goodbye(then)

    def _abandon_rebalance(self) -> None:
        """Whatever is under way is off."""
        raise NotImplementedError

    def _say_goodbye(self, then: Callable[[], None]) -> None:
        raise NotImplementedError


def _nothing_more() -> None:
    """Nobody waits for the goodbye to arrive."""
