"""The numbers in the descriptions and the stretches that are drawn, against hand-made traces."""

import numpy as np
import pytest
from handmade import Builder
from shop import BACK, CRASH, END, EVICTED, shop

from simlib.views import style
from simlib.views.assignment import Ownership, _keys, idle_members, ownerships
from simlib.views.bands import Bands
from simlib.views.faults import _labels, told
from simlib.views.reading import outages, thinned
from simlib.views.sheet import fitting, sheet
from simlib.views.space_time import _end_of_work, _sources
from simlib.views.steps import Step, steps_of
from simlib.views.timeline import Gap, find_gaps


@pytest.fixture(scope="module")
def story():
    return shop(rate=3)


def test_lag_names_the_worst_partition_its_peak_and_who_died(story):
    lag = story.lag
    worst = lag[lag.partition == 1].lag.max()
    said = story.plot.lag().description
    assert f"highest on orders-1, {worst} records" in said
    assert "billing-1 crashed at 30 s (back at 60 s)." in said


def test_lag_starts_at_time_zero_with_what_was_there_before():
    build = Builder(orders=1)
    build.event("assigned", -5.0, "billing-0", "billing", 0)
    build.watermark(3, -1.0)
    build.watermark(5, 2.0)
    build.commit(5, 3.0)
    said = build.trace(at=4.0).plot.lag().description
    assert "highest on orders-0, 5 records at 2 s; 0 records over all partitions when the run ends at 4 s." in said


def test_duplicates_names_number_cause_and_time(story):
    duplicates = story.duplicates
    said = story.plot.duplicates().description
    assert f"was handed {len(duplicates)} records again (crash {len(duplicates)})" in said
    assert f"from {duplicates.time.min():.4g} to {duplicates.time.max():.4g} s" in said


def test_no_duplicates_is_said():
    build = Builder(orders=1)
    build.deliver(build.write(at=0.0), 0, 1.0, 1.1)
    assert build.trace().plot.duplicates().description == "billing was handed no record twice."


def test_a_gap_lasts_from_the_first_waiting_record_to_its_hand_over():
    build = Builder(orders=1)
    for number, at in enumerate((0.0, 1.0, 20.0)):
        build.write(at=at, offset=number)
    for number, at in enumerate((0.1, 10.0, 20.1)):
        build.deliver(f"shop:{number}", number, at, at + 0.1)
    assert find_gaps(build.trace(at=30.0), 0, 0) == [Gap(0, pytest.approx(1.001), 10.0)]


def test_a_quiet_partition_has_no_gap_and_a_waiting_record_at_the_end_has():
    build = Builder(orders=1)
    build.deliver(build.write(at=0.0), 0, 0.1, 0.2)
    assert find_gaps(build.trace(at=90.0), 0, 0) == []
    build.write(at=50.0, offset=1)
    assert find_gaps(build.trace(at=90.0), 0, 0) == [Gap(0, pytest.approx(50.001), 90.0)]


def test_timeline_names_the_longest_wait(story):
    assert "orders-1 stood still for 45 s from 30 s" in story.plot.timeline().description


def test_latency_gives_percentiles_of_done():
    build = Builder(orders=1)
    for number in range(4):
        build.write(at=float(number), offset=number)
        build.deliver(f"shop:{number}", number, number + 0.1, number + 0.2)
    said = build.trace().plot.latency().description
    assert "4 records of billing, from creation to done: p50 200 ms, p95 200 ms, p99 200 ms" in said


def test_ownership_ends_with_revocation_eviction_or_the_run_and_knows_the_dead(story):
    assert ownerships(story, 0) == [
        Ownership(0, "billing-0", 0.0, EVICTED + 0.5), Ownership(0, "billing-0", EVICTED + 3, END),
        Ownership(1, "billing-1", 0.0, EVICTED, dead_from=CRASH), Ownership(1, "billing-1", EVICTED + 3, END),
        Ownership(2, "billing-2", 0.0, EVICTED + 0.5), Ownership(2, "billing-2", EVICTED + 3, END)]


def test_a_revocation_by_somebody_else_ends_nothing():
    build = Builder(orders=1)
    build.event("assigned", 0.0, "billing-0", "billing", 0)
    build.event("revoked", 5.0, "billing-1", "billing", 0)
    assert ownerships(build.trace(at=9.0), 0) == [Ownership(0, "billing-0", 0.0, 9.0)]


