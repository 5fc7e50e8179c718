"""What must hold in every run, read straight from the raw columns (independent of `simlib.laws`)."""

from collections import defaultdict

import numpy as np

ENDS = ("crashed", "power_lost", "shutdown")


def problems(trace):
    """Every rule that this run breaks, in words."""
    return [problem for check in CHECKS for problem in check(trace)]


def column(trace, table, *names):
    return zip(*(trace.data.column(table, name).tolist() for name in names), strict=True)


def events(trace, *kinds):
    """(time, kind, actor, tp, detail) of some kinds."""
    rows = column(trace, "events", "time", "kind", "actor", "tp", "detail")
    return [row for row in rows if row[1] in kinds]


def unclean(trace):
    """Whether the run had an election or a loss of power that may undo what was committed."""
    return any("unclean" in detail for *_, detail in events(trace, "elected")) or bool(events(trace, "power_lost"))


def numbers_are_used_once(trace):
    lanes, seen = trace.data.code_table("lanes"), set()
    for lane, number in column(trace, "messages", "lane", "number"):
        if (lanes[lane][0], number) in seen:
            yield f"message {number} of producer {lanes[lane][0]} was created twice"
        seen.add((lanes[lane][0], number))


def lanes_are_in_order_of_creation(trace):
    lane, created = trace.data.column("messages", "lane"), trace.data.column("messages", "created")
    same = lane[1:] == lane[:-1]
    if (np.diff(created)[same] < 0).any():
        yield "a lane is not in the order of creation"


def time_goes_forward(trace):
    for table in ("appends", "acks", "commits", "events", "watermarks"):
        if (np.diff(trace.data.column(table, "time")) < 0).any():
            yield f"{table}: time goes back"


def work_comes_after_hand_over(trace):
    handed, done = (trace.data.column("delivery_times", name) for name in ("handed", "done"))
    if ((done < handed) & (done > 0)).any():
        yield "a record was done before it was handed over"


def appends_are_contiguous(trace):
    """Within one leader's epoch offsets go up without a hole, but for the markers of transactions."""
    markers = set(column(trace, "markers", "tp", "broker", "offset"))
    lanes, tps = trace.data.code_table("lanes"), trace.data.code_table("tps")
    ends = {}
    rows = column(trace, "appends", "lane", "epoch", "broker", "base_offset", "count")
    for lane, epoch, broker, base, count in rows:
        tp = tps.index(lanes[lane][1:])
        expected = ends.get((tp, epoch))
        while expected is not None and (tp, broker, expected) in markers and expected < base:
            expected += 1
        if expected is not None and base != expected:
            yield f"{tps[tp]} epoch {epoch}: {base} appended by broker {broker}, expected {expected}"
        ends[tp, epoch] = base + count


def one_leader_an_epoch(trace):
    lanes, owner = trace.data.code_table("lanes"), {}
    for lane, epoch, broker in column(trace, "appends", "lane", "epoch", "broker"):
        if owner.setdefault((lanes[lane][1:], epoch), broker) != broker:
            yield f"{lanes[lane][1:]} was written in epoch {epoch} by two brokers"


def high_watermarks_rise(trace):
    """Between two elections; over elections as well it never falls below what was exposed, unless one was unclean."""
    highest, elections = {}, sorted((time, tp) for time, _, _, tp, _ in events(trace, "elected"))
    for time, tp, mark in column(trace, "watermarks", "time", "tp", "high_watermark"):
        changed = [when for when, where in elections if where == tp and when <= time]
        epoch = len(changed)
        before = highest.get((tp, epoch), -1)
        if mark < before and time not in changed:
            yield f"high watermark of {trace.data.code_table('tps')[tp]} fell from {before} to {mark}"
        highest[tp, epoch] = max(mark, before)


def removed(trace):
    """(tp, offset) -> (lane, ordinal) of what retention or compaction took."""
    rows = column(trace, "removals", "tp", "lane", "start", "count", "base_offset")
    return {(tp, base + i): (lane, start + i) for tp, lane, start, count, base in rows for i in range(count)}


def committed_records_stay(trace):
    """What a high watermark has passed is there at the end, or was removed; what was handed over at an offset stays."""
    if unclean(trace):
        return
    tps, last, ends = trace.data.code_table("tps"), removed(trace), defaultdict(int)
    for tp, start in column(trace, "log_starts", "tp", "log_start"):
        ends[tp] = max(ends[tp], start)
    for tp, lane, start, count, base in column(trace, "log_end", "tp", "lane", "start", "count", "base_offset"):
        last.update({(tp, base + i): (lane, start + i) for i in range(count)})
        ends[tp] = max(ends[tp], base + count)
    for tp, offset in column(trace, "log_markers", "tp", "offset"):
        ends[tp] = max(ends[tp], offset + 1)
    for tp, mark in column(trace, "watermarks", "tp", "high_watermark"):
        if mark > ends[tp]:
            yield f"{tps[tp]} ends at {ends[tp]}, its high watermark was {mark}"
    for tp, lane, start, count, base in column(trace, "deliveries", "tp", "lane", "start", "count", "base_offset"):
        for i in range(count):
            if last.get((tp, base + i)) != (lane, start + i):
                yield f"{tps[tp]} offset {base + i} was handed over as another record than is there at the end"


