"""Consumers' fetches at a leader: answered up to the high watermark, parked until there is something to send."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simlib.kafka.partition_leader import NOT_LEADER
from simlib.kafka.timestamps import first_at_or_after

if TYPE_CHECKING:
    from simlib.kafka.broker import Broker
    from simlib.kafka.replica import Led
    from simlib.world.exchange import Exchange

Row = tuple[int, str, Any, int]
"""(partition, error, entries, high watermark)"""


class ConsumerFetches:
    """All consumers of one broker."""

    def __init__(self, broker: Broker) -> None:
        self.broker = broker

    def fetch(self, exchange: Exchange) -> None:
        wanted, _, min_bytes, max_wait, _ = exchange.payload
        rows, size = self._collect(exchange)
        if size >= min_bytes or any(error for _, error, _, _ in rows):
            exchange.reply(rows)
            return
        for tp, _, _ in wanted:
            self.broker.leads[tp].consumers[exchange] = None
        if min_bytes > 1:
            self.broker.after(max_wait, self.answer_empty, exchange)

    def _collect(self, exchange: Exchange) -> tuple[list[Row], int]:
        """What can be sent, partition by partition, and the bytes of it all."""
        wanted, max_bytes, _, _, committed = exchange.payload
        rows: list[Row] = []
        size = 0
        for tp, offset, epoch in wanted:
            led = self.broker.leads.get(tp)
            if led is None or led.leader.epoch < epoch:
                rows.append((tp, NOT_LEADER, (), 0))
            elif offset > led.leader.log.end or offset < led.leader.log.start:
                rows.append((tp, "OFFSET_OUT_OF_RANGE", (), 0))
            else:
                log = led.leader.log
                read = log.read_committed if committed else log.read
                entries = read(offset, led.leader.high_watermark, max_bytes)
                if entries:
                    rows.append((tp, "", entries, led.leader.high_watermark))
                    size += sum([entry.batch.size or 1 for entry in entries])  # even an empty record has a header
        return rows, size

    def look_again(self, led: Led) -> None:
        """The high watermark moved, or this broker leads the partition no more."""
        for exchange in list(led.consumers):
            rows, size = self._collect(exchange)
            if size >= exchange.payload[2] or any(error for _, error, _, _ in rows):
                self.forget(exchange)
                exchange.reply(rows)

    def answer_empty(self, exchange: Exchange) -> None:
        """fetch.max.wait.ms is over: answer with what there is."""
        if not exchange.done:
            self.forget(exchange)
            exchange.reply(self._collect(exchange)[0])

    def forget(self, exchange: Exchange) -> None:
        for tp, _, _ in exchange.payload[0]:
            if tp in self.broker.leads:
                self.broker.leads[tp].consumers.pop(exchange, None)

    def list_offsets(self, exchange: Exchange) -> None:
        """Log start or high watermark of partitions: what auto.offset.reset jumps to (K81, K82). None: ask again.

        With the policy "timestamp" each partition comes with one (ms), and (offset, timestamp) goes back, or ().
        For a read_committed consumer a log ends at its last stable offset.
        """
        policy, tps, committed = exchange.payload
        if policy == "timestamp":
            exchange.reply({tp: self._offset_at(tp, timestamp, committed) for tp, timestamp in tps.items()})
        else:
            exchange.reply({tp: self._offset(policy, tp, committed) for tp in tps})

    def _offset_at(self, tp: int, timestamp: int, committed: bool) -> tuple[int, ...] | None:
        led = self.broker.leads.get(tp)
        if led is None or not led.leader.knows_high_watermark():
            return None
        kind = self.broker.cluster.topic_settings(tp).message_timestamp_type
        found = first_at_or_after(led.leader.log.entries, timestamp, kind)
        return found if found and found[0] < _end(led, committed) else ()

    def _offset(self, policy: str, tp: int, committed: bool) -> int | None:
        """A new leader that does not know yet how far its predecessor's high watermark was says nothing (KIP-207)."""
        led = self.broker.leads.get(tp)
        if led is None:
            return None
        if policy == "earliest":
            return led.leader.log.start
        return _end(led, committed) if led.leader.knows_high_watermark() else None


def _end(led: Led, committed: bool) -> int:
    """Up to where a consumer may read."""
    high_watermark = led.leader.high_watermark
    return led.leader.log.last_stable_offset(high_watermark) if committed else high_watermark
