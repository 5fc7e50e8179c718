"""Conservation, order and durability: each law holds on a sound trace and breaks on the trace that breaks it."""

import pytest
from handmade import Builder

from simlib import laws
from simlib.scenario import Producer, Scenario, Topic


def sound() -> Builder:
    """Two partitions, three records each, delivered in order, one of them twice after a crash."""
    build = Builder(orders=2)
    for number in range(6):
        message = build.write(partition=number % 2, at=float(number), offset=number // 2, key=f"k{number % 2}")
        build.deliver(message, number // 2, number + 0.1, number + 0.2)
    build.event("crashed", 5.5, "billing-0")
    build.deliver("shop:4", 2, 50.0, 50.1, member="billing-1", generation=2)
    return build


@pytest.mark.parametrize("law", [laws.conservation, laws.order_per_partition, laws.order_per_key])
def test_a_sound_trace_obeys(law):
    assert law(sound().trace()), law(sound().trace())


def test_conservation_states_the_sum():
    assert "6 produced = 6 in the log + 0 lost + 0 with the producer" in laws.conservation(sound().trace()).message


def broken_by(change) -> laws.Verdict:
    build = sound()
    change(build)
    return laws.conservation(build.trace())


def acknowledged_and_never_written(build):
    build.create(at=7.0)
    build.ack("shop:6", 7.1)


def written_before_created(build):
    build.create(at=7.0)
    build.append("shop:6", 3, 6.9)


def vanished(build):
    build.create(at=7.0)
    build.append("shop:6", 3, 7.1, keep=False)


def invented(build):
    build.create(at=7.0)
    build.append("shop:6", 3, 7.1)
    build.rows["appends"].pop()


def one_offset_twice(build):
    build.create(at=7.0)
    build.append("shop:6", 2, 7.1)


def a_hole(build):
    build.create(at=7.0)
    build.append("shop:6", 4, 7.1)


def delivered_and_never_written(build):
    build.create(at=7.0)
    build.deliver("shop:6", 3, 7.1)


def delivered_before_written(build):
    build.write(at=7.0, offset=3)
    build.deliver("shop:6", 3, 7.0005)


def read_above_the_high_watermark(build):
    build.write(at=7.0, offset=3)
    build.deliver("shop:6", 3, 7.0015)


@pytest.mark.parametrize("change, words", [
    (acknowledged_and_never_written, "acknowledged and never written"),
    (written_before_created, "written before it was created"),
    (vanished, "left the log without"),
    (invented, "in the log and never appended"),
    (one_offset_twice, "an offset that holds two messages"),
    (a_hole, "an offset after a hole"),
    (delivered_and_never_written, "delivered and never appended"),
    (delivered_before_written, "delivered before it was appended"),
    (read_above_the_high_watermark, "above the high watermark"),
])
def test_conservation_finds(change, words):
    verdict = broken_by(change)
    assert verdict.broken and words in verdict.message
    assert verdict.counterexample.message.tolist() == ["shop:6"]


def test_a_copy_that_was_truncated_or_lost_to_a_later_leader_is_explained():
    build = sound()
    for at in (7.0, 8.0):
        build.create(at=at)
    build.append("shop:6", 3, 7.1, keep=False)
    build.truncate(3, 7.5)
    build.create(partition=1, at=8.0)
    build.append("shop:8", 3, 8.1, keep=False)
    build.event("elected", 8.05, "broker-1", partition=1, a=1)  # the old leader, cut off, still wrote at 8.1
    assert laws.conservation(build.trace())


def test_a_truncation_above_the_offset_explains_nothing():
    build = sound()
    vanished(build)
    build.truncate(4, 8.0)
    assert laws.conservation(build.trace()).broken


@pytest.mark.statement("K100")
def test_a_lower_offset_that_first_comes_late_breaks_the_order_of_the_partition():
    build = Builder(orders=1)
    for number in range(2):
        build.write(at=0.0, offset=number)
    build.deliver("shop:1", 1, 1.0)
    build.deliver("shop:0", 0, 2.0)
    verdict = laws.order_per_partition(build.trace())
    assert verdict.broken and verdict.anomaly == "nonmonotonic poll"
    assert verdict.counterexample.offset.tolist() == [1, 0]


def test_reading_again_from_the_last_commit_is_not_disorder():
    build = Builder(orders=1)
    for number in range(3):
        build.write(at=0.0, offset=number)
    for at, number in enumerate([0, 1, 0, 1, 2]):
        build.deliver(f"shop:{number}", number, 1.0 + at)
    assert laws.order_per_partition(build.trace())


def test_an_offset_used_again_after_a_truncation_is_not_disorder():
    build = Builder(orders=1)
    for number in range(2):
        build.create(at=0.0)
        build.append(f"shop:{number}", number, 0.1, keep=number == 0)
    build.deliver("shop:0", 0, 1.0)
    build.deliver("shop:1", 1, 1.1)
    build.truncate(0, 2.0)
    build.create(at=3.0)
    build.append("shop:2", 0, 3.1)
    build.rows["appends"][-1]["epoch"] = 1
    build.deliver("shop:2", 0, 4.0)
    assert laws.order_per_partition(build.trace())


def two_owners(*, skipped: bool) -> Builder:
    """A new owner begins at offset 2, its reset policy skipped what is before; the owner of before goes on at 0."""
    build = Builder(orders=1)
    for number in range(5):
        build.write(at=0.0, offset=number, key="anna")
    if skipped:
        build.skip(0, 2, 1.0)
    for at, number in enumerate([2, 0, 3, 4]):
        build.deliver(f"shop:{number}", number, 2.0 + at, member=f"billing-{number % 2}")
    return build


@pytest.mark.statement("K100")
@pytest.mark.parametrize("law", [laws.order_per_partition, laws.order_per_key])
def test_an_owner_of_before_may_hand_over_late_what_a_reset_skipped(law):
    assert law(two_owners(skipped=True).trace())
    assert law(two_owners(skipped=False).trace()).broken


@pytest.mark.parametrize("law", [laws.order_per_partition, laws.order_per_key])
def test_what_was_skipped_hides_no_disorder_behind_it(law):
    build = two_owners(skipped=True)
    build.write(at=0.0, offset=5, key="anna")
    build.write(at=0.0, offset=6, key="anna")
    build.deliver("shop:6", 6, 9.0)
    build.deliver("shop:1", 1, 9.5)  # a skipped one, between two that were not
    build.deliver("shop:5", 5, 10.0)
    assert law(build.trace()).broken


@pytest.mark.parametrize("law", [laws.order_per_partition, laws.order_per_key])
def test_a_skip_after_the_disorder_explains_nothing(law):
    build = two_owners(skipped=False)
    build.skip(0, 2, 50.0)
    assert law(build.trace()).broken


def test_a_key_that_moved_to_another_partition_breaks_the_order_of_the_key_only():
    build = Builder(orders=2)
    build.write(partition=0, at=0.0, offset=0, key="anna")
    build.write(partition=1, at=1.0, offset=0, key="anna")
    build.deliver("shop:1", 0, 2.0)
    build.deliver("shop:0", 0, 3.0)
    assert laws.order_per_key(build.trace()).broken
    assert laws.order_per_partition(build.trace())


def test_two_keys_have_no_order_between_them():
    build = Builder(orders=2)
    build.write(partition=0, at=0.0, offset=0, key="anna")
    build.write(partition=1, at=1.0, offset=0, key="bert")
    build.deliver("shop:1", 0, 2.0)
    build.deliver("shop:0", 0, 3.0)
    assert laws.order_per_key(build.trace())


def test_records_without_a_key_have_no_order_to_protect():
    build = Builder(orders=1)
    build.write(at=0.0, offset=0)
    build.deliver("shop:0", 0, 1.0)
    assert "nothing to protect" in laws.order_per_key(build.trace()).message


def scenario(acks="all", **config) -> Scenario:
    idempotence = None if acks == "all" else False
    return Scenario([Topic("orders", replication_factor=3, config=config)],
                    producers=[Producer("shop", "orders", rate=1, acks=acks, enable_idempotence=idempotence)])


def acked_and_gone() -> Builder:
    build = Builder(orders=1)
    build.write(at=0.0, offset=0)
    build.create(at=1.0)
    build.append("shop:1", 1, 1.1, keep=False)
    build.ack("shop:1", 1.2)
    build.event("elected", 10.0, "broker-1", partition=0, a=1)
    return build


def test_an_acknowledged_write_that_is_gone_breaks_durability():
    verdict = laws.no_acked_write_lost(acked_and_gone().trace(scenario=scenario()))
    assert verdict.broken and verdict.anomaly == "lost write"
    assert verdict.counterexample.message.tolist() == ["shop:1"]


def test_with_acks_1_nothing_was_promised_and_the_verdict_says_so():
    verdict = laws.no_acked_write_lost(acked_and_gone().trace(scenario=scenario(acks=1)))
    assert not verdict and not verdict.judged and "shop wrote with acks=1" in verdict.message


def test_an_unclean_election_is_named():
    build = acked_and_gone()
    build.event("elected", 11.0, "broker-2", partition=0, a=2, detail="unclean")
    verdict = laws.no_acked_write_lost(build.trace(scenario=scenario()))
    assert not verdict.judged and "unclean election" in verdict.message


def test_enough_brokers_without_power_are_named_and_too_few_are_no_excuse():
    build = acked_and_gone()
    build.event("power_lost", 5.0, "broker-0")
    verdict = laws.no_acked_write_lost(build.trace(scenario=scenario(min_insync_replicas=1)))
    assert not verdict.judged and "broker-0 lost power and min_insync_replicas is 1" in verdict.message
    assert laws.no_acked_write_lost(build.trace(scenario=scenario(min_insync_replicas=2))).broken


@pytest.mark.statement("K59")
@pytest.mark.parametrize(("in_sync", "is_excuse"), [("broker-0", True), ("broker-0 broker-2", False)])
def test_the_only_replica_in_sync_may_lose_power_though_more_were_needed_to_acknowledge(in_sync, is_excuse):
    build = acked_and_gone()
    build.event("isr", 4.0, partition=0, a=len(in_sync.split()), detail=in_sync)
    build.event("power_lost", 5.0, "broker-0")
    verdict = laws.no_acked_write_lost(build.trace(scenario=scenario(min_insync_replicas=2)))
    assert verdict.judged is not is_excuse and verdict.broken is not is_excuse
    assert ("no other replica was in sync any more" in verdict.message) == is_excuse


def test_acknowledged_and_still_there_holds_and_timed_out_is_no_acknowledgement():
    build = Builder(orders=1)
    build.write(at=0.0, offset=0)
    build.create(at=1.0)
    build.ack("shop:1", 120.0, "timed out")
    assert laws.no_acked_write_lost(build.trace(scenario=scenario()))


def test_a_services_own_producer_is_judged_by_what_the_run_noted():
    build = acked_and_gone()
    build.meta["producers"] = {"shop": {"acks": "all"}}
    assert laws.no_acked_write_lost(build.trace()).broken


# -- retention and compaction

def removed(by="retention_ms"):
    build = sound()
    build.remove("shop:0", 0, 20.0, by)
    return build


@pytest.mark.parametrize("law", [laws.conservation, laws.order_per_partition, laws.order_per_key])
@pytest.mark.parametrize("by", ["retention_ms", "compaction"])
def test_what_was_removed_breaks_no_law(law, by):
    assert law(removed(by).trace()), law(removed(by).trace())


def test_what_was_removed_is_in_the_sum():
    message = laws.conservation(removed().trace()).message
    assert "6 produced = 5 in the log + 0 lost + 0 with the producer + 1 removed by retention or compaction" in message


def test_a_removal_does_not_excuse_what_vanished_elsewhere():
    build = removed()
    build.create(partition=0, at=7.0)
    build.append("shop:6", 3, 7.1, keep=False)
    assert "left the log without" in laws.conservation(build.trace()).message


def test_a_hole_that_no_removal_explains_is_found():
    build = removed()
    build.create(partition=0, at=7.0)
    build.append("shop:6", 5, 7.1)
    assert "an offset after a hole" in laws.conservation(build.trace()).message


def test_what_was_never_written_cannot_be_removed():
    build = sound()
    build.create(partition=0, at=7.0)
    build.remove("shop:6", 3, 8.0)
    assert "removed and never appended" in laws.conservation(build.trace()).message


def test_an_acknowledged_record_that_retention_took_is_kept_promise():
    scenario = Scenario(topics=[Topic("orders", 2)], producers=[Producer("shop", "orders", rate=1)])
    verdict = laws.no_acked_write_lost(removed().trace(scenario=scenario))
    assert verdict and "but 1 that retention or compaction took" in verdict.message


def test_a_commit_may_be_past_what_was_removed_before_and_not_after():
    late, early = removed(), removed()
    for build, at in ((late, 30.0), (early, 0.05)):
        build.commit(1, at)
    early.rows["deliveries"] = []
    late.rows["deliveries"] = late.rows["deliveries"][1:]
    assert laws.commit_never_ahead_of_delivery(late.trace())
    assert laws.commit_never_ahead_of_delivery(early.trace()).broken
