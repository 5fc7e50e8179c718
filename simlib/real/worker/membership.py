"""How a member of kafka-python comes into its group, and back into it: what it needs of whoever polls it."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any

from simlib.services.errors import KafkaTimeoutError

if TYPE_CHECKING:
    from simlib.real.worker.app import RealApp

LOOK_MS = 500
"""How long the thread waits for a record before it looks whether something else is to be done."""

KNOWN_WITHIN = 10.0
"""Seconds; a topic that was just created is known everywhere within a fraction of one."""


def join(client: Any, topics: list[str], listener: Any) -> None:
    """Subscribe, and know the topics before the first poll joins.

    A member that joins earlier joins again a moment later, when it comes to know them; if its broker has not heard of
    them yet, it is assigned nothing, perhaps for minutes. Raises KafkaTimeoutError.
    """
    client.subscribe(topics, listener=listener)
    until = time.monotonic() + KNOWN_WITHIN
    while unknown := {*topics} - client.topics():
        if time.monotonic() > until:
            raise KafkaTimeoutError(f"for {KNOWN_WITHIN:g} s no broker has heard of {', '.join(sorted(unknown))}. Were "
                                    "these topics deleted, or is another Kafka at this address?")
        time.sleep(0.05)


def finish_joining(client: Any) -> None:
    """To be called before each poll: a rebalance that the last poll saw half of goes on in the next.

    kafka-python 3.0.12 forgets one kind of it. A leader that joins again because of new metadata holds itself for
    joined as soon as it has worked out who gets what; if the poll's time is over then, before SyncGroup is answered, no
    later poll takes up the answer: no partition, no heartbeat, no error. (The Java client joins again while a join is
    under way: rejoinNeededOrPending.)
    """
    coordinator = client._coordinator
    if coordinator.rebalance_in_progress():
        coordinator.request_rejoin()


def listener(app: RealApp, group: str, gone: Callable[[Collection[Any]], None]) -> Any:
    """Writes down what a rebalance gives and takes; `gone` is told what is taken."""
    from kafka.consumer.subscription_state import ConsumerRebalanceListener

    class Listener(ConsumerRebalanceListener):  # type: ignore[misc,unused-ignore]
        def on_partitions_revoked(self, revoked: Any) -> None:
            gone(revoked)
            self._write("revoked", revoked)

        def on_partitions_assigned(self, assigned: Any) -> None:
            self._write("assigned", assigned)

        def on_partitions_lost(self, lost: Any) -> None:
            gone(lost)
            self._write("lost_partitions", lost)

        def _write(self, kind: str, partitions: Any) -> None:
            rows = sorted([app.plan.topic(tp.topic), tp.partition] for tp in partitions)
            app.marks.write(kind, group, rows)

    return Listener()