def test_assignment_tells_how_long_a_partition_belonged_to_the_dead(story):
    assert "orders-1 belonged to a dead billing-1 for 42 s." in story.plot.assignment().description


def idle_and_ended():
    build = Builder(orders=2)
    for member in range(4):
        build.event("joined", -5.0, f"pack-{member}", "pack")
    for partition in range(2):
        build.event("assigned", -4.0, f"pack-{partition}", "pack", partition)
    build.event("assigned", -4.0, "mail-0", "mail", 0)
    build.event("shutdown", 80.0, "pack-1", detail="main is over")
    return build.trace(at=90.0)


def test_members_that_own_nothing_are_named():
    trace = idle_and_ended()
    assert idle_members(trace, 0, ownerships(trace, 0)) == ["pack-2", "pack-3"]
    said = trace.plot.assignment().description
    assert "pack-0 and pack-1 owned the 2 partitions of pack. pack-2 and pack-3 owned none." in said
    labels = [key.get_label() for key in _keys(["pack-0"], ["pack-2", "pack-3"], [])]
    assert labels == ["pack-0", "pack-2 and pack-3: none"]


def test_a_service_that_came_to_its_end_is_no_fault():
    trace = idle_and_ended()
    assert [(one.process, one.kind) for one in outages(trace)] == [("pack-1", "ended")]
    assert _labels(outages(trace), 90.0) == [(80.0, "pack-1 ended", style.SOFT)]
    said = trace.plot.assignment().description
    assert "orders-1 belonged to an ended pack-1 for 10 s." in said and said.endswith("pack-1 ended at 80 s.")


def test_an_end_among_faults_is_told_apart():
    build = Builder(orders=1)
    build.deliver(build.write(at=0.0), 0, 1.0, 1.1)
    build.event("crashed", 10.0, "billing-1")
    build.event("shutdown", 10.1, "billing-0", detail="main is over")
    build.event("shutdown", 50.0, "billing-2")
    trace = build.trace()
    assert [label for _, label, _ in _labels(outages(trace), 90.0)] == [
        "\u2715 billing-1, billing-0 ended", "\u2715 billing-2"]
    assert told(trace) == "billing-1 crashed at 10 s and billing-2 was shut down at 50 s. billing-0 ended at 10.1 s."
    steps = steps_of(trace, np.array([0]), (-np.inf, 20.0))
    assert [(step.kind, step.label) for step in steps if step.process == "billing-0"][-1] == ("ended", "ended")


def test_a_label_on_a_bar_is_no_wider_than_the_bar():
    words = ("owner dead 9.8 s", "dead 9.8 s", "9.8 s")
    assert [fitting(words, inches) for inches in (2.0, 1.0, 0.6, 0.2)] == [*words, ""]


@pytest.mark.parametrize("members", [4, 12])
def test_title_legend_and_what_is_above_the_axes_stay_apart(members):
    from matplotlib.patches import Patch

    with sheet("assignment") as page:
        axes = page.blank("Who owned which partition in packing")
        page.legend([Patch(label=name) for name in (*(f"packing-{i}" for i in range(members)), "owner is dead")])
        page.png()
        legend, title = axes.get_legend().get_window_extent(), page.title.get_window_extent()
        assert not legend.overlaps(title) and legend.x1 < page.figure.bbox.x1
        assert legend.y0 > axes.get_window_extent().y1 + 0.2 * style.DPI


def test_outages_pair_a_death_with_its_return(story):
    one, = outages(story)
    assert (one.process, one.kind, one.start, one.end, one.returned) == ("billing-1", "crashed", CRASH, BACK, True)


@pytest.mark.parametrize(("died", "expected"), [
    (1.0, [("crashed", 1.0, 4.0, True)]),
    (2.0, [("paused", 1.0, 2.0, False), ("crashed", 2.0, 4.0, True)]),
])
def test_who_dies_while_it_stands_still_is_dead_from_then_on(died, expected):
    build = Builder(orders=1)
    build.deliver(build.write(at=0.0), 0, 0.5, None)
    for kind, at in (("paused", 1.0), ("crashed", died), ("restarted", 4.0)):
        build.event(kind, at, "billing-0")
    trace = build.trace()
    assert [(one.kind, one.start, one.end, one.returned) for one in outages(trace)] == expected
    assert f"billing-0 crashed at {died:g} s (back at 4 s)." in told(trace)


