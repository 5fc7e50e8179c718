"""What was recorded, by name: the scenarios of the lessons, or as much of them as a real Kafka can do."""

from __future__ import annotations

from typing import NamedTuple

from simlib.data import orders
from simlib.recordings.shops import (
    TABLES,
    billing,
    billing_auto,
    billing_first,
    billing_once,
    billing_slowly,
    moving,
    numbered_checkout,
    plain_checkout,
)
from simlib.scenario import ConsumerGroup, Crash, LoseReply, Pause, Producer, Scenario, Service, Topic, replace

SHOP = Scenario((Topic("orders"),), inputs={"orders": tuple(orders(200, rate=10))},
                services=(Service("billing", billing),))
KILLED = replace(SHOP, "faults", [Crash("billing-0", after="charge", nth=118, restart_after=40)])


class Recordable(NamedTuple):
    """One run: what happens in it in words, and the scenario."""

    words: str
    scenario: Scenario


def _leader_dies() -> Scenario:
    """The followers of both topics stand still while their leader takes its last orders."""
    topics = (Topic("thanked", replication_factor=3),
              Topic("kept", replication_factor=3, config={"min_insync_replicas": 2}))
    shops = (Producer("quick", "thanked", rate=20, stop=12, acks=1),
             Producer("careful", "kept", rate=20, stop=12, acks="all"))
    faults = (Pause("broker-1", at=3, duration=3), Pause("broker-2", at=3, duration=3),
              Crash("broker-0", at=5, restart_after=15))
    return Scenario(topics, shops, (ConsumerGroup("billing", "thanked"),), faults=faults, duration=32)


def _answer_lost() -> Scenario:
    """Two shops, one numbers its records; each loses the answer to its 30th request, which is its 30th order."""
    shops = (Service("plain", plain_checkout), Service("numbered", numbered_checkout))
    losses = tuple(LoseReply(f"{shop.name}-0", "produce", nth=30) for shop in shops)
    return Scenario((Topic("a"), Topic("b")), services=shops, faults=losses)


def _zombie() -> Scenario:
    """Each of the two has a partition, and is at work when the pause begins."""
    twins = Service("billing", billing_slowly, instances=2)
    return Scenario((Topic("orders", partitions=2),), inputs={"orders": tuple(orders(12, rate=12))}, services=(twins,),
                    faults=(Pause("billing-0", at=9, duration=60),))


def _inbox() -> Scenario:
    billed_once = Service("billing", billing_once, database=TABLES)
    kill = Crash("billing-0", before="commit", nth=3, restart_after=1)
    return replace(SHOP, {"inputs.orders": orders(6), "services": [billed_once], "faults": [kill]})


SCENARIOS: dict[str, Recordable] = {
    "05-calm": Recordable("200 orders, and nothing happens", SHOP),
    "05-crash": Recordable("billing is killed right after charge 118", KILLED),
    "05-first": Recordable("commit first, and killed right after commit 118", replace(
        KILLED, {"services.billing.main": billing_first, "faults.0.after": "commit"})),
    "05-auto": Recordable("nobody wrote commit; killed after charge 118", replace(
        KILLED, "services.billing.main", billing_auto)),
    "05-auto-2": Recordable("the same scenario as 05-auto, run once more", replace(
        KILLED, "services.billing.main", billing_auto)),
    "05-zombie": Recordable("one of two stands still, an order in its hands", _zombie()),
    "05-leader": Recordable("a leader dies; one shop acks=1, one acks='all'", _leader_dies()),
    "05-answer": Recordable("an answer is lost: with idempotence, and without",
                            _answer_lost()),
    "06-inbox": Recordable("an inbox; killed before Kafka's third commit", _inbox()),
    "16-no-key": Recordable("six events, one without key; a compacted topic", Scenario(
        (Topic("addresses", config={"cleanup_policy": "compact"}),), services=(Service("moving", moving),))),
}
