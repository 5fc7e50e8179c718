"""K66-K68, K70: what compaction leaves of a topic, what readers see of it, and what it refuses."""

from dataclasses import replace

import pytest
from consumer_scenarios import effects

from simlib import (
    Change,
    ConsumerGroup,
    Crash,
    LoseReply,
    Pause,
    Producer,
    Scenario,
    Service,
    Topic,
    TopicPartition,
    laws,
    run,
)
from simlib.services.errors import InvalidRecordError

QUICK = {"log_cleaner_backoff_ms": 1_000, "group_initial_rebalance_delay_ms": 0}
COMPACT = {"cleanup_policy": "compact", "segment_ms": 2_000}
BY_HAND = {"auto_offset_reset": "earliest", "enable_auto_commit": False}


def accounts(*, config=None, brokers=1, stop=20, keys=5, groups=(), services=(), faults=(), duration=60, **more):
    """Ten balances a second for five accounts, one partition; the cleaner rests for a second."""
    return Scenario(topics=[Topic("accounts", replication_factor=brokers, config={**COMPACT, **(config or {})})],
                    producers=[Producer("bank", "accounts", rate=10, stop=stop, keys=keys)], groups=groups,
                    services=services, faults=faults, brokers=brokers, duration=duration,
                    broker_config={**QUICK, **more})


def kept(trace):
    """offset -> key of what is in the log at the end."""
    rows = trace.records[trace.records.copies > 0]
    return dict(zip(rows.offset, rows.key.astype(str), strict=True))


def last_of_each(trace):
    """The offset of the last record of each key, of all that were written."""
    return set(trace.records.groupby("key", observed=True).offset.max())


@pytest.mark.statement("K66", "K70")
def test_of_each_key_the_last_value_stays_at_its_offset():
    trace = run(accounts(groups=[ConsumerGroup("audit", "accounts", auto_offset_reset="earliest")]))
    assert last_of_each(trace) <= kept(trace).keys() and len(kept(trace)) < 60
    assert set(trace.removed.by.astype(str)) == {"compaction"}
    assert kept(trace).keys() | set(trace.removed.offset) == set(range(200))
    for law in (laws.conservation, laws.order_per_partition, laws.order_per_key, laws.no_acked_write_lost,
                laws.commit_never_ahead_of_delivery, laws.nothing_lost("audit")):
        assert law(trace), law(trace)


@pytest.mark.statement("K66")
def test_the_active_segment_is_never_compacted():
    trace = run(accounts(config={"segment_ms": 7 * 86_400_000}))
    assert trace.removed.empty and trace.summary().in_log == 200
    assert any("nothing will be compacted" in line for line in trace.summary().warnings)


@pytest.mark.statement("K66")
def test_the_cleaner_waits_until_more_than_half_of_what_is_closed_is_dirty():
    passes = {ratio: run(accounts(config={"min_cleanable_dirty_ratio": ratio}, keys=40)).removed.removed.nunique()
              for ratio in (0.1, 0.5, 0.8)}
    assert passes[0.1] > passes[0.5] > passes[0.8] > 0


@pytest.mark.statement("K66", "K70")
def test_a_group_that_comes_later_is_handed_what_is_left_and_its_offsets_have_holes():
    async def audit(app):
        reader = app.consumer("accounts", group_id="audit", **BY_HAND)
        ends = await reader.end_offsets([TopicPartition("accounts", 0)])
        begins = await reader.beginning_offsets([TopicPartition("accounts", 0)])
        seen = []
        while not seen or seen[-1] < 199:
            record = await reader.getone()
            seen.append(record.offset)
            await reader.commit()
        await reader.getmany(timeout_ms=10)  # done with the last one
        await app.effect("seen", seen)
        await app.effect("span", [begins[TopicPartition("accounts", 0)], ends[TopicPartition("accounts", 0)]])

    trace = run(accounts(services=[Service("audit", audit, start=40)]))
    (seen,) = effects(trace, "seen")
    assert seen == sorted(kept(trace)) and effects(trace, "span") == [[0, 200]]
    assert len(seen) < 100  # an offset difference is no count of records
    assert trace.commits.offset.max() == 200 and trace.summary().groups["audit"].lag == 0
    assert laws.commit_never_ahead_of_delivery(trace) and laws.nothing_lost("audit")(trace)


