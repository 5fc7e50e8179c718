"""Share groups on a broker: it gives network and clock to the share-partitions of the partitions it leads."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING, Any

from simlib.kafka.partition_leader import NOT_LEADER
from simlib.kafka.shares.messages import Acknowledgements, ShareAcknowledge, ShareFetch, ShareRow, count_of
from simlib.kafka.shares.served import Served
from simlib.world.process import Alarm

if TYPE_CHECKING:
    from simlib.kafka.broker import Broker
    from simlib.kafka.replica import Led
    from simlib.world.exchange import Exchange
    from simlib.world.process import Process


class ShareServing:
    """All share groups of one broker. A fetch is parked until there is something that its member may have."""

    def __init__(self, broker: Broker) -> None:
        self.broker = broker
        self.alarm = Alarm(broker, self._locks_end)
        self.members: dict[Process, dict[tuple[str, str], None]] = {}
        """By process: (group, member id) of those who have fetched here and not closed."""
        self._codes: dict[str, int] = {}
        self._turn = 0
        self._ever: list[Served] = []
        """All that were begun, also in former lives."""

    def run_is_over(self) -> None:
        """Cut what refers to each other: only the collector would find it."""
        for served in self._ever:
            vars(served.storing).clear()
            vars(served).clear()

    def forget(self) -> None:
        """What is only in memory."""
        self.members = {}

    def _all(self) -> Iterable[Served]:
        return (served for led in self.broker.leads.values() for served in led.shares.values())

    def settled(self) -> bool:
        """Nobody has a record of whom nothing may be heard any more: its lock will end."""
        return not self._ever or not any(served.is_busy for served in self._all())

    def _served(self, group: str, tp: int) -> Served | None:
        """The group's share-partition; None if this broker does not lead the partition."""
        led = self.broker.leads.get(tp)
        if led is None:
            return None
        if group not in led.shares:
            served = led.shares[group] = Served(self, led, group)
            self._ever.append(served)
            served.begin()
        return led.shares[group]

    # -- fetching

    def fetch(self, exchange: Exchange) -> None:
        request: ShareFetch = exchange.payload
        self._remember(exchange)
        all_served = [self._served(request.group, tp) for tp in request.tps]
        if request.is_first:
            for served in all_served:
                if served is not None:
                    served.release(request.member_id, "connection lost")
        rows = self._collect(exchange)
        if rows:
            exchange.reply(rows)
            return
        for served in all_served:
            if served is not None:
                served.waiting[exchange] = None

    def _remember(self, exchange: Exchange) -> None:
        """When the connection breaks its member's records are free again."""
        request, source = exchange.payload, exchange.source
        mine = self.members.setdefault(source, {})
        if not mine:
            self.broker.network.watch_connection(source, self.broker)
        mine[request.group, request.member_id] = None
        self._codes[request.member_id] = source.code

    def _collect(self, exchange: Exchange) -> list[ShareRow]:
        """What the member is given now, partition by partition, each time beginning with another one."""
        request: ShareFetch = exchange.payload
        rows: list[ShareRow] = []
        left = request.most
        self._turn += 1
        for tp in _rotated(request.tps, self._turn):
            served = self._served(request.group, tp)
            if served is None:
                rows.append(ShareRow(tp, NOT_LEADER, []))
            elif left > 0 and (taken := served.take(request.member_id, left)):
                rows.append(ShareRow(tp, "", taken))
                left -= count_of(taken)
        self.set_alarm()
        return rows

    def look_again(self, served: Served) -> None:
        """There may be something for those who wait, first for who has waited longest."""
        for exchange in list(served.waiting):
            if not served.has_something():
                return
            rows = self._collect(exchange)
            if rows:
                self.drop(exchange)
                exchange.reply(rows)

    def answer_empty(self, exchange: Exchange) -> None:
        """fetch_max_wait_ms is over."""
        if not exchange.done:
            self.drop(exchange)
            exchange.reply(self._collect(exchange))

    def drop(self, exchange: Exchange) -> None:
        """It does not wait any more."""
        for tp in exchange.payload.tps:
            led = self.broker.leads.get(tp)
            served = None if led is None else led.shares.get(exchange.payload.group)
            if served is not None:
                served.waiting.pop(exchange, None)

    def stopped_leading(self, led: Led) -> None:
        """Those who wait here are told to look for the new leader."""
        for served in led.shares.values():
            for exchange in list(served.waiting):
                self.drop(exchange)
                exchange.reply([ShareRow(led.tp, NOT_LEADER, [])])

    def more(self, led: Led) -> None:
        """The high watermark has moved."""
        for served in list(led.shares.values()):
            self.look_again(served)

    # -- answering for records

    def acknowledge(self, exchange: Exchange) -> None:
        """The answer comes when everything is stored: an error ("" if none) for each partition."""
        request: ShareAcknowledge = exchange.payload
        errors: dict[int, str] = {}
        waits = dict.fromkeys(request.answers)

        def end(tp: int, error: str) -> None:
            errors[tp] = error
            del waits[tp]
            if not waits:
                exchange.reply(errors)

        self._answer_each(request.group, request.member_id, request.answers, end)
        if request.closing:
            self._close(exchange.source, request.group, request.member_id)
        if not request.answers:
            exchange.reply({})

    def _answer_each(self, group: str, member: str, answers: Acknowledgements, end: Any) -> None:
        for tp, mine in answers.items():
            served = self._served(group, tp)
            if served is None:
                end(tp, NOT_LEADER)
            else:
                served.acknowledge(member, mine, partial(end, tp))

    # -- members go

    def connection_closed(self, source: Process) -> None:
        """A process is gone: what its members had is free again (not so when it stands still, or cannot be reached)."""
        for group, member_id in self.members.pop(source, {}):
            self._release(group, member_id, "connection lost")

    def _close(self, source: Process, group: str, member_id: str) -> None:
        self.members.get(source, {}).pop((group, member_id), None)
        self._release(group, member_id, "closed")

    def _release(self, group: str, member_id: str, how: str) -> None:
        for served in list(self._all()):
            if served.group == group:
                for exchange in [one for one in served.waiting if one.payload.member_id == member_id]:
                    served.waiting.pop(exchange)
                served.release(member_id, how)

    # -- locks end

    def set_alarm(self) -> None:
        ends = [end for served in self._all() if (end := served.next_lock_end()) is not None]
        self.alarm.set(min(ends, default=None))

    def _locks_end(self) -> None:
        for served in list(self._all()):
            served.expire()
        self.set_alarm()

    def code_of(self, member_id: str) -> int:
        """The process of a member, for the trace."""
        return self._codes.get(member_id, -1)


def _rotated(tps: tuple[int, ...], turn: int) -> tuple[int, ...]:
    """Each time another partition comes first."""
    place = turn % len(tps) if tps else 0
    return tps[place:] + tps[:place]
