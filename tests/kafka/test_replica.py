"""Producers that wait at a leader: who is answered when the high watermark moves, and with what."""

from types import SimpleNamespace

import pytest

from simlib.kafka.replica import Led, Replica


class Producer:
    def __init__(self):
        self.told = None

    def reply(self, outcome):
        self.told = outcome


def led(outcome=""):
    return Led(Replica(1), SimpleNamespace(outcome=lambda: outcome))


def test_whoever_the_high_watermark_has_passed_is_answered_in_order():
    waiting, first, second = led(), Producer(), Producer()
    waiting.wait_for(5, first, 0)
    waiting.wait_for(8, second, 5)
    waiting.answer_up_to(5)
    assert (first.told, second.told) == (("", 0), None)
    waiting.answer_up_to(20)
    assert second.told == ("", 5)


@pytest.mark.statement("K17")
def test_the_repeat_of_an_old_batch_does_not_wait_for_newer_ones():
    waiting, newer, repeat = led(), Producer(), Producer()
    waiting.wait_for(8, newer, 5)
    waiting.wait_for(5, repeat, 0)
    waiting.answer_up_to(6)
    assert (repeat.told, newer.told) == (("", 0), None)


@pytest.mark.statement("K07")
def test_too_few_in_sync_replicas_by_then_are_told():
    waiting, producer = led("NOT_ENOUGH_REPLICAS_AFTER_APPEND"), Producer()
    waiting.wait_for(5, producer, 0)
    waiting.answer_up_to(5)
    assert producer.told == ("NOT_ENOUGH_REPLICAS_AFTER_APPEND", 0)
