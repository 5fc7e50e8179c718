"""The three things a law can say."""

from handmade import Builder

from simlib import laws
from simlib.laws.verdict import broken, holds, not_judged


def test_only_a_law_that_was_judged_and_holds_is_true():
    assert holds("law", "yes") and not broken("law", "no") and not not_judged("law", "cannot say")
    assert not holds("law", "yes").broken and broken("law", "no").broken and not not_judged("law", "").broken


def test_a_verdict_shows_its_law_its_word_and_its_rows_escaped():
    build = Builder(orders=1)
    build.effect("charge", "<script>", 1.0)
    build.effect("charge", "<script>", 2.0)
    verdict = laws.at_most_once("charge")(build.trace())
    assert repr(verdict).startswith("at_most_once('charge'): broken. duplicate: charge was done again 1 time")
    assert "<script>" not in verdict._repr_html_() and "&lt;script&gt;" in verdict._repr_html_()
