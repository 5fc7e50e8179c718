"""K72-K78, K81-K83, K99 and K101: what a consumer reads, where it begins, what it commits, what a lost request does."""

import asyncio
from contextlib import suppress

import pytest
from consumer_scenarios import BY_HAND, FROM_START, effects, load, of, orders

from simlib import AddPartitions, ConsumerGroup, Crash, LoseReply, LoseRequest, Pause, Service, Shutdown, run

CLIENTS = pytest.mark.parametrize("client", ["kafka-python", "java"])


async def charge_then_commit(app):
    consumer = app.consumer("orders", **BY_HAND)
    async for order in consumer:
        await app.effect("charge", order.value)
        await consumer.commit()


def counts(trace, name="charge"):
    keys = effects(trace, name)
    return {key: keys.count(key) for key in sorted(set(keys))}


# -- commits


@pytest.mark.statement("K74", "K72")
@pytest.mark.parametrize(("loss", "repeated"), [(LoseRequest, [3]), (LoseReply, [])])
def test_a_crash_while_a_commit_is_unanswered_repeats_only_what_was_not_stored(loss, repeated):
    """The fourth commit gets no answer for 30 s; the process dies while it waits."""
    faults = [loss("billing-0", "commit", nth=4), Crash("billing-0", at=20, restart_after=1)]
    trace = run(orders(charge_then_commit, [10.0] * 6, faults=faults))
    assert [key for key, times in counts(trace).items() if times == 2] == repeated
    assert set(counts(trace)) == set(range(6)) and trace.commits.offset.max() == 6


@pytest.mark.statement("K72")
@pytest.mark.parametrize("loss", [LoseRequest, LoseReply])
def test_a_commit_without_an_answer_is_sent_again_after_request_timeout_ms(loss):
    trace = run(orders(charge_then_commit, [10.0] * 6, faults=[loss("billing-0", "commit", nth=4)]))
    assert counts(trace) == dict.fromkeys(range(6), 1)
    assert list(dict.fromkeys(trace.commits.offset)) == [1, 2, 3, 4, 5, 6]
    assert 40 < trace.effects.time.iloc[4] < 40.5


@pytest.mark.statement("K75")
@CLIENTS
@pytest.mark.parametrize("loss", [LoseRequest, LoseReply])
def test_a_lost_auto_commit_never_takes_a_later_one_back(loss, client):
    group = ConsumerGroup("billing", "orders", auto_offset_reset="earliest", service_time=0.02)
    trace = run(load(group, partitions=1, client=client, faults=[loss("billing-0", "commit", nth=3)]))
    assert trace.commits.offset.is_monotonic_increasing
    assert (trace.commits.time.diff().dropna() < 10.2).all()  # one is missing, not more
    assert trace.duplicates.empty and trace.lag.lag.iloc[-1] == 0


@pytest.mark.statement("K75")
def test_the_interval_of_auto_commit_begins_with_the_assignment():
    async def main(app):
        await app.sleep(2.4)
        async for order in app.consumer("orders", **FROM_START):
            await app.effect("charge", order.value)

    trace = run(orders(main, [n / 10 for n in range(300)]))
    assigned = of(trace, "assigned").time.iloc[0]
    assert assigned == pytest.approx(5.4, abs=0.1)
    assert trace.commits.time.iloc[0] == pytest.approx(assigned + 5, abs=0.11)


@pytest.mark.statement("K77", "K78")
@pytest.mark.parametrize(("client", "never"), [("kafka-python", [9]), ("java", list(range(9, 50)))])
def test_an_error_in_the_loop_costs_one_record_or_the_batch(client, never):
    """`for record in consumer` in kafka-python; in Java the loop over what poll() returned."""

    async def main(app):
        async with app.consumer("orders", **FROM_START) as consumer:
            async for order in consumer:
                if order.value == 9:
                    raise ValueError("order 9 cannot be charged")
                await app.effect("charge", order.value)

    trace = run(orders(main, [0.0] * 50, client=client))
    assert counts(trace) == {order: 1 for order in range(50) if order not in never}


@pytest.mark.statement("K78", "K74")
@CLIENTS
def test_the_same_error_without_closing_costs_nothing_but_repeats(client):
    async def main(app):
        async for order in app.consumer("orders", **FROM_START):
            if order.value == 9 and app.now < 10:
                raise ValueError("order 9 cannot be charged, today")
            await app.effect("charge", order.value)

    trace = run(orders(main, [0.0] * 50, client=client))
    assert counts(trace) == {order: 2 if order < 9 else 1 for order in range(50)}


@pytest.mark.statement("K76", "K75")
@pytest.mark.parametrize(("waits_for_all", "lost"), [(True, False), (False, True)])
def test_what_counts_is_whether_the_work_is_done_before_the_next_poll(waits_for_all, lost):
    async def main(app):
        async def charge(order):
            await app.sleep(8)
            await app.effect("charge", order.value)

        consumer = app.consumer("orders", **FROM_START)
        while True:
            batches = (await consumer.getmany(timeout_ms=500)).values()
            tasks = [asyncio.create_task(charge(order)) for batch in batches for order in batch]
            if waits_for_all and tasks:
                await asyncio.gather(*tasks)

    trace = run(orders(main, [20.0] * 10, faults=[Crash("billing-0", at=27.5, restart_after=1)]))
    assert (set(counts(trace)) != set(range(10))) == lost


