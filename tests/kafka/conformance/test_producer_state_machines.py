"""Producer statements that are decided inside one broker, asked of its state machines directly."""

import pytest

from simlib.kafka.lane import Batch
from simlib.kafka.log import Log
from simlib.kafka.partition_leader import PartitionLeader, PartitionState
from simlib.kafka.producer_state import SEQUENCES, ProducerStates
from simlib.units import SECOND

HOUR = 3600 * SECOND
LEADER, FIRST, SECOND_FOLLOWER = 0, 1, 2
REPLICAS = (LEADER, FIRST, SECOND_FOLLOWER)


def batch(sequence=-1, count=1, pid=7, epoch=0):
    return Batch(None, 0, count, 100 * count, 0, pid if sequence >= 0 else -1, epoch, sequence)


def leader(isr=REPLICAS, min_isr=2, log=None):
    state = PartitionState(LEADER, 5, isr, 1, REPLICAS)
    return PartitionLeader(log or Log(), LEADER, state, 0, min_isr, 30 * SECOND, 0)


def in_sync(partition, *isr):
    """The controller's decision about the in-sync replicas arrives."""
    partition.accept(PartitionState(LEADER, 5, isr, partition.version + 1, REPLICAS))


def states(*batches, now=0):
    """What a partition remembers after these batches, appended one behind the other."""
    memory, base = ProducerStates(), 0
    for each in batches:
        memory.remember(each, base, now)
        base += each.count
    return memory


@pytest.mark.statement("K04")
def test_acks_all_is_refused_before_the_append():
    partition = leader(isr=(LEADER,))
    answer = partition.append(0, batch(), acks_all=True)
    assert answer.error == "NOT_ENOUGH_REPLICAS"
    assert partition.log.end == 0


@pytest.mark.statement("K05", "K06")
def test_other_acks_are_appended_but_stay_above_the_high_watermark():
    partition = leader(isr=(LEADER,))
    answer = partition.append(0, batch(count=3), acks_all=False)
    assert (answer.error, answer.base) == ("", 0)
    assert (partition.log.end, partition.high_watermark) == (3, 0)
    in_sync(partition, LEADER, FIRST)
    partition.fetched(1, FIRST, 3)
    assert partition.high_watermark == 3


@pytest.mark.statement("K07")
def test_too_few_replicas_when_the_record_is_everywhere_is_an_error_after_the_append():
    partition = leader(isr=(LEADER, FIRST))
    assert partition.append(0, batch(), acks_all=True).error == ""
    partition.fetched(1, FIRST, 1)
    in_sync(partition, LEADER)  # between the high watermark's move and the answer
    assert partition.high_watermark == 1
    assert partition.outcome() == "NOT_ENOUGH_REPLICAS_AFTER_APPEND"


@pytest.mark.statement("K17")
@pytest.mark.parametrize("back", range(5))
def test_each_of_the_last_five_batches_is_known_with_its_offset(back):
    sent = [batch(sequence=2 * n, count=2) for n in range(9)]
    again = sent[-1 - back]
    assert states(*sent).check(again, 0) == ("DUPLICATE", again.sequence)


@pytest.mark.statement("K17")
def test_a_known_batch_is_not_appended_again():
    partition = leader()
    for n in range(3):
        partition.append(0, batch(sequence=n), acks_all=True)
    answer = partition.append(1, batch(sequence=1), acks_all=True)
    assert (answer.base, answer.entry, partition.log.end) == (1, None, 3)


@pytest.mark.statement("K18")
def test_the_sixth_last_batch_is_neither_appended_again_nor_given_an_offset():
    partition = leader()
    for n in range(9):
        partition.append(0, batch(sequence=n), acks_all=True)
    answer = partition.append(1, batch(sequence=3), acks_all=True)
    assert answer.error in ("OUT_OF_ORDER_SEQUENCE_NUMBER", "DUPLICATE_SEQUENCE_NUMBER")  # Kafka 4; before Kafka 2
    assert (answer.base, answer.entry, partition.log.end) == (-1, None, 9)


@pytest.mark.statement("K20")
def test_a_gap_is_refused_and_the_next_number_is_taken():
    partition = leader()
    partition.append(0, batch(sequence=0, count=4), acks_all=True)
    assert partition.append(0, batch(sequence=5), acks_all=True).error == "OUT_OF_ORDER_SEQUENCE_NUMBER"
    assert partition.log.end == 4
    assert partition.append(0, batch(sequence=4), acks_all=True).error == ""


@pytest.mark.statement("K20")
def test_sequence_numbers_begin_again_after_the_largest():
    memory = states(batch(sequence=SEQUENCES - 2, count=2))
    assert memory.check(batch(sequence=0), 0) == ("", -1)
    assert memory.check(batch(sequence=1), 0)[0] == "OUT_OF_ORDER_SEQUENCE_NUMBER"


@pytest.mark.statement("K21")
def test_after_a_day_of_silence_any_sequence_number_is_new():
    sent = [batch(sequence=n) for n in range(3)]
    memory = states(*sent, now=0)
    for again in (sent[2], batch(sequence=17)):
        assert memory.check(again, 23 * HOUR)[0] in ("DUPLICATE", "OUT_OF_ORDER_SEQUENCE_NUMBER")
        assert memory.check(again, 25 * HOUR) == ("", -1)


@pytest.mark.statement("K19")
def test_another_session_of_the_producer_is_another_producer():
    memory = states(batch(sequence=0, pid=7))
    assert memory.check(batch(sequence=0, pid=8), 0) == ("", -1)