@pytest.mark.statement("K66", "K72")
def test_a_group_whose_position_is_in_a_hole_goes_on_with_the_next_record():
    async def audit(app):
        reader = app.consumer("accounts", group_id="audit", max_poll_records=1, session_timeout_ms=6_000,
                              max_partition_fetch_bytes=100, **BY_HAND)
        async for record in reader:
            await app.effect("saw", record.offset)
            await reader.commit()
            if app.now < 10:
                await app.sleep(100)

    trace = run(accounts(services=[Service("audit", audit)], faults=[Crash("audit-0", at=5, restart_after=40)],
                         duration=100))
    first, then, *_ = effects(trace, "saw")
    assert first == 0 and then == min(offset for offset in kept(trace) if offset > 0) > 1
    assert trace.control[trace.control.kind == "reset"].detail.str.contains("RANGE").sum() == 0


# -- tombstones

def bookkeeping(*, closes=10, late=False, delete_retention_ms=20_000, follower="mirror"):
    """Accounts a to d get balances; b is closed at `closes` by a tombstone. `mirror` keeps a copy of what it reads."""
    async def bank(app):
        producer = app.producer()
        for n in range(60):
            await app.sleep(1)
            if n == closes:
                await producer.send_and_wait("accounts", None, key="b")
            await producer.send_and_wait("accounts", n, key="acde"[n % 4])
            if n < closes:
                await producer.send_and_wait("accounts", n, key="b")

    async def mirror(app):
        reader, copy = app.consumer("accounts", group_id=follower, session_timeout_ms=6_000, **BY_HAND), {}
        async for record in reader:
            copy = {key: value for key, value in {**copy, record.key: record.value}.items() if value is not None}
            await app.effect("copy", (round(app.now), sorted(copy)))

    away = [Pause("mirror-0", at=5, duration=50)] if late else []
    config = {**COMPACT, "delete_retention_ms": delete_retention_ms, "min_cleanable_dirty_ratio": 0.01}
    return Scenario(topics=[Topic("accounts", config=config)],
                    services=[Service("bank", bank), Service("mirror", mirror)], faults=away, brokers=1,
                    broker_config={**QUICK, "group_min_session_timeout_ms": 1_000}, duration=70)


@pytest.mark.statement("K67")
def test_a_tombstone_takes_the_values_of_its_key_and_goes_itself_later():
    trace = run(bookkeeping())
    records = trace.records[trace.records.key == "b"]
    (tombstone,) = records[records.value.isna()].message
    gone = trace.removed.set_index("message")
    assert gone.loc[tombstone, "by"] == "delete_retention_ms" and set(records.copies) == {0}
    values = gone.loc[records[records.value.notna()].message]
    assert set(values.by.astype(str)) == {"compaction"}
    assert gone.loc[tombstone, "removed"] >= values.removed.max() + 20
    assert effects(trace, "copy")[-1][1] == ["a", "c", "d", "e"] and laws.nothing_lost("mirror")(trace)


@pytest.mark.statement("K67")
def test_a_reader_that_is_away_for_longer_misses_the_deletion():
    """It had read that b is there; nothing in the topic tells it any more that b is gone."""
    trace = run(bookkeeping(late=True))
    assert effects(trace, "copy")[-1][1] == ["a", "b", "c", "d", "e"]
    verdict = laws.nothing_lost("mirror")(trace)
    assert verdict.broken and verdict.anomaly == "unseen"
    assert set(trace.summary().groups["mirror"].missed) == {"compaction", "delete_retention_ms"}
    patient = run(bookkeeping(late=True, delete_retention_ms=86_400_000))
    assert effects(patient, "copy")[-1][1] == ["a", "c", "d", "e"] and laws.nothing_lost("mirror")(patient)


# -- what is refused

