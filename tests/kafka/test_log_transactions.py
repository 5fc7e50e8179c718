"""Transactions in one log: what is stable, what was taken back, what a truncation undoes."""

import pytest

from simlib.kafka.lane import Batch, Marker, TransactionalBatch
from simlib.kafka.log import Entry, Log


class Written(Log):
    """A log that is written batch by batch, each of one record."""

    def plain(self):
        return self._write(Batch(None, 0, 1, 10, 0))

    def of(self, pid, epoch=0, sequence=0):
        return self._write(TransactionalBatch(None, 0, 1, 10, 0, pid, epoch, sequence))

    def marker(self, pid, committed, epoch=0):
        return self._write(Marker(pid, epoch, committed, 0, 0))

    def _write(self, batch):
        self.append(Entry(self.end, batch, 0, 0))
        return self.end - 1

    def visible(self, high_watermark):
        """Offsets that a read_committed consumer gets, and where it stops."""
        entries = self.read_committed(0, high_watermark, 10**6)
        aborted = [entry.base for entry in self.entries
                   if self.transactions is not None and self.transactions.is_aborted(entry.batch, entry.base)]
        return [entry.base for entry in entries if entry.base not in aborted and not isinstance(entry.batch, Marker)]


@pytest.mark.statement("K31")
def test_an_open_transaction_holds_everything_back_that_comes_after_its_first_record():
    log = Written()
    log.plain()
    log.of(1)
    log.plain()
    assert log.last_stable_offset(3) == 1 and log.visible(3) == [0]
    log.marker(1, True)
    assert log.last_stable_offset(4) == 4 and log.visible(4) == [0, 1, 2]


@pytest.mark.statement("K31")
def test_a_marker_counts_when_it_is_replicated():
    log = Written()
    log.of(1)
    log.marker(1, True)
    assert log.last_stable_offset(1) == 0 and log.last_stable_offset(2) == 2


@pytest.mark.statement("K31")
def test_the_oldest_of_several_open_transactions_counts():
    log = Written()
    for pid in (1, 2, 3):
        log.of(pid)
    log.marker(2, True)
    log.marker(1, False)
    assert log.last_stable_offset(5) == 2 and log.visible(5) == [1]
    log.marker(3, True)
    assert log.visible(6) == [1, 2]


@pytest.mark.statement("K30")
def test_only_the_records_of_the_aborted_transaction_are_taken_back():
    log = Written()
    log.of(1)
    log.of(2)
    log.marker(1, True)
    log.of(1, sequence=1)
    log.marker(1, False)
    log.of(1, sequence=2)
    log.marker(1, True)
    log.marker(2, True)
    assert log.visible(log.end) == [0, 1, 5]


@pytest.mark.statement("K30")
def test_what_was_taken_back_is_read_as_a_gap_of_the_same_length():
    log = Written()
    log.of(1)
    log.marker(1, False)
    first, marker = log.read_committed(0, 2, 10**6)
    assert (first.base, first.end, first.batch.lane) == (0, 1, None) and marker.end == 2


def test_a_truncation_opens_a_transaction_again():
    log = Written()
    log.of(1)
    log.marker(1, False)
    log.truncate(1)
    assert log.last_stable_offset(1) == 0
    log.marker(1, True)
    assert log.visible(2) == [0]
    log.truncate(0)
    assert log.transactions is None and log.last_stable_offset(0) == 0


@pytest.mark.statement("K33")
def test_a_marker_with_a_newer_epoch_keeps_the_older_producer_out():
    log = Written()
    log.of(1)
    log.marker(1, False, epoch=1)
    assert log.producers.check(TransactionalBatch(None, 0, 1, 10, 0, 1, 0, 1), 0)[0] == "INVALID_PRODUCER_EPOCH"


@pytest.mark.statement("K35")
def test_after_a_marker_with_the_same_epoch_sequence_numbers_go_on():
    log = Written()
    log.of(1)
    log.marker(1, True)
    assert log.producers.check(TransactionalBatch(None, 0, 1, 10, 0, 1, 0, 1), 0) == ("", -1)
    assert log.producers.check(TransactionalBatch(None, 0, 1, 10, 0, 1, 0, 0), 0) == ("DUPLICATE", 0)


def test_a_log_without_transactions_knows_nothing_of_them():
    log = Written()
    log.plain()
    assert log.transactions is None and log.last_stable_offset(1) == 1 and log.read_committed(0, 1, 10) == log.entries