def acknowledged_offsets_are_true(trace):
    """A record acknowledged with acks=all is at the offset its producer was told."""
    if unclean(trace):
        return
    at = defaultdict(set)
    for (_, offset), record in removed(trace).items():
        at[record].add(offset)
    for lane, start, count, base in column(trace, "log_end", "lane", "start", "count", "base_offset"):
        for i in range(count):
            at[lane, start + i].add(base + i)
    actors = trace.data.code_table("actors")
    settings = {producer.name: producer.acks in (None, "all") and producer.enable_idempotence is not False
                or producer.acks == "all" for producer in trace.scenario.producers}
    lanes = trace.data.code_table("lanes")
    for lane, start, count, outcome, base in column(trace, "acks", "lane", "start", "count", "outcome", "base_offset"):
        if outcome == 0 and base >= 0 and settings.get(actors[lanes[lane][0]]):
            if any(base + i not in at[lane, start + i] for i in range(count)):
                yield f"lane {lane} records {start}..: told offset {base}, found {sorted(at[lane, start])}"


def what_is_left_begins_at_the_log_start(trace):
    """Nothing before it is in the final log, and it moves forward, over committed records only."""
    if unclean(trace):
        return
    tps, starts, marks = trace.data.code_table("tps"), defaultdict(int), defaultdict(list)
    for time, tp, mark in column(trace, "watermarks", "time", "tp", "high_watermark"):
        marks[tp].append((time, mark))
    for time, tp, start in column(trace, "log_starts", "time", "tp", "log_start"):
        if start <= starts[tp]:
            yield f"the log start of {tps[tp]} went from {starts[tp]} to {start}"
        if start > max([mark for when, mark in marks[tp] if when <= time], default=0):
            yield f"{tps[tp]} begins at {start}, which was not committed then"
        starts[tp] = start
    for tp, base in column(trace, "log_end", "tp", "base_offset"):
        if base < starts[tp]:
            yield f"{tps[tp]} begins at {starts[tp]} and holds {base}"


def one_owner_a_generation(trace):
    if unclean(trace):  # a group whose state is lost counts from 1 again
        return
    owners = {}
    actors = trace.data.code_table("actors")
    for group, tp, generation, member in column(trace, "deliveries", "group", "tp", "generation", "member"):
        if owners.setdefault((group, tp, generation), member) != member:
            yield (f"generation {generation}: {trace.data.code_table('tps')[tp]} was read by {actors[member]} and by "
                   f"{actors[owners[group, tp, generation]]}")


def idle(trace, begins, ends):
    """Per actor the times in which it did nothing: [(from, to), ...]."""
    spans, since = defaultdict(list), {}
    for time, kind, actor, _, _ in events(trace, *begins, *ends):
        if kind in begins:
            since.setdefault(actor, time)
        elif actor in since:
            spans[actor].append((since.pop(actor), time))
    for actor, time in since.items():
        spans[actor].append((time, 2**62))
    return spans


def the_dead_do_nothing(trace):
    spans = idle(trace, ENDS, ("restarted",))
    yield from during(trace, spans, "dead")


def the_paused_do_nothing(trace):
    spans = idle(trace, ("paused",), ("resumed", *ENDS))
    yield from during(trace, spans, "paused")


def during(trace, spans, how):
    actors = trace.data.code_table("actors")
    handed, done = (trace.data.column("delivery_times", name) for name in ("handed", "done"))
    for member, first, count in column(trace, "deliveries", "member", "first", "count"):
        for since, until in spans.get(member, ()):
            for times in (handed[first:first + count], done[first:first + count]):
                if ((times > since) & (times < until)).any():
                    yield f"{actors[member]} worked while it was {how}"
    for time, broker in column(trace, "appends", "time", "broker"):
        if any(since < time < until for since, until in spans.get(broker, ())):
            yield f"{actors[broker]} wrote while it was {how}"
    lanes = trace.data.code_table("lanes")
    for lane, created in column(trace, "messages", "lane", "created"):
        if how == "dead" and any(since < created < until for since, until in spans.get(lanes[lane][0], ())):
            yield f"{actors[lanes[lane][0]]} produced while it was {how}"


CHECKS = (numbers_are_used_once, lanes_are_in_order_of_creation, time_goes_forward, work_comes_after_hand_over,
          appends_are_contiguous, one_leader_an_epoch, high_watermarks_rise, committed_records_stay,
          acknowledged_offsets_are_true, what_is_left_begins_at_the_log_start, one_owner_a_generation,
          the_dead_do_nothing, the_paused_do_nothing)