@pytest.mark.statement("K68", "K68a")
def test_a_record_without_a_key_is_refused_and_the_next_one_is_written():
    async def bank(app):
        producer = app.producer()
        try:
            await producer.send_and_wait("accounts", 1)
        except InvalidRecordError:
            await app.effect("refused", "null key")
        await producer.send_and_wait("accounts", 2, key="a")

    trace = run(Scenario(topics=[Topic("accounts", config=COMPACT)], services=[Service("bank", bank)]))
    assert effects(trace, "refused") == ["null key"] and list(trace.lost.error) == ["INVALID_RECORD"]
    assert trace.summary().in_log == 1


@pytest.mark.statement("K68")
def test_a_declared_load_without_keys_is_refused_and_that_is_said_before():
    trace = run(accounts(keys=None, duration=30))
    assert trace.summary().lost_reasons == {"refused": 200}
    assert any("INVALID_RECORD" in line for line in trace.summary().warnings)


# -- with everything else

@pytest.mark.statement("K66")
def test_followers_and_failovers_change_nothing_about_what_is_left():
    scenario = accounts(brokers=3, stop=40, duration=90, faults=[
        Crash("broker-0", at=12, restart_after=6), Crash("broker-1", at=30, restart_after=9),
        LoseReply("bank", "produce", share=0.2)], groups=[
            ConsumerGroup("audit", "accounts", auto_offset_reset="earliest", service_time=0.02)])
    trace = run(scenario)
    assert last_of_each(trace) <= kept(trace).keys() and not trace.removed.empty
    for law in (laws.conservation, laws.order_per_partition, laws.no_acked_write_lost, laws.nothing_lost("audit")):
        assert law(trace), law(trace)


@pytest.mark.statement("K61", "K66")
def test_compact_and_delete_does_both():
    config = {"cleanup_policy": "compact,delete", "retention_ms": 10_000}
    trace = run(accounts(config=config))
    assert set(trace.removed.by.astype(str)) == {"compaction", "retention_ms"}
    assert trace.summary().in_log == 0 and laws.conservation(trace)


def test_a_topic_can_become_compacted_at_run_time():
    scenario = accounts(config={"cleanup_policy": "delete"}, faults=[
        Change("topics.accounts.config.cleanup_policy", at=30, value="compact")])
    trace = run(scenario)
    assert trace.removed.removed.min() == 30 and last_of_each(trace) <= kept(trace).keys()


def test_the_same_run_twice():
    assert run(accounts(brokers=3)).same_as(run(accounts(brokers=3)))


def test_other_topics_are_left_alone():
    scenario = accounts()
    orders = replace(scenario, topics=(*scenario.topics, Topic("orders", config={"segment_ms": 1_000})),
                     producers=(*scenario.producers, Producer("shop", "orders", rate=10, stop=20)))
    assert set(run(orders).removed.topic.astype(str)) == {"accounts"}


@pytest.mark.statement("K66", "K32")
def test_a_value_that_was_taken_back_takes_nobody_s_place():
    async def bank(app):
        producer = app.producer(transactional_id="bank")
        await producer.init_transactions()
        for value, counts in (("committed", True), ("taken back", False)):
            await producer.begin_transaction()
            await producer.send_and_wait("accounts", value, key="a")
            await (producer.commit_transaction() if counts else producer.abort_transaction())
        await app.sleep(5)
        await app.producer().send_and_wait("accounts", 1, key="b")
        await app.sleep(20)

    async def audit(app):
        async for record in app.consumer("accounts", group_id="audit", isolation_level="read_committed", **BY_HAND):
            await app.effect("saw", (record.key, record.value))

    trace = run(Scenario(topics=[Topic("accounts", config=COMPACT)], services=[
        Service("bank", bank), Service("audit", audit, start=15)], broker_config=QUICK))
    assert effects(trace, "saw") == [("a", "committed"), ("b", 1)]
    (gone,) = trace.records[trace.records.outcome == "aborted"].itertuples()
    assert gone.copies == 0 and trace.removed.empty
    summary = trace.summary()
    assert (summary.produced, summary.in_log, summary.aborted, summary.removed) == (3, 2, 1, 0)
    assert laws.conservation(trace), laws.conservation(trace)
