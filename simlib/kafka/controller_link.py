"""A broker's dealings with the controller: registration, heartbeats, the clean shutdown."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from simlib.units import SECOND, millis
from simlib.world.clock import MESSAGE

if TYPE_CHECKING:
    from simlib.kafka.broker import Broker
    from simlib.kafka.cluster import Image

NOT_CONTROLLER = "NOT_CONTROLLER"

PATIENCE_AT_SHUTDOWN = 300 * SECOND
"""How long a broker that wants to stop waits for a controller that does not answer."""


class ControllerLink:
    """One broker's way to the active controller."""

    def __init__(self, broker: Broker) -> None:
        self.broker = broker
        self.registered = False
        self._attempts = 0

    def begin(self) -> None:
        """A new life: not registered yet."""
        self.registered = False
        self._attempts = 0
        self._register()

    def ask(self, kind: str, payload: Any, then: Callable[[Any], None], failed: Callable[[str], None]) -> None:
        """Ask the active controller; a standby's answer counts as none."""
        broker = self.broker
        broker.network.request(broker, broker.cluster.active_controller(), kind, payload,
                               lambda answer: failed(answer) if answer == NOT_CONTROLLER else then(answer), failed,
                               broker.give_up_after)

    # -- registration

    def _register(self) -> None:
        if self.broker.cluster.is_safe:
            self._be_registered()
            return
        interval = millis(self.broker.settings.broker_heartbeat_interval_ms)
        self.ask("broker_register", self.broker.number, self._answered,
                 lambda reason: self.broker.after(interval, self._register))

    def _be_registered(self) -> None:
        """The answer is known, and nobody waits for signs of life: only the time it takes is left."""
        controller, clock = self.broker.cluster.active_controller(), self.broker.clock
        answer = "", controller.metadata.image
        clock.at(clock.now + 2 * self.broker.network.latency, MESSAGE + controller.rank, self._answered, answer)

    def _answered(self, answer: tuple[str, Image | None]) -> None:
        error, image = answer
        if image is None:
            assert error == "DUPLICATE_BROKER_REGISTRATION"
            self._wait_for_the_former_life()
            return
        self.registered = True
        self.broker.apply(image)
        if not self.broker.cluster.is_safe:
            self._heartbeat()

    def _wait_for_the_former_life(self) -> None:
        """Its session has not expired yet; ask again after a pause that doubles."""
        pause = min(100 * 2 ** self._attempts, self.broker.settings.broker_session_timeout_ms)
        self._attempts += 1
        self.broker.after(millis(pause), self._register)

    # -- heartbeats

    def _heartbeat(self) -> None:
        broker = self.broker
        self.ask("broker_heartbeat", (broker.number, broker.image.version), self._heard, lambda reason: None)
        broker.after(millis(broker.settings.broker_heartbeat_interval_ms), self._heartbeat)

    def _heard(self, image: Image | None) -> None:
        if image is not None:
            self.broker.apply(image)

    # -- the end

    def shut_down(self, stopped: Callable[[], None]) -> None:
        """Controlled shutdown (K50): the controller moves the leaderships first, then the process may stop."""
        if self.broker.settings.controlled_shutdown_enable:
            self._announce(stopped, self.broker.clock.now + PATIENCE_AT_SHUTDOWN)
        else:
            stopped()

    def _announce(self, stopped: Callable[[], None], until: int) -> None:
        if self.broker.clock.now >= until:
            stopped()
            return
        interval = millis(self.broker.settings.broker_heartbeat_interval_ms)
        self.ask("controlled_shutdown", self.broker.number, lambda answer: stopped(),
                 lambda reason: self.broker.after(interval, self._announce, stopped, until))