def test_links_and_lost_replies_are_told():
    build = Builder(orders=1)
    build.deliver(build.write(at=0.0), 0, 1.0, 1.1)
    build.event("link_cut", 2.0, "broker-0", detail="broker-1")
    build.event("link_slow", 3.0, "shop", detail="broker-0")
    build.event("link_healed", 5.0, "broker-0", detail="broker-1")
    build.event("reply_lost", 6.0, "shop", detail="produce to broker-0")
    trace = build.trace()
    assert [(one.label, one.start, one.end) for one in outages(trace)] == [
        ("broker-0 \u2013 broker-1", 2.0, 5.0), ("shop \u2013 broker-0", 3.0, 90.0)]
    said = trace.plot.lag().description
    assert "broker-0 was cut off from broker-1 at 2 s until 5 s and shop had a slow link to broker-0 at 3 s." in said
    assert "The reply of produce to broker-0 was lost at 6 s." in said


def test_many_retries_are_shown_by_the_first_two_and_the_last():
    build = Builder(orders=1)
    build.create(at=0.0)
    for number in range(50):
        build.event("send_retry", 0.1 + number / 10, "shop", partition=0)
    build.append("shop:0", 0, 6.0)
    steps = steps_of(build.trace(), np.array([0]), (-np.inf, np.inf))
    assert [step.time / 1e9 for step in steps if step.kind == "retried"] == [0.1, 0.2, 5.0]


def test_thinning_keeps_every_peak():
    time = np.linspace(0, 10, 100_000)
    value = np.zeros(len(time))
    value[[123, 54_321]] = [1_000, -7]
    thin_time, thin = thinned(time, value, 10.0, 900)
    assert len(thin) <= 4 * 900 and thin.max() == 1_000 and thin.min() == -7
    assert (np.diff(thin_time) > 0).all() and (thin_time[0], thin_time[-1]) == (0, 10)


def charged_twice():
    build = Builder(orders=1)
    order = build.write(at=0.0, offset=0)
    build.deliver(order, 0, 0.5, None)
    build.effect("charge", "order-1", 0.6, message=order)
    build.event("crashed", 0.6, "billing-0")
    build.event("restarted", 1.6, "billing-0")
    build.deliver(order, 0, 2.0, 2.2, incarnation=1, generation=2)
    build.effect("charge", "order-1", 2.1, message=order, incarnation=1)
    build.commit(1, 2.15, auto=False)
    return build.trace("quiet", at=8.0)


def test_sequence_shows_every_step_in_order():
    steps = steps_of(charged_twice(), np.array([0]), (-np.inf, np.inf))
    assert [(step.kind, step.process) for step in steps] == [
        ("created", "shop"), ("appended", "broker-0"), ("acked", "shop"), ("delivered", "billing-0"),
        ("effect", "billing-0"), ("crashed", "billing-0"), ("restarted", "billing-0"), ("delivered", "billing-0"),
        ("effect", "billing-0"), ("committed", "billing-0"), ("done", "billing-0")]
    assert [step.again for step in steps if step.kind == "effect"] == [False, True]


def test_work_on_a_batch_ends_with_its_last_record_or_with_the_member():
    build = Builder(orders=1)
    for number in range(2):
        build.deliver(build.write(at=0.0, offset=number), number, 1.0, 1.0 + number)
    build.event("crashed", 3.0, "billing-0")
    steps = steps_of(build.trace(), np.arange(2), (-np.inf, np.inf))
    handed = next(step for step in steps if step.kind == "delivered")
    rows = {step.place: step.time / 1e9 for step in steps}
    assert _end_of_work(handed, steps, rows) == 2.0
    death = Step(3 * 10**9, "crashed", "billing-0")
    undone = [*(step for step in steps if step.kind != "done"), death]
    assert _end_of_work(handed, undone, {**rows, death.place: 3.0}) == 3.0


def test_a_mark_at_the_left_edge_leaves_none_at_the_right():
    with sheet("timeline") as page:
        page.blank("")
        bands = Bands(page, rows=1, lanes=1, until=10.0)
        bands.paint(0, 0, np.array([0.0]), "#000000")
        assert (bands.image[1, :2, 0] == 0).all() and (bands.image[1, 3:, 0] > 200).all()


def test_sequence_says_what_happened_again():
    assert "offset 0 happens again at 2 s." in charged_twice().plot.sequence().description


