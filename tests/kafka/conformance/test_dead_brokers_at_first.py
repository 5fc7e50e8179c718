"""Clients that meet dead brokers first: nothing is silently left out."""

import pytest

from simlib import ConsumerGroup, Crash, Producer, Scenario, Service, Topic, run


@pytest.mark.statement("K01")
def test_acks_0_loses_what_is_on_the_wire_and_then_finds_the_new_leader():
    trace = run(Scenario([Topic("orders", replication_factor=3)],
                         producers=[Producer("checkout", topic="orders", rate=50, acks=0)],
                         faults=[Crash("broker-0", at=30, restart_after=15)], duration=60), progress=False)
    elected = trace.control[(trace.control.kind == "elected") & (trace.control.topic == "orders")].time.iloc[-1]
    lost = trace.records[trace.records.copies == 0]
    assert len(trace.records) == 3_000
    assert 1 <= len(lost) < 50 * 9 and lost.created.max() < elected + 0.1  # each attempt costs what it carries


def test_a_load_that_waits_for_its_first_metadata_leaves_no_record_out():
    trace = run(Scenario([Topic("orders", replication_factor=3)],
                         producers=[Producer("checkout", topic="orders", rate=10, start=20, stop=21)],
                         groups=[ConsumerGroup("billing", topic="orders")],
                         faults=[Crash("broker-1", at=5), Crash("broker-2", at=5)], duration=30), progress=False)
    assert sorted(trace.records.message) == sorted(f"checkout:{n}" for n in range(10))


def test_inputs_that_wait_for_their_first_metadata_leave_no_row_out():
    rows = [{"value": {"n": n}} for n in range(5)]
    trace = run(Scenario([Topic("orders", replication_factor=3)], inputs={"orders": rows},
                         faults=[Crash("broker-0", at=0), Crash("broker-1", at=0)], duration=60), progress=False)
    assert len(trace.records) == 5


@pytest.mark.statement("K78")
def test_the_record_that_failed_is_passed_over_though_the_consumer_was_closed():
    async def billing(app):
        async with app.consumer("orders", group_id="billing", auto_offset_reset="earliest") as consumer:
            async for order in consumer:
                if order.value["n"] == 2:
                    raise ValueError("cannot do this one")

    rows = [{"value": {"n": n}} for n in range(5)]
    trace = run(Scenario([Topic("orders")], inputs={"orders": rows}, services=[Service("billing", billing)]),
                progress=False)
    assert trace.passed_over.message.tolist() == ["inputs:2"]
