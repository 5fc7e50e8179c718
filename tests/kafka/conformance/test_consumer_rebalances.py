"""K88-K97 seen from the code of a consumer that dawdles, comes late or leaves: who does what twice?"""

import pytest

from simlib import ConsumerGroup, Crash, Producer, Scenario, Service, Topic, run

BILLING = {"group_id": "billing", "auto_offset_reset": "earliest"}


def orders(main, *, partitions=1, instances=2, faults=(), duration=150, services=(), rate=10, stop=90):
    """A steady stream of orders, read by the instances of one service."""
    return Scenario(topics=[Topic("orders", partitions)], brokers=1, duration=duration, faults=faults,
                    producers=[Producer("shop", "orders", rate=rate, keys=30, stop=stop)],
                    services=[Service("billing", main, instances=instances), *services])


def events(trace, kind, after=-20.0):
    return trace.control[(trace.control.kind == kind) & (trace.control.time >= after)]


def dawdling(seconds, **config):
    """Reads and charges; whoever has the order at offset 150 takes so long over it, the first time round."""

    async def main(app):
        members = {"group_instance_id": app.name} if config.get("static") else {}
        settings = {name: value for name, value in config.items() if name != "static"}
        consumer = app.consumer("orders", **BILLING, **settings, **members)
        async for order in consumer:
            if order.offset == 150 and app.now < 20:
                await app.sleep(seconds)
            await app.effect("charge", order.message)
            if not settings.get("enable_auto_commit", True):
                await consumer.commit()

    return main


@pytest.mark.statement("K88", "peer-T3")
def test_who_polls_too_late_is_out_although_its_heartbeats_were_fine():
    trace = run(orders(dawdling(20, max_poll_interval_ms=6_000)))
    slow = trace.deliveries.set_index("offset").member[150].iloc[0]
    out = events(trace, "left").iloc[0]
    assert out.process == slow and 20 < out.time < 22  # fifteen seconds until that order, and six more
    again = trace.duplicates
    assert 0 < len(again) <= 60 and set(again.member) != {slow}
    twice = trace.effects[trace.effects.occurrence == 2]
    assert not twice.empty


@pytest.mark.statement("K97", "K88", "peer-T2")
def test_the_commit_of_who_was_thrown_out_is_refused_and_its_effect_stands():
    trace = run(orders(dawdling(20, max_poll_interval_ms=6_000, enable_auto_commit=False)))
    assert "CommitFailedError" in " ".join(events(trace, "exception").detail)
    charges = trace.effects.groupby("key").size()
    assert charges.max() == 2 and (charges == 2).sum() == 1
    offsets = trace.commits.offset
    assert offsets.is_monotonic_increasing


@pytest.mark.statement("K89")
def test_a_static_member_that_polls_too_late_keeps_its_partition_if_it_is_back_within_its_session():
    trace = run(orders(dawdling(20, max_poll_interval_ms=6_000, static=True)))
    slow = trace.deliveries.set_index("offset").member[150]
    slow = slow if isinstance(slow, str) else slow.iloc[0]
    assert events(trace, "left").empty and events(trace, "rebalancing", after=10).empty
    assert set(trace.deliveries.member) == {slow}
    assert "session" not in " ".join(events(trace, "evicted").detail)
    assert trace.deliveries.message.nunique() == 900


@pytest.mark.statement("K89")
def test_a_static_member_that_polls_too_late_loses_its_partition_when_its_session_ends():
    trace = run(orders(dawdling(80, max_poll_interval_ms=6_000, static=True), duration=200))
    by_member = trace.deliveries.groupby("member", observed=True).time.min()
    moved = by_member.max()
    assert 63 <= moved < 67  # the order at 15 s, limit 6 s later, last heartbeat up to 3 s before it, session 45 s


@pytest.mark.statement("K91")
def test_an_eager_rebalance_waits_for_the_slowest_member():
    async def main(app):
        async for order in app.consumer("orders", **BILLING):
            if app.name == "billing-0" and 30 < app.now < 34:
                await app.sleep(10)
            await app.effect("charge", order.message)

    async def late(app):
        async for order in app.consumer("orders", **BILLING):
            await app.effect("charge", order.message)

    trace = run(orders(main, partitions=3, services=[Service("late", late, start=32)]))
    asleep = trace.deliveries.time
    assert asleep[(asleep > 36) & (asleep < 40)].empty  # heartbeats have told the others; the sleeper is back at 40 s
    assert trace.deliveries.message.nunique() == 900


@pytest.mark.statement("K96", "K74")
@pytest.mark.parametrize("commits", [True, False])
def test_who_takes_over_begins_at_the_commit(commits):
    """A second member comes at 30 s. Without a commit everything before is worked again; with one, nothing."""

    async def main(app):
        async for order in app.consumer("orders", **BILLING, enable_auto_commit=commits):
            await app.effect("charge", order.message)

    trace = run(orders(main, partitions=2, instances=1, services=[Service("late", main, start=30)]))
    if commits:
        assert trace.duplicates.empty
    else:
        assert 270 <= len(trace.duplicates) <= 360
    assert trace.deliveries.message.nunique() == 900


@pytest.mark.statement("K96")
def test_a_crash_repeats_what_was_not_committed_whatever_an_orderly_goodbye_would_do():
    async def main(app):
        async for order in app.consumer("orders", **BILLING):
            await app.effect("charge", order.message)

    trace = run(orders(main, instances=1, faults=[Crash("billing-0", at=33, restart_after=1)]))
    assert 0 < len(trace.duplicates) <= 51 and set(trace.duplicates.cause_of_repeat) == {"crash"}


@pytest.mark.statement("T20")
def test_duplicates_of_a_crash_are_spread_evenly_over_the_commit_interval():
    """Twenty records a second, a commit every five seconds, crashes all over one interval: 0 to 100, 50 on average."""
    repeated = []
    for fifth in range(25):
        crash = Crash("billing-0", at=30 + fifth / 5, restart_after=1)
        trace = run(Scenario(topics=[Topic("orders")], brokers=1, faults=[crash], duration=100,
                             producers=[Producer("shop", "orders", rate=20, stop=40)],
                             groups=[ConsumerGroup("billing", "orders")]))
        repeated.append(len(trace.duplicates))
    assert sum(repeated) / 25 == pytest.approx(50, abs=3)
    assert min(repeated) <= 4 and 96 <= max(repeated) <= 101
