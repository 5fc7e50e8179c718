"""K61-K65, K69, K71: what retention deletes and when, what a group that is late sees of it, and record timestamps."""

from dataclasses import replace

import pytest
from consumer_scenarios import effects, of

from simlib import (
    AddPartitions,
    Change,
    ConsumerGroup,
    Crash,
    Pause,
    PowerLoss,
    Producer,
    Scenario,
    Service,
    Shutdown,
    Topic,
    laws,
    run,
)
from simlib.services.errors import InvalidTimestampError, OffsetOutOfRangeError

QUICK = {"log_retention_check_interval_ms": 1_000, "log_initial_task_delay_ms": 0,
         "group_initial_rebalance_delay_ms": 0}
BY_HAND = {"group_id": "billing", "enable_auto_commit": False}


def shop(*, rate=10, stop=20, config=None, brokers=1, groups=(), faults=(), duration=60, **more):
    """Ten records of 100 bytes a second for 20 s, one partition; brokers look every second."""
    return Scenario(topics=[Topic("orders", replication_factor=brokers, config=config or {})],
                    producers=[Producer("shop", "orders", rate=rate, stop=stop)], groups=groups, faults=faults,
                    brokers=brokers, duration=duration, broker_config={**QUICK, **more})


def removals(trace):
    """time -> the offsets that went then."""
    return {time: list(rows.offset) for time, rows in trace.removed.groupby("removed")}


@pytest.mark.statement("K61")
def test_whole_segments_go_when_their_youngest_record_is_too_old():
    trace = run(shop(config={"retention_ms": 5_000, "segment_ms": 4_000}))
    when = removals(trace)
    assert set(trace.removed.by.astype(str)) == {"retention_ms"}
    first = min(when)
    created = trace.removed.set_index("offset").created
    assert when[first] == list(range(41)) and first - created[40] > 5 >= first - 1 - created[40]
    assert first - created[0] > 9  # the oldest outlived its retention by as long as its segment was open
    assert all(offsets == list(range(offsets[0], offsets[-1] + 1)) for offsets in when.values())


@pytest.mark.statement("K61")
def test_nobody_looks_before_the_check_is_due():
    trace = run(shop(config={"retention_ms": 1_000, "segment_ms": 1_000}, duration=400, stop=5,
                     log_retention_check_interval_ms=300_000, log_initial_task_delay_ms=30_000))
    assert list(removals(trace)) == [20.0]
    late = run(shop(config={"retention_ms": 1_000, "segment_ms": 1_000}, duration=400, stop=100,
                    log_retention_check_interval_ms=300_000, log_initial_task_delay_ms=30_000))
    assert list(removals(late)) == [20.0, 320.0]


@pytest.mark.statement("K62")
def test_an_idle_topic_is_emptied_with_its_active_segment():
    trace = run(shop(config={"retention_ms": 5_000}))  # a segment is open for seven days
    assert list(removals(trace)) == [25.0] and trace.summary().in_log == 0


@pytest.mark.statement("K62")
def test_offsets_go_on_after_everything_is_gone():
    scenario = shop(config={"retention_ms": 5_000}, stop=5)
    later = Producer("kiosk", "orders", rate=10, start=30, records=3)
    trace = run(replace(scenario, producers=(*scenario.producers, later)))
    kept = trace.records[trace.records.copies > 0]
    assert kept.empty and list(trace.records[trace.records.producer == "kiosk"].offset) == [50, 51, 52]
    assert laws.conservation(trace)


@pytest.mark.statement("K63")
def test_by_size_the_oldest_segments_go_and_at_least_so_many_bytes_stay():
    trace = run(shop(config={"retention_bytes": 5_000, "segment_ms": 1_000}))
    assert set(trace.removed.by.astype(str)) == {"retention_bytes"}
    kept = trace.summary().in_log * 100
    assert 5_000 <= kept < 5_000 + 1_100


