"""A request or reply that gets lost because a step of a service is aimed at."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from simlib.world.exchange import Exchange
    from simlib.world.process import Process


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
