"""`records` and `lost`, against traces whose every row is known."""

import numpy as np
import pytest
from handmade import Builder

from simlib.trace.columns import VIEWS
from simlib.trace.frames import categorical


def a_life_of_every_kind() -> Builder:
    """shop:0 safe; :1 safe twice; :2 acked and discarded; :3 discarded unacked; :4 timed out but written;
    :5 refused; :6 died with the producer; :7 acks=0 and never seen; :8 pending; :9 acked and never written."""
    build = Builder(orders=2)
    for number in range(10):
        build.create(partition=number % 2, at=float(number), key=f"k{number}")
    build.append("shop:0", 0, 0.1)
    build.ack("shop:0", 0.2)
    build.append("shop:1", 0, 1.1)
    build.append("shop:1", 1, 1.5)
    build.ack("shop:1", 1.6)
    build.append("shop:2", 1, 2.1, keep=False)
    build.ack("shop:2", 2.2)
    build.append("shop:3", 2, 3.1, keep=False)
    build.ack("shop:3", 120.0, "timed out")
    build.append("shop:4", 1, 4.1)
    build.ack("shop:4", 121.0, "timed out")
    build.ack("shop:5", 5.2, "refused", error="RecordTooLargeError")
    build.ack("shop:6", 6.2, "lost with its producer")
    build.ack("shop:7", 7.0, "unacknowledged")
    build.ack("shop:9", 9.2)
    return build


def test_one_row_a_message_by_partition_and_offset_then_the_never_appended():
    records = a_life_of_every_kind().trace().records
    assert list(records.message[:5]) == ["shop:0", "shop:2", "shop:4", "shop:1", "shop:3"]
    assert list(records.message[5:]) == ["shop:6", "shop:8", "shop:5", "shop:7", "shop:9"]
    assert str(records.partition.dtype) == str(records.offset.dtype) == "Int64"
    assert str(records.key.dtype) == "category"


def test_counting_a_column_names_nobody_who_is_not_in_it():
    trace = a_life_of_every_kind().trace()
    assert dict(trace.records.producer.value_counts()) == {"shop": 10}
    assert "pending" in set(trace.records.outcome) and "pending" not in trace.lost.outcome.cat.categories
    for view in VIEWS:
        table = getattr(trace, view)
        for name in table.select_dtypes("category"):
            assert set(table[name].cat.categories) == set(table[name].dropna()), (view, name)


def test_names_keep_their_order_and_their_gaps():
    some = categorical(np.array([3, -1, 1, 3], np.int8), ["a", "b", "c", "d"])
    assert list(some.categories) == ["b", "d"] and list(some[[0, 2, 3]]) == ["d", "b", "d"]
    assert list(some.codes) == [1, -1, 0, 1]
    assert len(categorical(np.array([-1]), ["a"]).categories) == 0


def test_copies_offset_and_times_of_a_message_that_stands_in_the_log_twice():
    row = a_life_of_every_kind().trace().records.set_index("message").loc["shop:1"]
    assert (row.copies, row.offset, row.created, row.appended, row.acked) == (2, 0, 1.0, 1.1, 1.6)


def test_outcome_is_what_the_producer_learned():
    outcome = a_life_of_every_kind().trace().records.set_index("message").outcome
    assert outcome["shop:4"] == "timed out" and outcome["shop:8"] == "pending" and outcome["shop:5"] == "refused"


@pytest.mark.parametrize("message, reason", [
    ("shop:2", "acknowledged, then discarded"), ("shop:3", "discarded before it was acknowledged"),
    ("shop:5", "refused"), ("shop:6", "lost with its producer"), ("shop:7", "never confirmed"),
    ("shop:9", "acknowledged, never in the log"),
])
def test_lost_says_why(message, reason):
    assert a_life_of_every_kind().trace().lost.set_index("message").reason[message] == reason


def test_written_or_waiting_is_not_lost():
    lost = a_life_of_every_kind().trace().lost
    assert not set(lost.message) & {"shop:0", "shop:1", "shop:4", "shop:8"}


def test_an_acknowledged_loss_can_be_told_from_the_others():
    lost = a_life_of_every_kind().trace().lost
    assert set(lost.message[lost.acked.notna()]) == {"shop:2", "shop:9"}
    assert lost.set_index("message").error["shop:5"] == "RecordTooLargeError"


def test_summary_counts_the_same():
    summary = a_life_of_every_kind().trace().summary()
    assert (summary.produced, summary.in_log, summary.lost, summary.lost_acked, summary.pending) == (10, 3, 6, 2, 1)
    assert summary["lost_reasons"]["refused"] == 1
    assert "acknowledged, then discarded 1" in repr(summary)


def test_what_retention_took_is_removed_and_not_lost():
    build = Builder()
    for number in range(3):
        build.write(at=float(number), offset=number)
    build.remove("shop:0", 0, 10.0)
    trace = build.trace()
    assert trace.lost.empty and list(trace.records.copies) == [0, 1, 1]
    (row,) = trace.removed.itertuples()
    assert (row.message, row.offset, row.removed, row.by) == ("shop:0", 0, 10.0, "retention_ms")
    assert list(trace.removed.columns) == list(VIEWS["removed"][1])
    summary = trace.summary()
    assert (summary.in_log, summary.removed, summary.removed_by, summary.lost) == (2, 1, {"retention_ms": 1}, 0)
    assert "removed from the log        1 (retention_ms 1)" in repr(summary)


def test_a_record_of_which_another_copy_is_left_is_not_removed():
    build = Builder()
    build.write(offset=0)
    build.append("shop:0", 1, 0.5)
    build.remove("shop:0", 0, 10.0)
    assert build.trace().removed.empty and build.trace().summary().in_log == 1