@pytest.mark.statement("K64")
def test_nothing_at_or_above_the_high_watermark_goes():
    """Two followers stand still but stay in sync: what they have not fetched is not committed."""
    trace = run(shop(config={"retention_ms": 1_000, "segment_ms": 1_000, "min_insync_replicas": 1}, brokers=3,
                     faults=[Pause("broker-1", 5, 20), Pause("broker-2", 5, 20)], broker_session_timeout_ms=60_000,
                     replica_lag_time_max_ms=60_000, stop=10))
    marks = trace.data.tables["watermarks"]
    before = max(mark for time, mark in zip(marks["time"], marks["high_watermark"], strict=True) if time <= 24e9)
    assert trace.removed[trace.removed.removed < 25].offset.max() < before <= 51
    assert trace.summary().in_log == 0 and laws.conservation(trace)


@pytest.mark.statement("K61", "K69")
def test_without_a_limit_or_without_the_policy_nothing_goes():
    for config in ({}, {"retention_ms": -1}, {"cleanup_policy": "", "retention_ms": 1_000, "segment_ms": 1_000}):
        assert run(shop(config=config)).removed.empty


@pytest.mark.statement("K61")
def test_after_seven_days_the_default_applies():
    day = 86_400
    scenario = shop(rate=0.001, stop=None, duration=8 * day, log_retention_check_interval_ms=300_000,
                    broker_heartbeat_interval_ms=600_000, broker_session_timeout_ms=6_000_000,
                    replica_lag_time_max_ms=6_000_000)
    assert run(scenario).removed.empty  # its segment was open for seven days: its last record is a day old
    removed = run(replace(scenario, duration=15 * day)).removed
    age = removed.removed - removed.created
    assert len(age) and age.min() > 7 * day and 14 * day - 1_000 < age.max() < 14 * day + 2_000


# -- replicas

@pytest.mark.statement("K61")
def test_a_new_leader_begins_where_the_old_one_began():
    trace = run(shop(config={"retention_ms": 5_000, "segment_ms": 2_000}, brokers=3, stop=40,
                     faults=[Crash("broker-0", at=20, restart_after=10)], groups=[
                         ConsumerGroup("audit", "orders", auto_offset_reset="earliest")]))
    starts = trace.data.column("log_starts", "log_start")
    assert (starts[1:] > starts[:-1]).all() and len(starts) > 10
    for law in (laws.conservation, laws.no_acked_write_lost, laws.order_per_partition, laws.nothing_lost("audit")):
        assert law(trace), law(trace)


@pytest.mark.statement("K61")
def test_a_follower_that_was_away_too_long_begins_at_its_leader_s_log_start():
    """It leads in the end, with what it has: nothing is missing between its beginning and its end."""
    scenario = shop(config={"retention_ms": 5_000, "segment_ms": 2_000}, brokers=2, stop=45, duration=60,
                    faults=[Crash("broker-1", at=2, restart_after=28), Crash("broker-0", at=44)],
                    groups=[ConsumerGroup("audit", "orders", auto_offset_reset="earliest")])
    trace = run(scenario)
    assert "broker-1" in set(of(trace, "elected").process)
    for law in (laws.conservation, laws.no_acked_write_lost, laws.order_per_partition, laws.nothing_lost("audit")):
        assert law(trace), law(trace)
    assert trace.deliveries.message.nunique() == len(trace.records)


@pytest.mark.statement("K61", "K56")
def test_a_follower_with_a_suffix_of_its_own_and_no_common_beginning_starts_again():
    """broker-0 wrote what nobody else has, and comes back when retention has taken all that both had."""
    trace = run(shop(config={"retention_ms": 4_000, "segment_ms": 1_000, "unclean_leader_election_enable": True},
                     brokers=2, stop=60, duration=90,
                     faults=[Pause("broker-1", at=1, duration=12), PowerLoss(["broker-0"], at=5, restart_after=40)],
                     replica_lag_time_max_ms=2_000, broker_session_timeout_ms=3_000))
    assert laws.conservation(trace), laws.conservation(trace)


def test_a_clean_shutdown_of_the_leader_keeps_the_log_start():
    trace = run(shop(config={"retention_ms": 5_000, "segment_ms": 2_000}, brokers=3, stop=40,
                     faults=[Shutdown("broker-0", at=20, restart_after=2)]))
    starts = trace.data.column("log_starts", "log_start")
    assert (starts[1:] > starts[:-1]).all() and laws.conservation(trace)


# -- settings that change

@pytest.mark.statement("K61")
def test_retention_can_be_switched_on_at_run_time():
    changed = Change("topics.orders.config.retention_ms", at=30, value=1_000)
    trace = run(shop(faults=[changed]))
    assert list(removals(trace)) == [30.0]


