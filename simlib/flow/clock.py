"""A clock that knows which entry of the agenda it is carrying out, and a network that lets members catch up first."""

from __future__ import annotations

from typing import Any

from simlib.flow.member import FlowMember
from simlib.world.clock import Clock
from simlib.world.exchange import Exchange, Reply
from simlib.world.network import Network
from simlib.world.process import Process


class FlowClock(Clock):
    """`moment` is (time, order within the instant) of what is happening: columns advance up to there.

    Of a reply it also says what made the broker send it - (time, order, number of the request) -, for answers of one
    broker arrive in the order in which they were sent.
    """

    def __init__(self, start: int, busy: bool = True) -> None:
        super().__init__(start, busy)
        self.moment: tuple[int, ...] = (start, 0)

    def step(self) -> None:
        self.moment = self._agenda[0][:2]
        super().step()


class FlowNetwork(Network):
    """Requests and replies of the control plane alone."""

    clock: FlowClock

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._numbers: dict[Exchange, int] = {}
        self._causes: dict[Exchange, tuple[int, ...]] = {}

    def request(self, source: Process, *args: Any, **more: Any) -> Exchange:
        exchange = super().request(source, *args, **more)
        if isinstance(source, FlowMember):
            self._numbers[exchange] = source.reading.fetches.next_number()
        return exchange

    def carry_reply(self, exchange: Exchange, answer: Any) -> None:
        self._causes[exchange] = (*self.clock.moment[:2], self._numbers.pop(exchange, 0))
        super().carry_reply(exchange, answer)

    def close(self, exchange: Exchange) -> None:
        """Not every request is answered: what is nothing new to a member is not carried."""
        self._numbers.pop(exchange, None)
        super().close(exchange)

    def replied(self, reply: Reply) -> None:
        """What its member has read meanwhile comes before what the answer does to it."""
        source = reply.exchange.source
        self.clock.moment += self._causes.pop(reply.exchange, ())
        if isinstance(source, FlowMember) and not source.paused:
            source.catch_up()
            if reply.exchange.kind == "list_offsets":  # what nobody has read is skipped
                source.catch_up_all()
            super().replied(reply)
            source.plan_poll()
        else:
            super().replied(reply)
