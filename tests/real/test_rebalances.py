"""A member comes back from a rebalance whose end its poll did not see."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any

import pytest
from real_shop import QUICK, acts, run_for_real, shop

from simlib import AddPartitions, LocalKafka, Service
from simlib.real.worker.membership import LOOK_MS, finish_joining, join

pytestmark = pytest.mark.real
MANY = 200
"""Polls, a tenth of a second each."""


class LateAssignments:
    """Answers to SyncGroup, which bring a member what it is assigned, wait until they are let through."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        from kafka.net.manager import KafkaConnectionManager

        self.waiting: list[tuple[Any, Any, Any]] = []
        self._send = KafkaConnectionManager.send
        self._patch = monkeypatch
        monkeypatch.setattr(KafkaConnectionManager, "send", lambda *given, **more: self._later(*given, **more))

    def _later(self, manager: Any, request: Any, *given: Any, **more: Any) -> Any:
        from kafka.future import Future

        answer = self._send(manager, request, *given, **more)
        if type(request).__name__ != "SyncGroupRequest":
            return answer
        self.waiting.append((manager, answer, Future()))
        return self.waiting[-1][2]

    def let_through(self) -> None:
        self._patch.undo()
        for manager, answer, late in self.waiting:
            manager.call_soon(answer.chain, late)


class Told:
    """What the rebalances of a member gave it, one list of partitions a rebalance."""

    def __init__(self) -> None:
        from kafka.consumer.subscription_state import ConsumerRebalanceListener

        class Listener(ConsumerRebalanceListener):  # type: ignore[misc,unused-ignore]
            def on_partitions_revoked(self, revoked: Any) -> None:
                pass

            def on_partitions_assigned(this, assigned: Any) -> None:
                self.assigned.append(sorted(tp.partition for tp in assigned))

        self.assigned: list[list[int]] = []
        self.listener = Listener()


def half_a_rebalance(kafka: LocalKafka, monkeypatch: pytest.MonkeyPatch, poll: Callable[[Any], Any]) -> list[list[int]]:
    """The topic of a lone member grows; the poll in which it joins again ends before it is told its partitions."""
    from kafka import KafkaAdminClient, KafkaConsumer

    topic, told = f"simlib-{secrets.token_hex(4)}-orders", Told()
    admin = KafkaAdminClient(bootstrap_servers=kafka.bootstrap)
    client = KafkaConsumer(bootstrap_servers=kafka.bootstrap, group_id=topic, **QUICK)
    try:
        admin.create_topics({topic: {"num_partitions": 1, "replication_factor": 1}}, wait_for_metadata=True)
        join(client, [topic], told.listener)
        until(lambda: told.assigned, client, poll)
        late = LateAssignments(monkeypatch)
        admin.create_partitions({topic: 2})
        until(lambda: late.waiting, client, lambda client: (client.topics(), poll(client)))
        poll(client)
        late.let_through()
        for _ in range(20):
            poll(client)
        return told.assigned
    finally:
        client.close()
        admin.delete_topics([topic])
        admin.close()


def until(condition: Callable[[], Any], client: Any, poll: Callable[[Any], Any]) -> None:
    for _ in range(MANY):
        if condition():
            return
        poll(client)
    raise AssertionError("it never happened")


def test_kafka_python_by_itself_forgets_what_it_was_assigned(kafka: LocalKafka, monkeypatch) -> None:
    """3.0.12. Once this fails, `finish_joining` is no longer needed."""
    assert half_a_rebalance(kafka, monkeypatch, lambda client: client.poll(100)) == [[0]]


def test_a_member_of_ours_gets_what_it_was_assigned(kafka: LocalKafka, monkeypatch) -> None:
    def poll(client: Any) -> None:
        finish_joining(client)
        client.poll(100)

    assigned = half_a_rebalance(kafka, monkeypatch, poll)
    assert assigned[0] == [0] and assigned[-1] == [0, 1]


def slow_to_join(seconds: float) -> Callable[[Any], Any]:
    """A service that hears of every assignment late."""
    async def billing(app: Any) -> None:
        from kafka.future import Future
        from kafka.net.manager import KafkaConnectionManager

        send = KafkaConnectionManager.send

        def later(manager: Any, request: Any, *given: Any, **more: Any) -> Any:
            answer = send(manager, request, *given, **more)
            if type(request).__name__ != "SyncGroupRequest":
                return answer
            late = Future()
            manager._net.call_later(seconds, lambda: answer.chain(late))
            return late

        KafkaConnectionManager.send = later
        async for order in app.consumer("orders", group_id="billing", metadata_max_age_ms=1_000, **QUICK):
            await app.effect("charge", order.value["order_id"])

    return billing


def test_a_run_whose_members_join_slowly_is_as_complete_as_any(kafka: LocalKafka) -> None:
    rows = [{"value": {"order_id": n}, "at": n / 2, "partition": 0} for n in range(12)]
    scenario = shop(services=[Service("billing", slow_to_join(1.5 * LOOK_MS / 1_000))],
                    inputs={"orders": rows}, faults=[AddPartitions("orders", at=2, to=2)])
    trace = run_for_real(scenario, kafka.url)
    assert {key for _, key in acts(trace)} == {*range(12)}
    given = trace.events.query("kind == 'assigned'")
    assert {*given["partition"]} == {0, 1}
