"""A leader to which one producer sends one batch at a time: nothing gets in between, and a loop over batches is enough.

The batch that arrives at T finds every follower waiting. They have it and are back at T + 2 latencies: the high
watermark rises. At T + 3 the producer hears of it, so that its next batch arrives at T + 4 at the earliest, when the
followers wait again. `Leader` says the same event by event, and goes on from any batch: what commits disturb is left
to it.
"""

from __future__ import annotations

from simlib.flow.outbox import BY_ALARM, BY_ANSWER, Outbox
from simlib.flow.partition_log import PartitionLog
from simlib.flow.singles import MANY, singles
from simlib.world.clock import MESSAGE

Left = tuple[int, int]
"""A batch on its way: when it arrives, and on what occasion it was cut."""


def may_be_alone(log: PartitionLog, outbox: Outbox) -> bool:
    """Does every batch of this outbox wait for the one before it to be replicated?"""
    return outbox.permitted == 1 and (outbox.acks == -1 or (outbox.acks == 1 and not log.sessions))


def write_alone(log: PartitionLog, outbox: Outbox, left: Left, latency: int, until: int) -> Left | None:
    """Writes batches, from the one that is `left`, as long as all that comes of them is over before `until`.

    Returns the first batch that is left then; None if the producer has no more.
    """
    before, rise = len(log.bases), 2 * latency if log.sessions else 0
    order = MESSAGE + (max(session.rank for session in log.sessions) if log.sessions else outbox.rank)
    following = _batches(log, outbox, left, latency, rise, until)
    log.moments.level(order)
    log.outboxes += [outbox] * (len(log.bases) - before)
    log.end = log.high_watermark = outbox.starts[-1] + outbox.counts[-1] if following is None else outbox.starts[-1]
    for session in log.sessions:
        session.offsets[log.tp] = session.told[log.tp] = log.end
    return following


def _batches(log: PartitionLog, outbox: Outbox, left: Left, latency: int, rise: int, until: int) -> Left | None:
    created, linger, most, filling = outbox.created, outbox.linger, outbox.most, outbox.filling
    base, write, grow = log.bases.append, log.times.append, log.sizes.append
    moment, visible, answer = log.moments.times.append, log.high_watermarks.append, outbox.answers.append
    cut, start, hold, upto = outbox.cuts.append, outbox.starts.append, outbox.counts.append, outbox.upto
    records, first, count, size = len(created), outbox.next, outbox.counts[-1], log.sizes[-1] if log.sizes else 0
    (arrival, occasion), known = left, outbox.known
    last, answered, value_bytes = until - rise - 2 * latency, rise + latency, outbox.value_bytes
    alone = singles(outbox, latency)
    while arrival < last:
        base(first - count)
        write(arrival)
        size += count * value_bytes
        grow(size)
        moment(arrival + rise)
        visible(first)
        gate = arrival + answered
        answer(gate)
        if first >= records:
            outbox.waits_for_records = True
            return None
        ready, full = created[first] + linger, first + filling
        if full < records and created[full] < ready:
            ready = created[full]
        at, occasion = (ready, BY_ALARM) if ready > gate else (gate, BY_ANSWER)
        if at > known:
            outbox.waits_for_records = True
            return None
        many = alone.count(first, last - latency) if occasion == BY_ALARM and alone.soon else 0
        if many >= MANY:
            arrival, count = alone.write(log, first, many, latency, rise), 1
            first = outbox.next = first + many
            size = log.sizes[-1]
            continue
        end = first + most
        count = upto(created, at, first, end if end < records else records) - first
        cut(at)
        start(first)
        hold(count)
        first = outbox.next = first + count
        arrival = at + latency
    return arrival, occasion
