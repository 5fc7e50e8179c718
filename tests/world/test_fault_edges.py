"""Faults that meet a process in an odd state: not started yet, dead already, paused, or hit twice at one instant."""

import pytest

from simlib import (
    ConsumerGroup,
    Crash,
    NetworkCut,
    Pause,
    PowerLoss,
    Producer,
    Scenario,
    Service,
    Shutdown,
    SlowLink,
    Topic,
    run,
)


async def ticking(app):
    while True:
        await app.effect("tick", round(app.now, 4))
        await app.sleep(1)


def ticks(*faults, start=0.0, duration=20.0):
    service = Service("clock", ticking, start=start)
    return run(Scenario(topics=[Topic("orders")], services=[service], faults=faults, duration=duration))


def story(trace, *kinds):
    kinds = kinds or ("crashed", "restarted", "paused", "resumed", "shutdown", "power_lost")
    return [(row.kind, round(row.time, 4)) for row in trace.control.itertuples() if row.kind in kinds]


def unfired(trace):
    return trace.summary().faults_not_fired


def heard(trace):
    return list(trace.effects.key)


@pytest.mark.parametrize("fault", [Crash("clock-0", at=5, restart_after=1), Shutdown("clock-0", at=5, restart_after=1),
                                   Pause("clock-0", at=5, duration=1), PowerLoss("clock-0", at=5, restart_after=1)])
def test_before_its_process_has_started_a_fault_hits_nothing(fault):
    trace = ticks(fault, start=10, duration=12.5)
    assert heard(trace)[0] == 10.0 and story(trace) == []
    assert unfired(trace) == [repr(fault)]


def test_a_crash_of_something_dead_hits_nothing_and_does_not_restart_it():
    second = Crash("clock-0", at=4, restart_after=1)
    trace = ticks(Crash("clock-0", at=2.5, restart_after=7), second)
    assert story(trace) == [("crashed", 2.5), ("restarted", 9.5)] and unfired(trace) == [repr(second)]


def test_two_crashes_at_one_instant_are_one():
    faults = [Crash("clock-0", at=2.5, restart_after=5), Crash("clock-0", at=2.5, restart_after=1)]
    trace = ticks(*faults)
    assert story(trace) == [("crashed", 2.5), ("restarted", 7.5)] and unfired(trace) == [repr(faults[1])]


@pytest.mark.parametrize("faults, told, missed", [
    ([Crash("clock-0", at=2.5), Pause("clock-0", at=2.5, duration=5)], [("crashed", 2.5)], 1),
    ([Pause("clock-0", at=2.5, duration=5), Crash("clock-0", at=2.5)], [("paused", 2.5), ("crashed", 2.5)], 0),
])
def test_two_faults_at_one_instant_come_in_the_order_of_the_scenario(faults, told, missed):
    trace = ticks(*faults)
    assert story(trace) == told and unfired(trace) == [repr(faults[1])] * missed


def test_something_alive_is_not_started_again():
    """The host comes back before the restart that was planned for the process."""
    trace = ticks(Crash("clock-0", at=2.5, restart_after=10), PowerLoss("clock-0", at=4, restart_after=2))
    assert story(trace) == [("crashed", 2.5), ("power_lost", 4.0), ("restarted", 6.0)]
    assert heard(trace)[3:5] == [6.0, 7.001]


def test_a_restart_belongs_to_its_own_death():
    """Planned for 12.5 s at the first death; the second, at 8 s, is to last until 18 s."""
    trace = ticks(Crash("clock-0", at=2.5, restart_after=10), PowerLoss("clock-0", at=4, restart_after=2),
                  Crash("clock-0", at=8, restart_after=10))
    assert story(trace, "crashed", "restarted") == [("crashed", 2.5), ("restarted", 6.0), ("crashed", 8.0),
                                                    ("restarted", 18.0)]


def test_a_host_without_power_starts_nothing():
    trace = ticks(Crash("clock-0", at=2.5, restart_after=3), PowerLoss("clock-0", at=4))
    assert story(trace) == [("crashed", 2.5), ("power_lost", 4.0)]