def test_a_batch_is_one_step():
    build = Builder(orders=1)
    for number in range(3):
        build.create(at=number / 1000)
    build.append("shop:0", 0, 0.01, count=3)
    build.ack("shop:0", 0.02, count=3)
    steps = steps_of(build.trace(), np.arange(3), (-np.inf, np.inf))
    assert [step.label for step in steps] == ["shop:0", "shop:1", "shop:2", "offset 0 to 2", "ack"]


def test_sequence_chooses_the_interesting_record_of_a_large_trace(story):
    first = story.duplicates.iloc[0]
    steps_said = story.plot.sequence().description
    assert f"offset {first.offset} happens again at {first.time:.4g} s." in steps_said


def test_sequence_shows_the_record_that_was_written_twice_though_nobody_reads_it():
    build = Builder(orders=1)
    for number in range(30):
        build.write(at=float(number), offset=number)
    build.append("shop:20", 30, 31.0)
    said = build.trace().plot.sequence().description
    assert "5 records (shop:18 to shop:22)" in said and "offset 30 = shop:20 happens again at 31 s." in said


def test_sequence_shows_the_record_that_a_fault_delayed_most():
    build = Builder(orders=1)
    for number in range(30):
        build.write(at=float(number), offset=number)
        build.deliver(f"shop:{number}", number, number + (8.0 if number == 20 else 0.1), None)
    build.event("crashed", 20.0, "broker-0")
    assert "5 records (shop:18 to shop:22)" in build.trace().plot.sequence().description


def test_timeline_counts_the_records_that_came_more_than_once(story):
    repeated = story.duplicates.message.nunique()
    assert f"{repeated} of them more than once." in story.plot.timeline().description


def test_a_retry_that_wrote_twice_is_told_by_the_record_and_drawn_from_the_second_sending():
    build = Builder(orders=1)
    order = build.create(at=0.0)
    build.append(order, 0, 0.1)
    build.event("reply_lost", 0.1, "shop", detail="produce to broker-0")
    build.event("send_retry", 2.0, "shop", partition=0)
    build.append(order, 1, 2.1)
    build.deliver(order, 0, 0.2, 0.3)
    build.deliver(order, 1, 2.2, 2.3)
    steps = steps_of(build.trace(), np.array([0]), (-np.inf, np.inf))
    assert [step.kind for step in steps[:3]] == ["created", "appended", "lost"]
    again = [(step.kind, step.label) for step in steps if step.again]
    assert again == [("appended", "offset 1 = shop:0"), ("delivered", "offset 1 = shop:0")]
    second = [step for step in steps if step.kind == "appended"][1]
    assert [step.kind for step in _sources(second, steps)] == ["retried"]


def test_timeline_tells_what_left_the_log():
    build = Builder(orders=1)
    build.deliver(build.write(at=0.0), 0, 1.0, 1.1)
    build.create(at=2.0)
    build.append("shop:1", 1, 2.1, keep=False)
    build.ack("shop:1", 2.2)
    assert "1 record that had been written left the log." in build.trace().plot.timeline().description


def test_a_window_shows_at_most_so_many_records_and_says_what_it_left_out(story):
    said = story.plot.sequence(window=(0, 10), records=4).description
    assert said.startswith("4 records (") and "more records in this window left out: choose a smaller window." in said


def test_an_empty_window_is_refused_and_a_quiet_one_is_said(story):
    with pytest.raises(ValueError, match=r"window=\(5, 5\) is empty"):
        story.plot.sequence(window=(5, 5))
    assert "Nothing happened in this window" in story.plot.sequence(window=(1000, 1001)).description


def test_the_labels_of_percentiles_that_are_neighbours_do_not_meet():
    build = Builder(orders=1)
    for number in range(1_000):         # p50 at 0.3 s, p95 at 0.8 s, p99 at 1.1 s
        took = 0.15 + 0.15 * (number / 500) ** 2 + (0.35 if number >= 940 else 0) * (number - 940) / 60
        build.deliver(build.write(at=float(number), offset=number), number, number + 0.001, number + took)
    trace = build.trace(at=2_000.0)
    trace.plot.latency()
    with sheet("latency") as page:
        page.canvas.draw()
        boxes = sorted((text.get_window_extent() for text in page.axes.texts), key=lambda box: box.x0)
    assert len(boxes) == 3 and all(left.x1 < right.x0 for left, right in zip(boxes, boxes[1:], strict=False))
