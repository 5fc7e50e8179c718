"""When a run ends: duration, quiet, stuck, interrupted."""

import pytest

from simlib import ConsumerGroup, Crash, Pause, Producer, Scenario, Service, Topic, run


def service(main, **more):
    return Scenario(topics=[Topic("orders")], services=[Service("clock", main)], **more)


def ended(scenario):
    trace = run(scenario)
    return trace.ended, round(trace.ended_at, 4)


def test_declared_load_alone_runs_to_its_duration():
    load = Scenario(topics=[Topic("orders")], producers=[Producer("shop", topic="orders", rate=10, records=5)],
                    groups=[ConsumerGroup("billing", "orders")], duration=33.5)
    assert ended(load) == ("duration", 33.5)


def test_inputs_end_quiet_five_seconds_after_the_last_mark():
    scenario = Scenario(topics=[Topic("orders")], inputs={"orders": [{"value": 1}, {"value": 2, "at": 7}]})
    trace = run(scenario)
    assert trace.ended == "quiet"
    assert trace.ended_at == pytest.approx(trace.records.appended.max() + 5)


def test_duration_comes_first_where_it_is_shorter():
    async def main(app):
        await app.sleep(30)

    assert ended(service(main, duration=12)) == ("duration", 12.0)


@pytest.mark.parametrize("length, end", [(4.9, 9.9005), (5.0, 10.0005), (5.1, 10.1005), (300.0, 305.0005)])
def test_a_sleep_of_up_to_five_seconds_is_a_heartbeat_and_a_longer_one_is_waited_for(length, end):
    async def main(app):
        await app.sleep(length)
        await app.effect("woke up", 1)

    trace = run(service(main))
    assert trace.ended == "quiet"
    assert trace.ended_at == pytest.approx(end)


def test_a_heartbeat_that_leaves_no_mark_does_not_keep_a_run_going():
    async def main(app):
        while True:
            await app.sleep(1)

    assert ended(service(main)) == ("quiet", 5.0)


def test_effects_keep_it_going():
    async def main(app):
        while True:
            await app.effect("tick", app.now)
            await app.sleep(4)

    assert ended(service(main, duration=50)) == ("duration", 50.0)


def test_a_restart_is_waited_for():
    async def main(app):
        await app.effect("begin", app.now)
        await app.sleep(1)

    trace = run(service(main, faults=[Crash("clock-0", at=0.5, restart_after=50)]))
    assert list(trace.effects.key) == [0, 50.5] and trace.ended == "quiet"


def test_a_fault_to_come_is_waited_for():
    async def main(app):
        await app.sleep(1)

    trace = run(service(main, faults=[Pause("clock-0", at=80, duration=1)]))
    assert trace.ended == "quiet" and trace.ended_at >= 80


def test_work_is_waited_for():
    async def main(app):
        await app.work(100)
        await app.effect("worked", 1)

    assert ended(service(main)) == ("quiet", 105.0005)


def test_the_session_of_a_dead_member_is_waited_for():
    async def main(app):
        consumer = app.consumer("orders", group_id="clock", auto_offset_reset="earliest")
        async for record in consumer:
            await app.effect("tick", (app.name, record.value))

    scenario = Scenario(topics=[Topic("orders")], services=[Service("clock", main, instances=2)],
                        inputs={"orders": [{"value": 1}]}, faults=[Crash("clock-0", at=5), Crash("clock-1", at=5)])
    trace = run(scenario)
    assert trace.ended == "quiet" and len(trace.control[trace.control.kind == "evicted"]) == 2


def test_work_that_never_ends_without_a_mark_is_stuck_after_600_seconds():
    async def main(app):
        while True:
            await app.sleep(6)

    assert ended(service(main, duration=5_000)) == ("stuck", 600.0)


def test_repeating_the_same_is_no_progress():
    async def main(app):
        consumer = app.consumer("orders", group_id="clock", auto_offset_reset="earliest", session_timeout_ms=6_000)
        async for record in consumer:
            await app.effect("tick", record.value)
            raise LookupError("no such order")

    scenario = service(main, inputs={"orders": [{"value": 1}]}, duration=10_000)
    trace = run(scenario)
    assert trace.ended == "stuck" and 600 < trace.ended_at < 700 and len(trace.effects) > 20


def test_the_end_of_a_run_cuts_off_what_is_under_way():
    load = Scenario(topics=[Topic("orders")], producers=[Producer("shop", topic="orders", rate=100)], groups=[
        ConsumerGroup("billing", "orders", service_time=0.35, auto_offset_reset="earliest")], duration=1.0)
    trace = run(load)
    assert trace.records.created.max() <= 1 and trace.deliveries.time.max() <= 1
    assert trace.deliveries.done.max() <= 1 and trace.deliveries.done.isna().sum() == 1
    assert trace.summary().pending + trace.summary().in_log == trace.summary().produced
