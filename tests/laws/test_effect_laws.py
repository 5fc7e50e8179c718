"""Effects: once, at most once, at least once - and a handler that does nothing never passes."""

import pytest
from handmade import Builder

from simlib import laws


def charged(*keys, ended="quiet", name="charge"):
    build = Builder(orders=1)
    for number, key in enumerate(keys):
        build.effect(name, key, float(number))
    return build.trace(ended)


CALM = charged("order-1", "order-2")


def test_once_each_holds():
    trace = charged("order-1", "order-2")
    assert laws.exactly_once("charge")(trace, CALM)
    assert laws.at_most_once("charge")(trace, CALM) and laws.at_least_once("charge")(trace, CALM)


def test_twice_breaks_at_most_once_and_exactly_once_but_not_at_least_once():
    trace = charged("order-1", "order-2", "order-1")
    verdict = laws.exactly_once("charge")(trace, CALM)
    assert verdict.broken and verdict.anomaly == "duplicate"
    assert verdict.counterexample.key.tolist() == ["order-1", "order-1"]
    assert verdict.counterexample.occurrence.tolist() == [1, 2]
    assert laws.at_most_once("charge")(trace, CALM).broken
    assert laws.at_least_once("charge")(trace, CALM)


def test_never_done_breaks_at_least_once_and_exactly_once_but_not_at_most_once():
    trace = charged("order-1")
    verdict = laws.at_least_once("charge")(trace, CALM)
    assert verdict.broken and verdict.anomaly == "lost"
    assert verdict.counterexample.key.tolist() == ["order-2"]
    assert laws.exactly_once("charge")(trace, CALM).broken
    assert laws.at_most_once("charge")(trace, CALM)


def test_the_same_key_of_another_effect_is_another_act():
    build = Builder(orders=1)
    build.effect("charge", "order-1", 1.0)
    build.effect("mail", "order-1", 2.0)
    assert laws.exactly_once("charge", expected=["order-1"])(build.trace("quiet"))


def test_a_number_and_its_text_are_two_keys():
    assert laws.exactly_once("charge", expected=[1, "1"])(charged(1, "1"))


@pytest.mark.parametrize("law", [laws.exactly_once, laws.at_least_once, laws.at_most_once])
def test_nothing_to_protect_is_not_a_pass(law):
    verdict = law("charge")(charged(), charged())
    assert not verdict and not verdict.judged and "nothing to protect" in verdict.message


def test_a_broken_handler_that_does_nothing_under_a_fault_is_broken():
    assert laws.at_least_once("charge")(charged(), CALM).broken


def test_without_a_calm_run_the_law_asks_for_what_should_happen():
    verdict = laws.exactly_once("charge")(charged("order-1"))
    assert not verdict and not verdict.judged and "expected=" in verdict.message
    assert laws.exactly_once("charge")(charged("order-1", "order-1")).broken


@pytest.mark.parametrize("ended", ["duration", "interrupted"])
def test_missing_is_judged_only_in_a_run_that_ended_quiet(ended):
    verdict = laws.at_least_once("charge")(charged("order-1", ended=ended), CALM)
    assert not verdict.judged and ended in verdict.message
    assert laws.at_least_once("charge")(charged("order-1", "order-2", ended=ended), CALM)


def test_stuck_is_a_violation_of_its_own():
    verdict = laws.exactly_once("charge")(charged("order-1", "order-2", ended="stuck"), CALM)
    assert verdict.broken and "stuck" in verdict.message
    assert laws.at_most_once("charge")(charged("order-1", "order-2", ended="stuck"), CALM)