def test_a_crash_during_a_pause_ends_it_and_the_next_life_is_not_resumed():
    trace = ticks(Pause("clock-0", at=2.5, duration=10), Crash("clock-0", at=5, restart_after=1),
                  Pause("clock-0", at=12, duration=3))
    assert story(trace) == [("paused", 2.5), ("crashed", 5.0), ("restarted", 6.0), ("paused", 12.0), ("resumed", 15.0)]
    assert heard(trace)[3] == 6.0 and not [one for one in heard(trace) if 12 < one < 15]


def test_a_pause_within_a_pause_can_make_it_longer_and_never_shorter():
    longer = ticks(Pause("clock-0", at=2.5, duration=3), Pause("clock-0", at=4, duration=5))
    assert story(longer) == [("paused", 2.5), ("resumed", 9.0)]
    shorter = ticks(Pause("clock-0", at=2.5, duration=5), Pause("clock-0", at=4, duration=1))
    assert story(shorter) == [("paused", 2.5), ("resumed", 7.5)]


def test_a_paused_service_catches_up_and_keeps_its_memory():
    async def counting(app):
        for number in range(6):
            await app.effect("tick", (number, round(app.now, 4)))
            await app.sleep(1)

    trace = run(Scenario(topics=[Topic("orders")], services=[Service("clock", counting)],
                         faults=[Pause("clock-0", at=2.5, duration=4)]))
    assert heard(trace) == [(0, 0.0), (1, 1.001), (2, 2.002), (3, 6.5), (4, 7.501), (5, 8.502)]


def test_what_reaches_a_paused_process_waits():
    """The reply to the effect arrives during the pause; the clock shows it only when the process goes on."""
    async def asking(app):
        await app.sleep(1)
        await app.effect("ask", 1)
        await app.effect("told", round(app.now, 4))

    trace = run(Scenario(topics=[Topic("orders")], services=[Service("clock", asking)],
                         faults=[Pause("clock-0", at=1.0002, duration=7)]))
    assert heard(trace) == [1, 8.0002]
    assert list(trace.effects.time.round(4)) == [1.0005, 8.0007]


def test_a_shutdown_of_a_paused_process_waits_for_it():
    trace = ticks(Pause("clock-0", at=2.5, duration=5), Shutdown("clock-0", at=4))
    assert story(trace) == [("paused", 2.5), ("resumed", 7.5), ("shutdown", 7.5)]


def test_a_second_shutdown_while_the_first_goes_on_changes_nothing():
    async def slow_to_stop(app):
        try:
            await app.sleep(100)
        finally:
            await app.sleep(4)
            await app.effect("stopped", 1)

    trace = run(Scenario(topics=[Topic("orders")], services=[Service("clock", slow_to_stop)], duration=30,
                         faults=[Shutdown("clock-0", at=2), Shutdown("clock-0", at=3, restart_after=5)]))
    assert heard(trace) == [1] and story(trace) == [("shutdown", 6.001)]


# -- the same for declared members: a poll is laid out ahead, a fault cuts it

def group(*faults, records=10, service_time=1.0, duration=60.0, **more):
    producer = Producer("shop", topic="orders", rate=1_000, records=records)
    return run(Scenario(topics=[Topic("orders")], producers=[producer], duration=duration, faults=faults, groups=[
        ConsumerGroup("billing", "orders", service_time=service_time, auto_offset_reset="earliest", **more)]))


@pytest.mark.parametrize("service_time", [1.0, 0.0])
@pytest.mark.parametrize("when, handed", [("before", 3), ("after", 4)])
def test_a_member_dies_at_its_nth_hand_over(service_time, when, handed):
    trace = group(Crash("billing-0", **{when: "receive"}, nth=4), service_time=service_time)
    assert list(trace.deliveries.offset) == list(range(handed)) and len(story(trace, "crashed")) == 1


def test_hand_overs_are_counted_over_lives_and_only_when_they_happen():
    """5 s: dead in the middle of a poll of ten, after 5 or so hand-overs; the 8th comes in the second life."""
    trace = group(Crash("billing-0", at=5, restart_after=1), Crash("billing-0", after="receive", nth=8),
                  session_timeout_ms=6_000)
    assert len(trace.deliveries) == 8 and len(story(trace, "crashed")) == 2 and unfired(trace) == []