# -- positions


@pytest.mark.statement("K72", "K99")
def test_position_commit_and_lag_are_three_numbers():
    async def main(app):
        consumer = app.consumer("orders", **BY_HAND)
        async for order in consumer:
            partition = (order.topic, order.partition)
            await app.effect("position", consumer.position(partition))
            if order.offset == 3:
                await consumer.commit({partition: 2})

    trace = run(orders(main, [10.0] * 6))
    assert effects(trace, "position") == [1, 2, 3, 4, 5, 6]
    assert list(trace.commits.offset) == [2]
    assert trace.lag.lag.iloc[-1] == 4  # all six were read


@pytest.mark.statement("K82", "K74")
def test_seek_goes_before_the_commit_and_changes_nothing_in_it():
    async def main(app):
        consumer = app.consumer("orders", **BY_HAND)
        while not consumer.assignment():
            await consumer.getmany(timeout_ms=1)
        for partition in consumer.assignment():
            consumer.seek(partition, 3)
        async for order in consumer:
            await app.effect("read", order.offset)

    trace = run(orders(main, [0.0] * 6))
    assert effects(trace, "read") == [3, 4, 5] and trace.commits.empty


@pytest.mark.statement("K82")
@pytest.mark.parametrize("policy", ["none", "latest", "earliest"])
def test_with_a_commit_no_policy_is_asked(policy):
    async def main(app):
        settings = BY_HAND if app.now < 1 else {**BY_HAND, "auto_offset_reset": policy}
        consumer = app.consumer("orders", **settings)
        async for order in consumer:
            await app.effect("charge", order.value)
            await consumer.commit()

    faults = [Crash("billing-0", at=20, restart_after=20)]
    trace = run(orders(main, [n / 2 for n in range(100)], faults=faults))
    assert counts(trace) == dict.fromkeys(range(100), 1) and trace.skipped.empty


@pytest.mark.statement("K83")
@pytest.mark.parametrize(("away", "forgotten"), [(50, False), (70, True)])
def test_after_the_retention_time_of_an_empty_group_its_commits_are_gone(away, forgotten):
    group = ConsumerGroup("billing", "orders", auto_offset_reset="earliest")
    trace = run(load(group, stop=10, duration=150, broker_config={"offsets_retention_minutes": 1},
                     faults=[Shutdown("billing-0", at=20, restart_after=away)]))
    assert trace.deliveries.message.nunique() == 100
    assert len(trace.duplicates) == (100 if forgotten else 0)


@pytest.mark.statement("K81")
@pytest.mark.parametrize("policy", ["latest", "earliest"])
def test_a_new_partition_is_read_from_its_end_or_its_start(policy):
    group = ConsumerGroup("billing", "orders", consumers=2, auto_offset_reset=policy, metadata_max_age_ms=20_000)
    trace = run(load(group, partitions=1, rate=20, producer={"metadata_max_age_ms": 1_000},
                     faults=[AddPartitions("orders", at=31, to=4)]))
    unseen = len(trace.records) - trace.deliveries.message.nunique()
    assert unseen == trace.skipped.records.sum() and (unseen > 0) == (policy == "latest")
    assert set(of(trace, "assigned").partition) == {0, 1, 2, 3}
    assert (trace.skipped.from_offset == 0).all() and not (trace.skipped.partition == 0).any()


# -- polls and fetches


@pytest.mark.statement("K101")
@CLIENTS
def test_a_poll_that_is_given_up_as_records_arrive_loses_none(client):
    """Polls end every half millisecond, and so do the ways of a hundred orders."""

    async def main(app):
        consumer = app.consumer("orders", **BY_HAND)
        await consumer.getmany(timeout_ms=7_990)
        while True:
            try:
                order = await asyncio.wait_for(consumer.getone(), 0.0005)
            except TimeoutError:
                continue
            await app.effect("charge", order.value)

    trace = run(orders(main, [8 + n / 1_000 for n in range(100)], client=client, duration=8.3))
    assert effects(trace, "charge") == list(range(100))


@pytest.mark.statement("K74")
@CLIENTS
@pytest.mark.parametrize("one_by_one", [True, False])
def test_records_that_came_to_a_poll_that_had_timed_out_are_in_the_next_one(client, one_by_one):
    """While the process computes, first the poll's time is over and then its records arrive."""

    async def main(app):
        consumer = app.consumer("orders", **FROM_START)
        await consumer.getmany(timeout_ms=10_000)

        async def compute():
            await app.sleep(0.5)
            await app.work(2)

        other = asyncio.create_task(compute())
        found = []
        if one_by_one:
            with suppress(TimeoutError):
                found.append(await asyncio.wait_for(consumer.getone(), 1.0))
        else:
            found += [order for batch in (await consumer.getmany(timeout_ms=1_000)).values() for order in batch]
        await other
        for order in found:
            await app.effect("charge", order.value)
        async for order in consumer:
            await app.effect("charge", order.value)

    trace = run(orders(main, [11.5] * 5, client=client))
    assert effects(trace, "charge") == list(range(5)) and trace.passed_over.empty


