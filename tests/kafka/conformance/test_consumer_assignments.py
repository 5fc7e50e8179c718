"""K84, K91-K93, K95: which member gets what, and how a group goes from one assignment to the next."""

import pytest
from consumer_scenarios import FROM_START, effects, hands, load, of, overlaps, owned

from simlib import ConsumerGroup, Crash, Producer, Scenario, Service, Shutdown, Topic, replace, run

EAGER = ("range", "roundrobin", "sticky")
ALL = (*EAGER, "cooperative-sticky")


def billing(consumers, strategy, topics="orders", **settings):
    return ConsumerGroup("billing", topics, consumers=consumers, partition_assignment_strategy=strategy,
                         auto_offset_reset="earliest", **settings)


def assigned(strategy, consumers, **topics):
    """What the members of a group get of these topics (name=partitions), member by member."""
    scenario = Scenario(topics=[Topic(name, partitions) for name, partitions in topics.items()], brokers=1, duration=5,
                        groups=[billing(consumers, strategy, tuple(topics))])
    trace = run(scenario)
    return [owned(trace, f"billing-{n}") for n in range(consumers)]


def places(*names):
    """"t0p1" -> ("t0", 1)"""
    return {(name[:2], int(name[3:])) for name in names}


@pytest.mark.statement("K84", "K91")
@pytest.mark.parametrize(("strategy", "consumers", "topics", "expected"), [
    ("range", 2, {"t0": 3, "t1": 3}, ["t0p0 t0p1 t1p0 t1p1", "t0p2 t1p2"]),
    ("roundrobin", 2, {"t0": 3, "t1": 3}, ["t0p0 t0p2 t1p1", "t0p1 t1p0 t1p2"]),
    ("range", 3, {"t0": 7}, ["t0p0 t0p1 t0p2", "t0p3 t0p4", "t0p5 t0p6"]),
    ("roundrobin", 3, {"t0": 7}, ["t0p0 t0p3 t0p6", "t0p1 t0p4", "t0p2 t0p5"]),
    ("range", 3, {"t0": 3, "t1": 3}, ["t0p0 t1p0", "t0p1 t1p1", "t0p2 t1p2"]),
    ("sticky", 3, {"t0": 2, "t1": 2, "t2": 2, "t3": 2}, ["t0p0 t1p1 t3p0", "t0p1 t2p0 t3p1", "t1p0 t2p1"]),
    ("cooperative-sticky", 3, {"t0": 2, "t1": 2, "t2": 2, "t3": 2},
     ["t0p0 t1p1 t3p0", "t0p1 t2p0 t3p1", "t1p0 t2p1"]),
])
def test_the_javadocs_examples_through_a_running_group(strategy, consumers, topics, expected):
    assert assigned(strategy, consumers, **topics) == [places(*names.split()) for names in expected]


@pytest.mark.statement("K84")
def test_by_range_ten_topics_of_one_partition_are_all_one_members():
    topics = {f"t{n}": 1 for n in range(10)}
    sizes = {strategy: sorted(map(len, assigned(strategy, 2, **topics))) for strategy in ALL}
    assert sizes == {"range": [0, 10], "roundrobin": [5, 5], "sticky": [5, 5], "cooperative-sticky": [5, 5]}


@pytest.mark.statement("K84", "K86")
@pytest.mark.parametrize("strategy", ALL)
def test_the_idle_member_takes_over_when_another_is_missed(strategy):
    calm = load(billing(3, strategy), partitions=2, stop=80, duration=90)
    busy = list(of(run(replace(calm, "duration", 1)), "assigned", after=-20).process)
    idle = {f"billing-{n}" for n in range(3)} - set(busy)
    trace = run(replace(calm, "faults", [Crash(busy[0], at=20)]))
    assert len(busy) == 2 and len(idle) == 1 and idle <= set(of(trace, "assigned", after=62).process)
    assert trace.deliveries.message.nunique() == 800


# -- from one assignment to the next


@pytest.mark.statement("K91")
@pytest.mark.parametrize("strategy", EAGER)
@pytest.mark.parametrize("client", ["kafka-python", "java"])
def test_an_eager_group_gives_up_everything_before_anybody_gets_anything(strategy, client):
    trace = run(load(billing(3, strategy), partitions=6, rate=20, stop=50, duration=60, client=client,
                     faults=[Shutdown("billing-2", at=20, restart_after=20)]))
    for generation in of(trace, "generation").time:
        after = of(trace, "assigned", after=generation)
        after = after[after.time < generation + 1]
        assert set(after.partition) == set(range(6)) and len(after) == 6
    given_up, generation = of(trace, "revoked", after=39), of(trace, "generation", after=39).time.iloc[0]
    assert set(given_up.partition) == set(range(6)) and given_up.time.max() < generation
    assert not overlaps(trace) and all(len(members) == 1 for members in hands(trace).values())
    assert trace.deliveries[trace.deliveries.time.between(given_up.time.max(), generation)].empty
    assert trace.duplicates.empty and trace.deliveries.message.nunique() == len(trace.records)


