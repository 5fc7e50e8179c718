"""`deliveries`, `duplicates` and the rule that says why a group sees a message again."""

import pytest
from handmade import Builder


def one_record(**more) -> tuple[Builder, str]:
    build = Builder(orders=1)
    message = build.write(at=0.0, offset=0, **more)
    build.deliver(message, 0, 1.0, 1.1)
    return build, message


def cause(build: Builder) -> str:
    duplicates = build.trace().duplicates
    assert len(duplicates) == 1
    return duplicates.cause_of_repeat[0]


def test_rows_are_in_order_of_time_and_attempts_count_per_group():
    build, message = one_record(key="anna")
    build.deliver(message, 0, 0.5, 0.6, group="stock", member="stock-0")
    build.deliver(message, 0, 3.0, None)
    deliveries = build.trace().deliveries
    assert list(deliveries.time) == [0.5, 1.0, 3.0]
    assert list(deliveries.attempt) == [1, 1, 2]
    assert list(deliveries.group) == ["stock", "billing", "billing"]
    assert deliveries.done.isna().tolist() == [False, False, True]
    assert set(deliveries.key) == {"anna"}


def test_one_raw_row_about_many_records_unrolls():
    build = Builder(orders=1)
    for number in range(3):
        build.create(at=number / 10)
    build.append("shop:0", 0, 0.5, count=3)
    build.ack("shop:0", 0.6, count=3)
    build.deliver("shop:0", 0, 1.0, 1.1)
    build.rows["deliveries"][0]["count"] = 3
    build.rows["delivery_times"] += [{"handed": 1_100_000_000, "done": 1_200_000_000},
                                     {"handed": 1_200_000_000, "done": 1_300_000_000}]
    deliveries = build.trace().deliveries
    assert list(deliveries.message) == ["shop:0", "shop:1", "shop:2"]
    assert list(deliveries.offset) == [0, 1, 2]
    assert list(deliveries.time) == [1.0, 1.1, 1.2]


def test_second_copy_of_a_message_is_a_producer_retry():
    build, message = one_record()
    build.append(message, 1, 0.1)
    build.deliver(message, 1, 1.2, 1.3)
    assert cause(build) == "producer retry"


@pytest.mark.parametrize("kind", ["crashed", "power_lost", "exception"])
def test_the_member_that_had_it_died(kind):
    build, message = one_record()
    build.event(kind, 5.0, "billing-0")
    build.event("evicted", 40.0, "billing-0", "billing")
    build.deliver(message, 0, 50.0, member="billing-1", generation=2)
    assert cause(build) == "crash"


def test_a_death_before_the_first_delivery_does_not_count():
    build, message = one_record()
    build.event("crashed", 0.5, "billing-0")
    build.deliver(message, 0, 50.0, member="billing-1", generation=2)
    assert cause(build) == "rebalance"


def test_the_death_of_somebody_else_does_not_count():
    build, message = one_record()
    build.event("crashed", 5.0, "billing-7")
    build.deliver(message, 0, 50.0, generation=2)
    assert cause(build) == "rebalance"


def test_evicted_without_dying():
    build, message = one_record()
    build.event("evicted", 40.0, "billing-0", "billing")
    build.deliver(message, 0, 50.0, member="billing-1", generation=2)
    assert cause(build) == "eviction"


def test_a_zombie_that_goes_on_repeats_because_it_was_evicted():
    build, message = one_record()
    build.deliver(message, 0, 50.0, member="billing-1", generation=2)
    build.event("evicted", 40.0, "billing-0", "billing")
    build.deliver(message, 0, 60.0, generation=1)
    assert list(build.trace().duplicates.cause_of_repeat) == ["eviction", "eviction"]


def test_the_copy_delivered_is_the_one_appended_last_before_it():
    build, message = one_record()
    build.append(message, 0, 2.0)
    build.deliver(message, 0, 3.0)
    assert build.trace().handed.append.tolist() == [0, 1]


def test_sent_back_by_the_reset_policy():
    build, message = one_record()
    build.event("reset", 4.0, "billing-0", "billing", 0, a=0, detail="earliest")
    build.deliver(message, 0, 5.0)
    assert cause(build) == "reset"


def test_same_member_and_generation_went_back_by_itself():
    build, message = one_record()
    build.deliver(message, 0, 5.0)
    assert cause(build) == "seek"


def test_third_time_compares_with_the_second():
    build, message = one_record()
    build.event("crashed", 5.0, "billing-0")
    build.deliver(message, 0, 50.0, member="billing-1", generation=2)
    build.deliver(message, 0, 60.0, member="billing-2", generation=3)
    assert list(build.trace().duplicates.cause_of_repeat) == ["crash", "rebalance"]
    assert list(build.trace().duplicates.attempt) == [2, 3]
