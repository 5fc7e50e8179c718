"""Declared producers that write in transactions, and groups that read what is committed."""

import pytest

from simlib import ConsumerGroup, Crash, Pause, Producer, Scenario, Shutdown, Topic, laws, run
from simlib.scenario.errors import ScenarioError
from simlib.scenario.faults import LoseReply

both_clients = pytest.mark.parametrize("client", ["kafka-python", "java"])


def load(*faults, client="kafka-python", duration=60.0, more=(), **settings):
    """Ten records a second for ten seconds, committed every second, read by `wary` (read_committed) and `open`."""
    shop = Producer("shop", "orders", rate=10, keys=9, stop=10, **{"transactional_id": "shop",
                                                                  "transaction_duration": 1.0, **settings})
    groups = [ConsumerGroup(name, "orders", auto_offset_reset="earliest", isolation_level=level)
              for name, level in (("wary", "read_committed"), ("open", "read_uncommitted"))]
    return Scenario(topics=[Topic("orders", 2, 3)], producers=[shop, *more], groups=groups, faults=faults,
                    client=client, duration=duration)


def ended(trace):
    return list(trace.control[trace.control.kind == "transaction_ended"].detail)


def waited(trace, group):
    """The longest time from a record's creation to its first delivery to the group (s)."""
    created = trace.records.set_index("message").created
    rows = trace.deliveries[(trace.deliveries.group == group) & (trace.deliveries.attempt == 1)]
    return max(rows.time.values - created[rows.message].values)


@pytest.mark.statement("K30", "K31")
@both_clients
def test_a_record_waits_for_the_commit_of_its_transaction(client):
    trace = run(load(client=client), progress=False)
    summary = trace.summary()
    assert (summary.produced, summary.in_log, summary.aborted, summary.pending) == (100, 100, 0, 0)
    assert set(ended(trace)) == {"shop committed: by its producer"} and 9 <= len(ended(trace)) <= 11
    assert 0.8 < waited(trace, "wary") < 1.2 and waited(trace, "open") < 0.2
    assert summary.groups["wary"].delivered == summary.groups["open"].delivered == 100


@pytest.mark.statement("K33")
@both_clients
def test_a_killed_producer_s_open_transaction_is_aborted_when_it_is_back(client):
    trace = run(load(Crash("shop", at=5.5, restart_after=2), client=client), progress=False)
    summary = trace.summary()
    assert ended(trace).count("shop aborted: fenced by a newer producer") == 1
    assert 5 <= summary.aborted <= 11 and summary.groups["wary"].delivered == summary.in_log
    assert summary.groups["open"].delivered == summary.in_log + summary.aborted
    assert laws.no_aborted_reads(trace) and laws.conservation(trace) and laws.nothing_lost("wary")(trace)


@pytest.mark.statement("K34")
@both_clients
def test_without_a_successor_the_coordinator_aborts_and_everybody_waits_for_it(client):
    scenario = load(Crash("shop", at=5.5), client=client, transaction_timeout_ms=20_000,
                    more=[Producer("plain", "orders", rate=10, keys=9, stop=10)])
    trace = run(scenario, progress=False)
    assert ended(trace)[-1] == "shop aborted: timed out"
    assert 15 < waited(trace, "wary") < 35 and waited(trace, "open") < 0.2


@pytest.mark.statement("K33")
@both_clients
def test_the_last_of_two_producers_with_one_id_stays(client):
    taker = Producer("taker", "orders", rate=10, keys=9, start=5, stop=10, transactional_id="shop",
                     transaction_duration=1.0)
    trace = run(load(client=client, more=[taker]), progress=False)
    exceptions = trace.control[trace.control.kind == "exception"]
    assert list(exceptions.process) == ["shop"] and list(exceptions.detail) == ["PRODUCER_FENCED"]
    later = trace.records[trace.records.created > 7]
    assert set(later.producer) == {"taker"} and set(later.outcome) == {"acked"}


@both_clients
def test_a_zombie_is_fenced_when_it_goes_on(client):
    trace = run(load(Pause("shop", at=5.5, duration=30), client=client, transaction_timeout_ms=5_000), progress=False)
    assert ended(trace)[-1] == "shop aborted: timed out"
    assert list(trace.control[trace.control.kind == "exception"].detail) == ["PRODUCER_FENCED"]


@both_clients
def test_a_clean_end_commits_what_is_open(client):
    trace = run(load(Shutdown("shop", at=5.5), client=client), progress=False)
    summary = trace.summary()
    assert summary.aborted == summary.lost == summary.pending == 0 and summary.groups["wary"].delivered == 56
    assert "shutdown" in set(trace.control.kind)


@both_clients
def test_a_lost_answer_to_a_commit_changes_nothing(client):
    trace = run(load(LoseReply("shop", "end_txn", nth=3), client=client, request_timeout_ms=3_000), progress=False)
    summary = trace.summary()
    assert not summary.faults_not_fired and summary.aborted == 0 and summary.groups["wary"].delivered == 100
    assert laws.order_per_key(trace) and laws.conservation(trace)


@pytest.mark.parametrize(("settings", "said"), [
    ({"transactional_id": ""}, "must be a text that is not empty"),
    ({"transactional_id": 7}, "transactional_id=7"),
    ({"transaction_timeout_ms": 900_001}, "is refused by the brokers, who allow up to 900000"),
    ({"transaction_timeout_ms": -5}, "transaction_timeout_ms=-5"),
    ({"transaction_duration": 0}, "transaction_duration=0"),
    ({"acks": 1}, "needs idempotence, but acks=1 switches it off"),
])
def test_what_cannot_work_is_said_before_the_run(settings, said):
    with pytest.raises(ScenarioError, match="shop") as refused:
        run(load(**settings), progress=False)
    assert said in str(refused.value)


def test_only_a_transactional_producer_asks_a_coordinator():
    plain = Producer("plain", "orders", rate=1)
    with pytest.raises(ScenarioError, match="it sends no end_txn"):
        run(load(LoseReply("plain", "end_txn", nth=1), more=[plain]), progress=False)