@pytest.mark.statement("K92")
@pytest.mark.parametrize("client", ["kafka-python", "java"])
def test_a_cooperative_newcomer_gets_its_share_in_a_second_rebalance(client):
    trace = run(load(billing(3, "cooperative-sticky"), partitions=6, rate=20, stop=50, duration=60, client=client,
                     faults=[Shutdown("billing-2", at=20, restart_after=20)]))
    first, second = of(trace, "generation", after=39).time
    moved = of(trace, "revoked", after=39)
    assert set(moved.process) <= {"billing-0", "billing-1"} and len(moved) == 2
    assert first <= moved.time.min() and moved.time.max() < second
    newcomer = of(trace, "assigned", "billing-2", after=39)
    assert set(newcomer.partition) == set(moved.partition) and newcomer.time.min() > second
    kept = trace.deliveries[~trace.deliveries.partition.isin(moved.partition)]
    kept = kept[kept.time.between(39, 50)]
    assert (kept.groupby("partition").member.nunique() == 1).all()
    assert waits(trace, kept).max() < 0.01  # nobody who keeps a partition stands still
    assert not overlaps(trace) and all(len(members) == 1 for members in hands(trace).values())
    assert trace.duplicates.empty and trace.deliveries.message.nunique() == len(trace.records)


def waits(trace, deliveries):
    """How long these records waited between their creation and their hand-over."""
    created = trace.records.set_index("message").created
    return deliveries.time - deliveries.message.map(created)


@pytest.mark.statement("K92")
def test_when_a_cooperative_member_leaves_the_others_only_gain():
    trace = run(load(billing(3, "cooperative-sticky"), partitions=6, rate=20, stop=30, duration=40,
                     faults=[Shutdown("billing-2", at=20)]))
    assert set(of(trace, "revoked").process) == {"billing-2"}
    assert len(of(trace, "generation")) == 1 and len(of(trace, "assigned")) == 2
    stayed = trace.deliveries[~trace.deliveries.partition.isin(of(trace, "revoked").partition)]
    assert waits(trace, stayed).max() < 0.01
    assert trace.duplicates.empty and trace.deliveries.message.nunique() == len(trace.records)


def at_work(name, seconds, *, between, start=0):
    """A service that charges orders one by one, each taking `seconds` in a span of time."""

    async def main(app):
        async for order in app.consumer("orders", **FROM_START, max_poll_records=1,
                                        partition_assignment_strategy="cooperative-sticky"):
            if between[0] <= app.now < between[1]:
                await app.sleep(seconds)
            await app.effect("charge", order.message)

    return Service(name, main, start=start)


@pytest.mark.statement("K92", "K75")
@pytest.mark.parametrize("client", ["kafka-python", "java"])
def test_a_rebalance_that_ends_while_a_record_is_worked_does_not_commit_it(client):
    """At 31 s `late` comes; `first` joins at 36 s and reads on; `second` at 44 s, and that ends the rebalance."""
    first = at_work("first", 6, between=(30, 60))
    second = at_work("second", 12, between=(32, 36))
    late = at_work("late", 0, between=(0, 0), start=31)
    shop = Producer("shop", "orders", rate=8, keys=30, stop=60)
    trace = run(Scenario(topics=[Topic("orders", 3)], producers=[shop], services=[first, second, late], brokers=1,
                         client=client, duration=150, faults=[Crash("first-0", at=45)]))
    joined, ended = 36, of(trace, "generation", after=40).time.iloc[0]
    assert 44 <= ended < 44.5
    at_first = trace.deliveries[trace.deliveries.member == "first-0"].time
    assert (at_first.between(joined, ended)).sum() == 2  # it reads on meanwhile
    assert of(trace, "revoked", "first-0").empty  # its next poll would have done that
    assert set(effects(trace, "charge")) == set(trace.records.message) and trace.passed_over.empty


# -- who decides on the assignor


def members(**services):
    """One service for each given list of assignors, all in one group."""

    def main_of(strategy):
        async def main(app):
            chosen = {} if strategy is None else {"partition_assignment_strategy": strategy}
            async for order in app.consumer("orders", **FROM_START, **chosen):
                await app.effect(app.name, order.message)

        return main

    return [Service(name, main_of(strategy), restart_after=1_000) for name, strategy in services.items()]


def protocols(client, **services):
    trace = run(Scenario(topics=[Topic("orders", 2)], producers=[Producer("shop", "orders", rate=10, keys=9, stop=20)],
                         services=members(**services), brokers=1, client=client, duration=60))
    return list(of(trace, "generation").detail), trace


@pytest.mark.statement("K93", "K95")
def test_javas_default_is_range_as_long_as_all_offer_it():
    chosen, _ = protocols("java", one=None, two=None, three=None)
    assert set(chosen) == {"range"}


@pytest.mark.statement("K93")
def test_cooperative_is_chosen_once_one_member_no_longer_offers_range():
    chosen, trace = protocols("java", one=None, two=None, three="cooperative-sticky")
    assert set(chosen) == {"cooperative-sticky"} and trace.deliveries.message.nunique() == 200


@pytest.mark.statement("K93")
def test_members_without_a_common_assignor_cannot_be_in_one_group():
    chosen, trace = protocols("kafka-python", one="range", two="roundrobin")
    refused = of(trace, "exception")
    assert len(set(chosen)) == 1 and len(refused) == 1 and "InconsistentGroupProtocol" in refused.detail.iloc[0]
    assert trace.deliveries.message.nunique() == 200
