"""Commits against deliveries, and what a group lost."""

import pytest
from handmade import Builder

from simlib import laws


def three_records() -> Builder:
    build = Builder(orders=1)
    for number in range(3):
        build.write(at=0.0, offset=number)
    return build


def handed(build: Builder, *numbers: int) -> Builder:
    for number in numbers:
        build.deliver(f"shop:{number}", number, 1.0 + number, 1.5 + number)
    return build


@pytest.mark.statement("K72")
def test_a_commit_may_reach_what_was_handed_over():
    build = handed(three_records(), 0, 1, 2)
    build.commit(2, 2.0)
    build.commit(3, 3.0)
    assert laws.commit_never_ahead_of_delivery(build.trace())


def test_a_commit_past_a_record_that_comes_later_is_ahead():
    build = handed(three_records(), 0, 1, 2)
    build.commit(2, 1.9)
    verdict = laws.commit_never_ahead_of_delivery(build.trace())
    assert verdict.broken and verdict.anomaly == "skip" and verdict.counterexample.offset.tolist() == [2]


def test_a_commit_over_a_gap_is_ahead_even_if_the_last_record_was_handed_over():
    build = handed(three_records(), 0, 2)
    build.commit(3, 9.0)
    assert laws.commit_never_ahead_of_delivery(build.trace()).broken


def test_what_a_reset_policy_skipped_may_be_committed():
    build = handed(three_records(), 2)
    build.skip(0, 2, 0.5)
    build.commit(3, 9.0)
    assert laws.commit_never_ahead_of_delivery(build.trace())


def test_another_groups_deliveries_do_not_count():
    build = three_records()
    build.deliver("shop:0", 0, 0.5, group="stock", member="stock-0")
    build.commit(1, 1.0)
    assert laws.commit_never_ahead_of_delivery(build.trace()).broken


def test_without_commits_there_is_nothing_to_protect():
    assert "nothing to protect" in laws.commit_never_ahead_of_delivery(three_records().trace()).message


def test_backlog_is_not_loss_while_the_run_goes_on():
    build = handed(three_records(), 0)
    verdict = laws.nothing_lost("billing")(build.trace("duration"))
    assert verdict and "1 record finished, 2 waiting" in verdict.message


def test_in_a_quiet_run_nothing_may_wait():
    build = handed(three_records(), 0)
    verdict = laws.nothing_lost("billing")(build.trace("quiet"))
    assert verdict.broken and verdict.counterexample.message.tolist() == ["shop:1", "shop:2"]
    assert laws.nothing_lost("billing")(handed(build, 1, 2).trace("quiet"))


@pytest.mark.statement("K73")
def test_committed_first_and_died_is_lost_for_the_group():
    build = three_records()
    build.deliver("shop:0", 0, 1.0, None)
    build.commit(1, 1.1)
    build.event("crashed", 1.2, "billing-0")
    verdict = laws.nothing_lost("billing")(build.trace("duration"))
    assert verdict.broken and verdict.anomaly == "unseen"
    assert laws.commit_never_ahead_of_delivery(build.trace())


def test_an_acknowledged_record_that_left_the_log_unread_is_lost():
    build = handed(three_records(), 0)
    build.create(at=3.0)
    build.append("shop:3", 3, 3.1, keep=False)
    build.ack("shop:3", 3.2)
    verdict = laws.nothing_lost("billing")(build.trace("duration"))
    assert verdict.broken and verdict.anomaly == "lost write"


def test_what_a_reset_skipped_is_not_lost():
    build = handed(three_records(), 2)
    build.skip(0, 2, 0.5)
    assert laws.nothing_lost("billing")(build.trace("quiet"))


def test_stuck_with_work_left_is_broken():
    assert "stuck" in laws.nothing_lost("billing")(handed(three_records(), 0).trace("stuck")).message


def test_an_unknown_group_is_told_which_there_are():
    verdict = laws.nothing_lost("biling")(handed(three_records(), 0).trace())
    assert not verdict and "there are billing" in verdict.message


# -- what retention and compaction take

@pytest.mark.statement("K65")
def test_taken_by_retention_before_it_was_done_is_lost_for_the_group():
    build = handed(three_records(), 0)
    build.remove("shop:1", 1, 30.0)
    verdict = laws.nothing_lost("billing")(build.trace())
    assert verdict.broken and verdict.anomaly == "unseen" and verdict.counterexample.message.tolist() == ["shop:1"]


def test_taken_by_retention_afterwards_is_not():
    build = handed(three_records(), 0, 1, 2)
    build.remove("shop:1", 1, 30.0)
    verdict = laws.nothing_lost("billing")(build.trace("quiet"))
    assert verdict and "3 records finished" in verdict.message


@pytest.mark.parametrize(("by", "broken"), [("compaction", False), ("delete_retention_ms", True)])
def test_a_successor_makes_up_for_what_compaction_takes_and_nothing_does_for_a_tombstone(by, broken):
    build = handed(three_records(), 1, 2)
    build.remove("shop:0", 0, 0.9, by)
    assert laws.nothing_lost("billing")(build.trace()).broken == broken
