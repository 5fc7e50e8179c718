"""A request and its reply, seen from whoever waits for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from simlib.units import SECOND
from simlib.world.clock import Entry
from simlib.world.process import Process

if TYPE_CHECKING:
    from simlib.world.network import Network


LONG = 5 * SECOND
ASKED_BY_SERVICES = frozenset({"effect", "call", "redis"})


PARKED_KINDS = frozenset({"fetch", "share_fetch", "replica_fetch", "heartbeat", "consumer_group_heartbeat",
                          "share_group_heartbeat", "broker_heartbeat"})
"""Requests that may stay unanswered while nothing happens: they do not keep a run alive."""


class Exchange(Entry):
    """One request and its reply. On its way to the target it is an entry of the agenda itself."""

    def __init__(self, network: Network, source: Process, target: Process, kind: str, payload: Any,
                 on_reply: Callable[[Any], None], on_error: Callable[[str], None], deadline: int) -> None:
        self.callbacks = network.on_request
        self.network = network
        self.source = source
        self.target = target
        self.kind = kind
        self.payload = payload
        self.on_reply = on_reply
        self.on_error = on_error
        self.deadline = deadline
        self.sent = network.clock.now
        self.done = False
        self.abandoned = False
        self.lost = False
        self.keeps_alive = kind not in PARKED_KINDS
        self.life = source.incarnation
        self.server_life = target.incarnation

    def reply(self, answer: Any) -> None:
        """The server answers."""
        if not self.done:
            self.network.carry_reply(self, answer)

    def reply_nothing_new(self, answer: Any) -> None:
        """The server answers what its client would only throw away: where nothing can befall it, it is not carried."""
        if self.done or not self.network.carries_surely():
            self.reply(answer)
        else:
            self.network.close(self)

    def fail(self, reason: str) -> None:
        """The requester gives up or learns that the connection is gone."""
        if self.done:
            return
        self.abandoned = True
        self.network.close(self)
        now = self.network.clock.now
        if self.kind in ASKED_BY_SERVICES or now - self.sent > LONG:
            self.network.recorder.mark(now, False)  # what is done about that is still to come
        self.on_error(reason)


class Reply(Entry):
    """An answer on its way."""

    def __init__(self, network: Network, exchange: Exchange, answer: Any) -> None:
        self.callbacks = network.on_reply
        self.exchange = exchange
        self.answer = answer


class Told(Exchange):
    """A request whose sender wants no answer. All it ever learns is that the connection broke: a server closes it
    when it cannot do what was asked."""

    def reply(self, answer: Any) -> None:
        if answer[0]:
            self.network.close_connection(self)

    def fail(self, reason: str) -> None:
        self.on_error(reason)
