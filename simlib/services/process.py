"""A process of a service: runs the user's `main(app)` on a virtual event loop, dies with it, starts it anew."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from simlib.kafka.cluster import Cluster
from simlib.kafka.producer.client import Lanes
from simlib.scenario.topology import Service
from simlib.services.app import App
from simlib.services.packing import Packed
from simlib.services.program import Program
from simlib.world.blame import in_full, is_ours, told
from simlib.world.event_loop import VirtualLoop, forget
from simlib.world.network import Network
from simlib.world.process import Process


class NotCopied(TypeError):
    """A service's code refers to something that cannot be pickled: an open file, a lock, a database connection."""


class SimulatorBug(RuntimeError):
    """Our own code failed while a service used it."""


def raise_it(error: BaseException) -> None:
    raise error


class ServiceProcess(Process):
    """`<service>-<n>`."""

    def __init__(self, service: Service, code: Packed, world: Any, cluster: Cluster, network: Network, lanes: Lanes,
                 *identity: Any) -> None:
        super().__init__(*identity)
        self.service = service
        self.packed = code
        self.world = world
        self.cluster = cluster
        self.network = network
        self.lanes = lanes
        self.recorder = network.recorder
        self.aims: list[Any] = []
        self.loop: VirtualLoop
        self.app: App
        self.program: Program
        self._complaints: dict[str, int] = {}

    # -- life

    def on_start(self, now: int) -> None:
        """A fresh copy of the code and of the globals it uses: a new process remembers nothing."""
        self._stopped: Callable[[], None] | None = None
        self.recorder.mark(now, False)
        self.loop = VirtualLoop(self, self._complain, self._ended)
        self.app = App(self, self.loop)
        main = self.packed.copy()
        self.program = Program(self.loop, main(self.app), self._ended)

    def on_kill(self, now: int) -> None:
        self.app.died()
        self.world.stores.process_died(self)
        self.on_end(now)

    def on_end(self, now: int) -> None:
        """Its suspended coroutines are kept for ever; nothing of the run may be kept with them."""
        self.loop.abandon()
        self.app.abandon()
        forget(self.program)

    def on_resume(self, now: int) -> None:
        self.recorder.mark(now, False)
        self.loop.stood_still(self.paused_since)

    def woke_up(self) -> None:
        self.recorder.mark(self.clock.now, False)

    def shut_down(self, stopped: Callable[[], None]) -> None:
        self._stopped = stopped
        self.program.stop()

    def _ended(self, error: BaseException | None) -> None:
        """The program is over. An exception is a crash: nothing is cleaned up, and the process is started again."""
        if isinstance(error, SystemExit) and error.code in (None, 0):
            error = None
        if error is not None:
            self._refuse_mistakes_of_ours(error)
            self._complain({"exception": error}, "exception")
        if self._stopped is not None:
            self._stopped()
        elif error is not None:
            self.world.failures.crash(self, restart_after=self.service.restart_after)
        else:
            self.recorder.event("shutdown", self, detail="main is over")
            self.world.failures.end(self)

    def handle(self, exchange: Any) -> None:
        """Another service calls."""
        self.app.server.arrived(exchange)

    def handler_failed(self, error: Exception) -> str:
        """A request could not be handled; the process lives on."""
        self._complain({"exception": error})
        return told(error)

    def _refuse_mistakes_of_ours(self, error: BaseException) -> None:
        """A bug of simlib must not pass for one of the service: it ends the run, with its whole traceback."""
        if is_ours(error):
            bug = SimulatorBug(f"{self.name} met a mistake in simlib itself, not in the service: "
                               f"{type(error).__name__}: {error}. Please report it, with the traceback above")
            bug.__cause__ = error
            self.clock.at(self.clock.now, 0, raise_it, bug)

    def _complain(self, context: dict[str, Any], kind: str = "error") -> None:
        """Write an exception down the first time; count it afterwards (a poison record crashes in a loop).

        `kind` is "exception" when it ends the process, "error" when a background task or a handler raised it.
        """
        error = context.get("exception")
        words = context.get("message", "") if error is None else told(error)
        self._complaints[words] = self._complaints.get(words, 0) + 1
        if self._complaints[words] == 1:
            self.recorder.event(kind, self, detail=words)
        in_words = in_full(error) if error is not None and self.world.keeps_tracebacks else ""
        self.world.note_exception(self.name, words, self._complaints[words], in_words)


def packed(service: Service) -> Packed:
    """A service's code and all it refers to, to be copied for each life. Raises NotCopied."""
    try:
        code = Packed(service.main)
        code.copy()
        return code
    except Exception as error:  # whatever the user's objects raise when they are pickled
        raise NotCopied(f"Service({service.name!r}): its main uses something that cannot be copied into a new process "
                        f"({error}). Make it inside main.") from error