def test_what_was_written_before_a_change_is_in_segments_by_the_old_setting():
    """The first segment was to last: only what comes after the change is cut into segments of a second."""
    changed = Change("topics.orders.config.segment_ms", at=10.05, value=1_000)
    trace = run(shop(config={"retention_ms": 3_000}, faults=[changed]))
    sizes = [len(offsets) for offsets in removals(trace).values()]
    assert sizes[0] == 101 and max(sizes[1:]) <= 20


def test_a_partition_that_is_added_is_kept_house_for_too():
    trace = run(replace(shop(config={"retention_ms": 1_000, "segment_ms": 1_000}, faults=[
        AddPartitions("orders", at=2, to=2)]), producers=(Producer("shop", "orders", rate=20, metadata_max_age_ms=1_000,
                                                                   stop=20),)))
    assert set(trace.removed.partition) == {0, 1} and trace.summary().in_log == 0


# -- a group that is late

def late_group(reset):
    """billing reads one record of a hundred, commits it, dies, and comes back when retention has taken the first 60."""
    async def billing(app):
        async with app.consumer("orders", auto_offset_reset=reset if app.now > 5 else "earliest", max_poll_records=1,
                                max_partition_fetch_bytes=100, session_timeout_ms=6_000, **BY_HAND) as consumer:
            async for order in consumer:
                await app.effect("charge", order.offset)
                await consumer.commit()
                if app.now < 5:
                    await app.sleep(100)

    return replace(shop(config={"retention_ms": 12_000, "segment_ms": 3_000}, stop=10, duration=40),
                   services=(Service("billing", billing),), faults=(Crash("billing-0", at=3, restart_after=16),),
                   producers=(Producer("shop", "orders", rate=10, stop=10),))


@pytest.mark.statement("K65", "K82")
@pytest.mark.parametrize("reset", ["earliest", "latest"])
def test_a_group_whose_position_is_gone_is_where_its_reset_policy_says(reset):
    trace = run(late_group(reset))
    (jump,) = [row for row in of(trace, "reset").itertuples() if "OFFSET_OUT_OF_RANGE" in row.detail]
    starts = trace.data.column("log_starts", "log_start")
    times = trace.data.column("log_starts", "time") / 1e9
    start = int(starts[times <= jump.time].max())
    assert jump.a == (start if reset == "earliest" else 100)
    charged = effects(trace, "charge")
    assert charged == [0, *range(jump.a, 100)]
    missed = trace.summary().groups["billing"].missed
    assert missed["retention_ms"] >= start - 1 and laws.nothing_lost("billing")(trace).anomaly == "unseen"
    assert laws.commit_never_ahead_of_delivery(trace) and laws.conservation(trace)


@pytest.mark.statement("K65", "K82")
def test_without_a_reset_policy_it_is_an_error():
    async def billing(app):
        consumer = app.consumer("orders", auto_offset_reset="none", **BY_HAND)
        try:
            await consumer.getone()
        except OffsetOutOfRangeError as error:
            await app.effect("told", str(error))

    async def first(app):
        await app.sleep(1)
        consumer = app.consumer("orders", auto_offset_reset="earliest", **BY_HAND)
        await consumer.getone()
        await consumer.commit()
        await consumer.stop()

    trace = run(replace(shop(config={"retention_ms": 1_000, "segment_ms": 1_000}),
                        services=(Service("billing", billing, start=10), Service("first", first))))
    assert effects(trace, "told") == ["OffsetOutOfRangeError"]


@pytest.mark.statement("K61")
@pytest.mark.parametrize("isolation_level", ["read_committed", "read_uncommitted"])
def test_transactions_and_retention_together(isolation_level):
    """Markers and aborted records go with their segments; what is left adds up, and readers go on."""
    async def bank(app):
        producer = app.producer(transactional_id="bank")
        await producer.init_transactions()
        for n in range(60):
            await producer.begin_transaction()
            await producer.send_and_wait("orders", n, key="a")
            await (producer.abort_transaction() if n % 3 == 0 else producer.commit_transaction())
            await app.sleep(0.5)

    group = ConsumerGroup("audit", "orders", auto_offset_reset="earliest", isolation_level=isolation_level)
    scenario = shop(config={"retention_ms": 5_000, "segment_ms": 2_000}, brokers=3, groups=[group], duration=50,
                    faults=[Crash("broker-0", at=12, restart_after=4)])
    trace = run(replace(scenario, producers=(), services=(Service("bank", bank),)))
    assert trace.summary().aborted == 20 and trace.summary().removed >= 40 and trace.summary().in_log == 0
    for law in (laws.conservation, laws.order_per_partition, laws.commit_never_ahead_of_delivery,
                laws.nothing_lost("audit")):
        assert law(trace), law(trace)


