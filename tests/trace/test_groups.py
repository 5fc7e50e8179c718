"""Lag, backlog, skipped and passed over: where a group stands."""

import pytest
from handmade import Builder


def four_records() -> Builder:
    """Written at 0, 1, 2, 3 s; each visible 2 ms later."""
    build = Builder(orders=1)
    for number in range(4):
        build.write(at=float(number), offset=number)
    return build


@pytest.mark.statement("K99")
def test_lag_is_high_watermark_minus_committed_offset():
    build = four_records()
    for number in range(3):  # delivered, so the read position moves; the lag does not
        build.deliver(f"shop:{number}", number, number + 0.1, number + 0.2)
    build.commit(2, 2.5)
    lag = build.trace().lag
    assert list(lag.time) == [0.002, 1.002, 2.002, 2.5, 3.002]
    assert list(lag.lag) == [1, 2, 3, 1, 2]
    assert set(lag.group) == {"billing"} and set(lag.partition) == {0}


def test_lag_of_a_partition_nobody_reads_counts_too():
    build = Builder(orders=2)
    build.write(partition=0, at=0.0, offset=0)
    build.write(partition=1, at=1.0, offset=0)
    build.commit(1, 0.5, partition=0)
    lag = build.trace().lag
    assert lag[lag.partition == 1].lag.tolist() == [1]


def test_a_reset_to_the_end_is_where_lag_begins():
    build = four_records()
    build.skip(0, 3, 2.5)
    assert build.trace().lag.lag.tolist() == [1, 2, 3, 0, 1]


def test_backlog_is_in_the_log_and_not_handed_over_and_not_lost():
    build = four_records()
    build.deliver("shop:0", 0, 0.5, 0.6)
    summary = build.trace().summary()
    assert (summary.delivered, summary.backlog, summary.lost, summary.passed_over) == (1, 3, 0, 0)
    assert summary.groups["billing"].lag == 4


def test_skipped_is_neither_backlog_nor_lost():
    build = four_records()
    build.skip(0, 3, 2.5)
    summary = build.trace().summary()
    assert (summary.skipped, summary.backlog, summary.lost) == (3, 1, 0)
    assert build.trace().skipped.records.tolist() == [3]


def test_committed_and_never_handed_over_is_passed_over():
    build = four_records()
    build.deliver("shop:0", 0, 0.5, 0.6)
    build.commit(3, 3.5)
    passed = build.trace().passed_over
    assert list(passed.message) == ["shop:1", "shop:2"]
    assert set(passed.reason) == {"never handed over"} and set(passed.committed) == {3.5}


def test_committed_and_left_unfinished_by_a_dead_member_is_passed_over():
    build = four_records()
    build.deliver("shop:0", 0, 0.5, None)
    build.commit(1, 0.6)
    build.event("crashed", 0.7, "billing-0")
    assert build.trace().passed_over.reason.tolist() == ["handed over, never finished"]


def test_committed_and_still_at_work_is_not_passed_over():
    build = four_records()
    build.deliver("shop:0", 0, 0.5, None)
    build.commit(1, 0.6)
    assert len(build.trace().passed_over) == 0


def test_a_committed_seek_back_means_it_will_be_read_again():
    build = four_records()
    build.commit(3, 3.5)
    build.commit(1, 4.0)
    assert list(build.trace().passed_over.message) == ["shop:0"]


def test_groups_are_independent():
    build = four_records()
    build.deliver("shop:0", 0, 0.5, 0.6)
    build.deliver("shop:0", 0, 0.7, 0.8, group="stock", member="stock-0")
    build.commit(1, 1.0)
    summary = build.trace().summary()
    assert summary.duplicates == 0
    assert {name: group.lag for name, group in summary.groups.items()} == {"billing": 3, "stock": 4}


def test_latencies_are_from_creation_to_hand_over_and_to_done():
    build = four_records()
    build.deliver("shop:0", 0, 0.5, 0.75)
    group = build.trace().summary().groups["billing"]
    assert group.handed_after["p50"] == pytest.approx(0.5) and group.done_after["p99"] == pytest.approx(0.75)


@pytest.mark.statement("K99")
def test_lag_counts_from_the_log_start():
    build = four_records()
    build.commit(1, 3.5)
    for number in range(3):
        build.remove(f"shop:{number}", number, 5.0 + number)
    assert build.trace().lag.lag.tolist() == [1, 2, 3, 4, 3, 2, 1]


def missed_by_billing(build):
    return build.trace().summary().groups["billing"].missed


def test_removed_before_the_group_had_it_is_missed_and_no_backlog():
    build = four_records()
    build.deliver("shop:0", 0, 0.5, 0.6)
    for number in range(3):
        build.remove(f"shop:{number}", number, 5.0)
    build.skip(1, 3, 6.0)  # the reset policy comes too late for what is gone
    summary = build.trace().summary()
    assert missed_by_billing(build) == {"retention_ms": 2}
    assert (summary.backlog, summary.skipped, summary.passed_over, summary.lost) == (1, 0, 0, 0)


def test_handed_over_never_finished_and_then_removed_is_missed():
    build = four_records()
    build.deliver("shop:0", 0, 0.5)
    build.event("crashed", 0.6, "billing-0")
    build.remove("shop:0", 0, 5.0)
    assert missed_by_billing(build) == {"retention_ms": 1}


def test_what_had_been_passed_over_stays_so_when_it_is_removed():
    build = four_records()
    build.commit(2, 4.0)
    build.remove("shop:0", 0, 5.0)
    assert build.trace().summary().passed_over == 2 and missed_by_billing(build) == {}


def test_what_a_reset_policy_had_skipped_before_is_not_missed():
    build = four_records()
    build.skip(0, 3, 3.5)
    build.remove("shop:0", 0, 5.0)
    assert missed_by_billing(build) == {} and build.trace().summary().skipped == 3
