"""Requests and replies that get lost because a schedule says so."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from simlib.scenario.schedules import Hit
    from simlib.world.exchange import Exchange
    from simlib.world.process import Process


class WireLoss:
    """The nth request of a kind that one life of a process makes, or the reply to it. Fires once."""

    def __init__(self, hit: Hit, fired: Callable[[Exchange], None]) -> None:
        self.step = hit.step
        self.what = "request" if hit.fault == "lose-wire-request" else "reply"
        self.fired = fired
        self.count = 0
        self.exchange: Exchange | None = None

    def takes(self, what: str, exchange: Exchange) -> bool:
        """Is this the one that gets lost?"""
        step = self.step
        if exchange.kind != step.kind or exchange.source.name != step.process or exchange.life != step.life:
            return False
        if what == "request":
            self.count += 1
            if self.count == step.nth:
                self.exchange = exchange
        if what != self.what or exchange is not self.exchange:
            return False
        self.fired(exchange)
        return True


class StepLoss:
    """The next request of a kind that one life of a process makes, or its reply. Fires once."""

    spares = False
    """Whether the message gets through all the same (what happens at that moment is all that is wanted)."""

    def __init__(self, process: Process, what: str, kind: str, fired: Callable[[Exchange], None]) -> None:
        self.process = process
        self.life = process.incarnation
        self.what = what
        self.kind = kind
        self.fired = fired
        self.exchange: Exchange | None = None
        self.over = False

    def takes(self, what: str, exchange: Exchange) -> bool:
        """Is this the one that gets lost?"""
        if self.over or exchange.kind != self.kind or exchange.source is not self.process:
            return False
        if exchange.life != self.life:
            return False
        if what == "request" and self.exchange is None:
            self.exchange = exchange  # the reply to be lost is this one's, not an earlier one's
        if what != self.what or exchange is not self.exchange:
            return False
        self.over = True
        self.fired(exchange)
        return not self.spares