@pytest.mark.statement("K101")
@pytest.mark.parametrize("most", [1, 7, 50])
def test_max_poll_records_bounds_what_one_poll_returns(most):
    async def main(app):
        consumer = app.consumer("orders", **BY_HAND, max_poll_records=most)
        while True:
            batches = await consumer.getmany(timeout_ms=1_000)
            if batches:
                await app.effect("poll", sum(map(len, batches.values())))

    trace = run(orders(main, [0.0] * 100))
    assert max(effects(trace, "poll")) == most and sum(effects(trace, "poll")) == 100


@pytest.mark.statement("K101")
@CLIENTS
def test_fetch_min_bytes_waits_for_company_but_not_longer_than_fetch_max_wait_ms(client):
    group = ConsumerGroup("billing", "orders", fetch_min_bytes=2_000, fetch_max_wait_ms=400)
    trace = run(load(group, partitions=1, rate=100, stop=5, duration=10, client=client))  # 100 bytes each: 20 in 0.2 s
    delays = trace.deliveries.time - trace.records.set_index("message").created.loc[trace.deliveries.message].to_numpy()
    assert trace.deliveries.time.nunique() < 60 and delays.max() < 0.45 and delays.median() > 0.05
    thin = run(load(group, partitions=1, rate=1, stop=5, duration=10, client=client))
    delays = thin.deliveries.time - thin.records.set_index("message").created.loc[thin.deliveries.message].to_numpy()
    assert 0.05 < delays.max() < 0.45


@pytest.mark.statement("K101")
def test_a_busy_partition_does_not_keep_an_idle_one_waiting_for_ever():
    """One fetch in flight for each broker: a record may wait out a parked one (fetch_max_wait_ms), no longer."""
    groups = [ConsumerGroup("billing", "orders", service_time=0.001), ConsumerGroup("audit", "orders", consumers=3)]
    trace = run(load(*groups, partitions=6, rate=40, stop=20, duration=25))
    created = trace.records.set_index("message").created
    delays = trace.deliveries.time - created.loc[trace.deliveries.message].to_numpy()
    assert delays.max() < 0.55 and len(trace.deliveries) == 2 * len(trace.records)


@pytest.mark.statement("K85", "K100")
def test_a_group_may_read_several_topics():
    group = ConsumerGroup("billing", ("orders", "returns"), consumers=2, service_time=0.01)
    audit = ConsumerGroup("audit", "returns", service_time=0.01)
    trace = run(load(group, audit, topics=("orders", "returns"), faults=[Crash("billing-0", at=20, restart_after=5)]))
    seen = trace.deliveries.groupby(["group", "topic"], observed=True).message.nunique()
    assert seen.to_dict() == {("billing", "orders"): 900, ("billing", "returns"): 900, ("audit", "returns"): 900}
    first = trace.deliveries[trace.deliveries.attempt == 1]
    for _, rows in first.groupby(["group", "topic", "partition"], observed=True):
        assert rows.offset.is_monotonic_increasing
    assert trace.duplicates.empty or set(trace.duplicates.group) == {"billing"}


@pytest.mark.statement("K88", "K86")
def test_a_short_sleep_of_the_process_in_a_long_poll_is_nothing():
    group = ConsumerGroup("billing", "orders", consumers=2, service_time=0.01)
    trace = run(load(group, stop=20, duration=150, faults=[Pause("billing-0", at=40, duration=30),
                                                          Pause("billing-1", at=10, duration=20)]))
    assert of(trace, "rebalancing").empty and of(trace, "evicted").empty
    assert trace.duplicates.empty and trace.deliveries.message.nunique() == 200


@pytest.mark.statement("K100")
def test_two_tasks_that_wait_on_one_consumer_share_its_records():
    async def main(app):
        consumer = app.consumer("orders", **FROM_START)

        async def charge(name):
            while True:
                order = await consumer.getone()
                await app.sleep(0.1)
                await app.effect(name, order.value)

        await asyncio.gather(charge("one"), charge("two"))

    trace = run(orders(main, [n / 20 for n in range(100)]))
    assert sorted(effects(trace, "one") + effects(trace, "two")) == list(range(100))
    assert min(len(effects(trace, "one")), len(effects(trace, "two"))) > 30


@pytest.mark.statement("K85", "peer-T1")
def test_a_later_group_of_the_same_name_goes_on_where_the_former_stopped():
    """Commits belong to the group, not to the process that made them: other services may go on with it."""
    night = Service("night", charge_then_commit, start=30)
    trace = run(orders(charge_then_commit, [n / 2 for n in range(100)], services=[night],
                       faults=[Shutdown("billing-0", at=25)]))
    assert counts(trace) == dict.fromkeys(range(100), 1)
    assert set(trace.effects.process) == {"billing-0", "night-0"}
