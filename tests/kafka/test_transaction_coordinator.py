"""The transaction coordinator, step by step: who may go on, what is decided when, what survives its broker."""

import pytest
from transaction_bench import Bench

from simlib.kafka.transactions.transaction import State

CONCURRENT, FENCED, INVALID = "CONCURRENT_TRANSACTIONS", "PRODUCER_FENCED", "INVALID_TXN_STATE"


def state(bench, name="copy"):
    return bench.coordinator.transactions[name].state


@pytest.mark.statement("K30")
def test_a_transaction_is_decided_in_the_log_before_anybody_hears_of_it():
    bench = Bench()
    assert (bench.init().pid, bench.init().epoch) == (7, 1)
    bench.add(1, 3, 4)
    bench.replicates = False
    assert bench.end(1) is None and bench.marks == []  # written, and not replicated yet
    bench.replicate()
    assert bench.answers[bench.tokens].error is None
    assert [(mark.partitions, mark.committed) for mark in bench.marks] == [((3, 4), True)]


@pytest.mark.statement("K30")
def test_the_transaction_is_complete_with_the_last_marker():
    bench = Bench()
    bench.init()
    bench.add(0, 3, 4)
    bench.end(0)
    (transaction,) = bench.marks
    bench.carry_out(bench.coordinator.marked(0, transaction, 3))
    assert state(bench) is State.PREPARE_COMMIT and bench.add(0, 5).error == CONCURRENT
    bench.carry_out(bench.coordinator.marked(0, transaction, 4))
    assert state(bench) is State.COMPLETE_COMMIT and bench.add(0, 5).error is None


def test_a_commit_that_is_asked_for_again_is_answered_as_the_first_time():
    bench = Bench()
    bench.init()
    bench.add(0, 3)
    bench.end(0)
    assert bench.end(0).error == CONCURRENT  # the markers are under way
    bench.mark_all()
    assert bench.end(0).error is None
    assert bench.end(0, committed=False).error == INVALID


@pytest.mark.statement("K33")
def test_a_newer_producer_aborts_what_the_older_one_left_open_and_fences_it():
    bench = Bench()
    bench.init()
    bench.add(0, 3)
    assert bench.init().error == CONCURRENT
    (mark,) = bench.marks
    assert (mark.committed, mark.epoch, mark.why) == (False, 1, "fenced by a newer producer")
    bench.mark_all()
    assert bench.init().epoch == 2
    assert bench.end(0).error == FENCED and bench.add(0, 3).error == FENCED


@pytest.mark.statement("K33")
def test_only_the_newest_producer_may_raise_its_own_epoch():
    bench = Bench()
    bench.init()
    bench.init()
    assert bench.init(expected=0).error == FENCED
    assert bench.init(expected=1).epoch == 2


@pytest.mark.statement("K34")
def test_a_scan_every_ten_seconds_aborts_what_is_open_for_too_long():
    bench = Bench()
    bench.init()
    bench.wait(5)
    bench.add(0, 3)
    bench.wait(60)
    assert state(bench) is State.ONGOING  # 65 s: the transaction is 60 s old, the next scan is at 70 s
    bench.wait(5)
    assert [(mark.committed, mark.why) for mark in bench.marks] == [(False, "timed out")]
    bench.mark_all()
    assert bench.end(0).error == FENCED and bench.coordinator.deadline() is None


@pytest.mark.statement("K34")
def test_the_clock_starts_with_the_first_partition():
    bench = Bench()
    bench.init()
    bench.wait(500)
    bench.add(0, 3)
    bench.wait(50)
    bench.add(0, 4)
    assert bench.coordinator.deadline() == 570 * 10**9
    bench.wait(20)
    assert state(bench) is State.PREPARE_ABORT


@pytest.mark.parametrize("timeout_ms", [0, -1, 900_001])
def test_a_time_out_that_the_brokers_do_not_allow_is_refused(timeout_ms):
    assert Bench().init(timeout_ms=timeout_ms).error == "INVALID_TRANSACTION_TIMEOUT"