# -- timestamps

async def two_clocks(app):
    producer = app.producer(linger_ms=200)
    sent = await producer.send("orders", {"n": 1}, key="a")
    told = await sent
    consumer = app.consumer("orders", auto_offset_reset="earliest", **BY_HAND)
    record = await consumer.getone()
    await app.effect("told", told.timestamp)
    await app.effect("read", (record.timestamp, record.timestamp_type))


@pytest.mark.parametrize(("kind", "least", "most", "code"), [("CreateTime", 0, 50, 0), ("LogAppendTime", 200, 300, 1)])
@pytest.mark.statement("K71a")
def test_a_record_carries_the_producer_s_time_or_the_leader_s(kind, least, most, code):
    trace = run(Scenario(topics=[Topic("orders", config={"message_timestamp_type": kind})], brokers=1,
                         services=[Service("billing", two_clocks)]))
    (told,), ((read, read_code),) = effects(trace, "told"), effects(trace, "read")
    assert least <= told <= most and read == told and read_code == code


def sending(timestamp_ms, config=None):
    async def billing(app):
        await app.sleep(100)
        producer = app.producer()
        try:
            sent = await producer.send_and_wait("orders", 1, key="a", timestamp_ms=timestamp_ms)
            await app.effect("sent", sent.timestamp)
        except InvalidTimestampError:
            await app.effect("refused", timestamp_ms)

    return run(Scenario(topics=[Topic("orders", config=config or {})], services=[Service("billing", billing)],
                        brokers=1, duration=200))


@pytest.mark.statement("K71")
@pytest.mark.parametrize(("timestamp_ms", "config", "outcome"), [
    (100_000 + 3_590_000, {}, "sent"),
    (100_000 + 3_610_000, {}, "refused"),
    (0, {}, "sent"),
    (0, {"message_timestamp_before_max_ms": 90_000}, "refused"),
    (100_000 + 3_610_000, {"message_timestamp_type": "LogAppendTime"}, "sent"),
    (100_000 + 3_610_000, {"message_timestamp_after_max_ms": 10_000_000}, "sent"),
])
def test_a_timestamp_too_far_ahead_is_refused(timestamp_ms, config, outcome):
    trace = sending(timestamp_ms, config)
    assert list(trace.effects.name) == [outcome]
    assert (trace.summary().lost == 1) == (outcome == "refused")
    if outcome == "refused":
        assert list(trace.lost.error) == ["INVALID_TIMESTAMP"]


@pytest.mark.statement("K61", "K71")
def test_retention_goes_by_the_record_s_own_time():
    """An import of old events is deleted at the next look; one record from the future keeps its segment alive."""
    async def importer(app):
        producer = app.producer()
        await app.sleep(60)
        for topic, ago in (("old", 50), ("new", -50)):
            for n in range(3):
                stamp = 1_000 * int(app.now - (ago if n == 2 else max(ago, 0)))
                await producer.send_and_wait(topic, n, key="a", timestamp_ms=stamp)
        await app.sleep(60)

    limits = {"retention_ms": 40_000}
    trace = run(Scenario(topics=[Topic("old", config=limits), Topic("new", config=limits)], brokers=1, duration=150,
                         services=[Service("importer", importer)], broker_config=QUICK))
    gone = trace.removed.groupby("topic", observed=True).removed.agg(["count", "max"])
    assert gone.loc["old", "count"] == 3 and gone.loc["old", "max"] < 63
    assert "new" not in gone.index


@pytest.mark.parametrize("stamp", [-1, 1.5, "now", True])
def test_a_timestamp_is_a_whole_number_of_milliseconds(stamp):
    trace = sending(stamp)
    assert "timestamp_ms=" in " ".join(trace.summary().warnings)
