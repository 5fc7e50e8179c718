"""Which controller is active: as much of Raft as can be seen from outside (K58).

Raft's messages are not modelled. Every half second a controller knows which others it can reach; the metadata log
they would copy is one object, `Metadata`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from simlib.units import SECOND

if TYPE_CHECKING:
    from simlib.kafka.controller_process import Controller

LOOK = SECOND // 2
FETCH_TIMEOUT = 2 * SECOND
"""controller.quorum.fetch.timeout.ms"""

ELECTION_TIMEOUT = 1 * SECOND
"""controller.quorum.election.timeout.ms"""


class Quorum:
    """One controller's view of the others."""

    def __init__(self, controller: Controller) -> None:
        self.me = controller
        self._last_contact = 0

    def begin(self) -> None:
        """The first controller of a run is active at once; a later one looks around first."""
        self._last_contact = self.me.clock.now
        others_elect = len(self.me.cluster.controllers) > 1
        if not others_elect or self.me.metadata.term == 0:
            self.me.take_over()
        if others_elect:
            self.me.after(LOOK, self._look)

    def reachable(self) -> list[Controller]:
        """The controllers that I can talk to, myself among them."""
        return [one for one in self.me.cluster.controllers if one is self.me or (
            one.alive and not one.paused and not self.me.network.is_cut(self.me, one))]

    def is_majority(self, controllers: list[Controller]) -> bool:
        return 2 * len(controllers) > len(self.me.cluster.controllers)

    def hears_from_active(self) -> bool:
        return any(one.active for one in self.reachable())

    def _look(self) -> None:
        now = self.me.clock.now
        if self._in_contact():
            self._last_contact = now
        elif self.me.active:
            if now - self._last_contact >= FETCH_TIMEOUT:
                self.me.resign()
        elif now - self._last_contact >= FETCH_TIMEOUT + ELECTION_TIMEOUT and self.wins():
            self.me.take_over()
        self.me.after(LOOK, self._look)

    def _in_contact(self) -> bool:
        """The active one needs a majority, the others need the active one."""
        return self.is_majority(self.reachable()) if self.me.active else self.hears_from_active()

    def wins(self) -> bool:
        """Who still hears from an active controller gives no vote (KIP-996)."""
        return self.is_majority([one for one in self.reachable() if not one.quorum.hears_from_active()])