def test_a_pause_shifts_the_hand_over_at_which_a_member_dies():
    crash = Crash("billing-0", after="receive", nth=4)
    (calm,), (paused,) = (story(group(*faults), "crashed") for faults in ([crash], [
        Pause("billing-0", at=1.5, duration=3), crash]))
    assert paused[1] == pytest.approx(calm[1] + 3)
    assert len(group(Pause("billing-0", at=1.5, duration=3), crash).deliveries) == 4


def test_a_hand_over_that_never_comes_is_a_fault_that_did_not_fire():
    fault = Crash("billing-0", before="receive", nth=11)
    assert unfired(group(fault)) == [repr(fault)]


@pytest.mark.parametrize("when, stored, again", [("before", 2, 2), ("after", 3, 0)])
def test_a_member_dies_at_its_nth_commit(when, stored, again):
    """It commits each poll of two records by itself; without the third commit that poll comes again."""
    crash = Crash("billing-0", **{when: "commit"}, nth=3, restart_after=1)
    trace = group(crash, enable_auto_commit=False, max_poll_records=2, session_timeout_ms=6_000, service_time=0.1)
    ((_, death),) = story(trace, "crashed")
    assert unfired(trace) == [] and trace.commits.offset.iloc[-1] == 10
    assert (trace.commits.time <= death).sum() == stored and len(trace.duplicates) == again


@pytest.mark.parametrize("when, commits", [("before", 0), ("after", 1)])
def test_an_auto_commit_counts_too(when, commits):
    """One record takes a second; the first auto-commit comes with a poll after five seconds."""
    crash = Crash("billing-0", **{when: "commit"}, restart_after=40)
    trace = group(crash, enable_auto_commit=True, auto_commit_interval_ms=5_000, max_poll_records=1, duration=20)
    (death,) = trace.control[trace.control.kind == "crashed"].time
    assert len(trace.commits) == commits and unfired(trace) == []
    assert (trace.deliveries.time <= death).all()


# -- links

def test_a_cut_delays_and_a_longer_cut_goes_on():
    trace = ticks(NetworkCut("clock-0", "broker-0", at=2, duration=5), NetworkCut("broker-0", "clock-0", at=3,
                                                                                 duration=8))
    assert story(trace, "link_cut", "link_healed") == [("link_cut", 2.0), ("link_cut", 3.0), ("link_healed", 11.0)]


def test_a_slow_link_is_slow_for_its_time():
    async def sending(app):
        producer = app.producer()
        while True:
            before = app.now
            await producer.send_and_wait("orders", 1)
            await app.effect("took", round(app.now - before, 4))
            await app.sleep(1)

    trace = run(Scenario(topics=[Topic("orders")], services=[Service("shop", sending)], brokers=1, duration=10,
                         faults=[SlowLink("shop-0", "broker-0", at=3.5, duration=3, latency=0.2)]))
    took = heard(trace)
    assert took[1] == 0.001 and took[-1] == 0.001 and took.count(0.4) == 2


# -- what one that stands still has in hand

@pytest.mark.parametrize("engine", ["events", "flow"])
@pytest.mark.parametrize("faults, duration", [([Crash("billing-0", at=3, restart_after=None)], 5.0), ([], 3.0)],
                         ids=["it dies", "the run ends"])
def test_nothing_is_done_by_a_member_that_stands_still(engine, faults, duration):
    """Nor handed over: of the records in hand the second was under way when it stopped, and will never be done."""
    group = ConsumerGroup("billing", "orders", service_time=0.4, auto_offset_reset="earliest")
    trace = run(Scenario([Topic("orders")], [Producer("shop", "orders", rate=1_000, records=10, linger_ms=50)], [group],
                         faults=[Pause("billing-0", at=0.8, duration=30), *faults], duration=duration), engine=engine)
    begun = trace.deliveries[trace.deliveries.time < 0.8]
    assert len(trace.deliveries) == len(begun) == 2
    assert list(begun.done.isna()) == [False, True]