@pytest.mark.statement("K35")
def test_every_end_raises_the_epoch_of_a_new_client_so_an_old_request_comes_too_late():
    bench = Bench()
    assert bench.init(bumps=True).epoch == 0
    for epoch in range(3):
        bench.add(epoch, 3)
        assert bench.end(epoch, committed=epoch != 1, bumps=True).epoch == epoch + 1
        assert bench.marks[0].epoch == epoch + 1
        bench.mark_all()
        assert bench.end(epoch, committed=epoch != 1, bumps=True).epoch == epoch + 1  # the answer was lost
        assert bench.add(epoch, 3).error == FENCED


@pytest.mark.statement("K35")
def test_an_older_client_keeps_its_epoch():
    bench = Bench()
    bench.init()
    for _ in range(3):
        bench.add(0, 3)
        assert bench.end(0).epoch == 0
        bench.mark_all()


@pytest.mark.statement("K35")
def test_an_abort_before_anything_arrived_keeps_the_late_record_out():
    bench = Bench()
    bench.init(bumps=True)
    assert bench.end(0, committed=False, bumps=True).epoch == 1 and bench.marks == []
    assert bench.add(0, 3).error == FENCED


@pytest.mark.statement("K35")
def test_a_leader_asks_whether_its_partition_is_in_the_transaction():
    bench = Bench()
    bench.init()
    assert bench.add(0, 3, verify_only=True).error == INVALID  # no transaction is open
    bench.add(0, 3)
    assert bench.add(0, 3, verify_only=True).error is None
    assert bench.add(0, 4, verify_only=True).error == INVALID
    bench.end(0)
    bench.mark_all()
    assert bench.add(0, 3, verify_only=True).error == INVALID  # it came too late


@pytest.mark.statement("K30")
def test_whoever_takes_over_ends_what_was_decided():
    bench = Bench()
    bench.init()
    bench.add(0, 3, 4)
    bench.end(0)
    successor = Bench(bench.log)
    assert [(mark.partitions, mark.committed) for mark in successor.marks] == [((3, 4), True)]
    successor.mark_all()
    assert state(successor) is State.COMPLETE_COMMIT and successor.coordinator.settled()


@pytest.mark.statement("K34")
def test_whoever_takes_over_goes_on_waiting_for_an_open_transaction():
    bench = Bench()
    bench.init()
    bench.add(0, 3)
    successor = Bench(bench.log)
    assert not successor.coordinator.settled() and successor.coordinator.deadline() == 70 * 10**9


def test_an_append_that_was_refused_changes_nothing():
    bench = Bench()
    bench.init()
    bench.replicates = False
    bench.add(0, 3)
    bench.coordinator.not_written(bench.waiting.pop().record)
    assert state(bench) is State.EMPTY
    bench.replicates = True
    assert bench.add(0, 3).error is None and state(bench) is State.ONGOING


def test_that_all_have_their_marker_is_written_in_the_end_though_replicas_are_missing():
    bench = Bench()
    bench.init()
    bench.add(0, 3)
    bench.end(0)
    bench.replicates = False
    bench.mark_all()
    (refused,) = bench.waiting
    for _ in range(2):
        assert bench.coordinator.not_written(refused.record) == [refused]
        assert bench.add(0, 5).error == CONCURRENT and not bench.coordinator.settled()
    bench.replicate()
    assert state(bench) is State.COMPLETE_COMMIT and bench.coordinator.settled()


def test_nobody_is_answered_by_a_broker_that_is_no_coordinator():
    bench = Bench()
    bench.coordinator.unload()
    assert bench.init().error == bench.add(0, 3).error == bench.end(0).error == "NOT_COORDINATOR"
    assert bench.coordinator.deadline() is None


def test_an_unknown_producer_is_told_so():
    assert Bench().end(0).error == Bench().add(0, 3).error == "INVALID_PRODUCER_ID_MAPPING"
