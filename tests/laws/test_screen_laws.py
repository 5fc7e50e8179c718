"""What was shown stays, and what is waited for comes: laws about screens, on hand-made traces."""

import pytest
from handmade import Builder

from simlib import laws


def seen(*screens, ended="quiet", at=30.0):
    """A trace of (time, text), or (time, None) for a death, or (time, text, process)."""
    build = Builder(orders=1)
    for time, text, *who in screens:
        kind, detail = ("crashed", "") if text is None else ("shown", text)
        build.event(kind, float(time), who[0] if who else "customer-0", detail=detail)
    return build.trace(ended, at)


def test_what_stays_stays():
    trace = seen((1, "Saving o-1 ..."), (2, "saved: o-1"), (3, "Your orders\no-0\no-1"))
    assert laws.stays_on_screen("o-1")(trace)


def test_what_is_gone_on_a_later_screen_breaks_it_and_is_told():
    verdict = laws.stays_on_screen("o-1")(seen((1, "saved: o-1"), (2, "Your orders\no-0"), (3, "o-1")))
    assert verdict.broken and "from 2 s on o-1 is gone: customer-0 sees 'Your orders / o-0'" in verdict.message
    assert len(verdict.counterexample) == 3


def test_a_death_does_not_excuse_it_and_another_s_screen_does_not_count():
    assert laws.stays_on_screen("o-1")(seen((1, "o-1"), (2, None), (3, "nothing"))).broken
    assert laws.stays_on_screen("o-1")(seen((1, "o-1"), (2, "nothing", "customer-1")))


@pytest.mark.parametrize("law", [laws.stays_on_screen("o-1"), laws.nobody_waits_longer_than(5)])
def test_nothing_shown_is_not_a_pass(law):
    verdict = law(seen())
    assert not verdict and not verdict.judged


def test_patience_is_limited():
    law = laws.nobody_waits_longer_than(5)
    assert law(seen((1, "Saving ..."), (6, "Saved"), (20, "Loading ..."), (25, "Here")))
    verdict = law(seen((1, "Saving ..."), (7, "Saved")))
    assert verdict.broken and "from 1 s on customer-0 sees 'Saving ...', for 6 s" in verdict.message


def test_a_wait_without_end_is_one_and_a_death_ends_it():
    law = laws.nobody_waits_longer_than(5)
    assert "to the end" in law(seen((1, "Saving ..."))).message
    assert law(seen((28, "Saving ...")))
    assert law(seen((1, "Saving ..."), (4, None)))
