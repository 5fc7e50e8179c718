"""The tables, laws and pictures on what the engine writes: a dead consumer, a dead broker, a service of one's own."""

import pytest

from simlib import ConsumerGroup, Crash, Producer, Scenario, Service, Topic, Trace, laws, run
from simlib.trace import columns


async def billing(app):
    consumer = app.consumer("orders", group_id="billing", enable_auto_commit=False, auto_offset_reset="earliest")
    async for order in consumer:
        await app.effect("charge", order.value["order_id"])
        await consumer.commit()


CONSUMER_DIES = Scenario(
    [Topic("orders", partitions=3, replication_factor=3)], producers=[Producer("shop", "orders", rate=30, keys=30)],
    groups=[ConsumerGroup("billing", "orders", consumers=3, service_time=0.02)],
    faults=[Crash("billing-1", at=30, restart_after=30)], duration=90, seed=7)
BROKER_DIES = Scenario(
    [Topic("orders", partitions=2, replication_factor=2)], producers=[Producer("shop", "orders", rate=30, keys=30)],
    groups=[ConsumerGroup("billing", "orders", consumers=2, service_time=0.01)],
    faults=[Crash("broker-1", at=10, restart_after=20)], duration=60, seed=7)
SERVICE_DIES = Scenario(
    [Topic("orders")], inputs={"orders": [{"key": f"c{n}", "value": {"order_id": f"o{n}"}} for n in range(10)]},
    services=[Service("billing", billing)], faults=[Crash("billing-0", after="charge", nth=6, restart_after=40)])
RUNS = {"consumer": CONSUMER_DIES, "broker": BROKER_DIES, "service": SERVICE_DIES}


@pytest.fixture(scope="module", params=RUNS)
def trace(request) -> Trace:
    return run(RUNS[request.param])


@pytest.mark.parametrize("law", [laws.conservation, laws.order_per_key, laws.order_per_partition,
                                 laws.commit_never_ahead_of_delivery, laws.no_acked_write_lost,
                                 laws.nothing_lost("billing")])
def test_the_laws_hold(trace, law):
    assert law(trace), law(trace)


@pytest.mark.parametrize("view", columns.VIEWS)
def test_every_view_can_be_made(trace, view):
    documented = [name for name in columns.VIEWS[view][1] if name]
    assert set(documented) <= set(getattr(trace, view).columns)


@pytest.mark.parametrize("plot", ["lag", "duplicates", "timeline", "latency", "assignment", "sequence"])
def test_every_picture_can_be_drawn(trace, plot):
    assert getattr(trace.plot, plot)().png.startswith(b"\x89PNG")


def test_it_survives_the_disk(trace, tmp_path):
    trace.save(tmp_path / "t")
    assert Trace.load(tmp_path / "t").same_as(trace)


def test_the_same_scenario_makes_the_same_bytes(trace):
    assert run(trace.scenario).same_as(trace)


def test_the_tables_agree_with_each_other(trace):
    records, deliveries, summary = trace.records, trace.deliveries, trace.summary()
    assert len(deliveries) == summary.delivered + summary.duplicates
    assert len(trace.duplicates) == summary.duplicates
    assert summary.produced == len(records) == summary.in_log + summary.lost + summary.pending
    assert set(deliveries.message) <= set(records.message[records.appended.notna()])
    assert summary.delivered + summary.backlog == summary.in_log


def test_the_dead_consumers_repeats_are_blamed_on_the_crash():
    duplicates = run(CONSUMER_DIES).duplicates
    assert len(duplicates) > 0 and set(duplicates.cause_of_repeat) == {"crash"} and set(duplicates.partition) == {1}


def test_the_service_charged_one_order_twice():
    trace = run(SERVICE_DIES)
    verdict = laws.exactly_once("charge", expected=[f"o{n}" for n in range(10)])(trace)
    assert verdict.broken and verdict.counterexample.occurrence.tolist() == [1, 2]
    assert laws.at_least_once("charge", expected=[f"o{n}" for n in range(10)])(trace)


def test_a_record_is_kept_in_at_most_150_bytes():
    assert run(CONSUMER_DIES).bytes_per_record() <= 150
