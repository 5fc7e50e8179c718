"""A process of a service: runs the user's `main(app)` on a virtual event loop, dies with it, starts it anew."""

from __future__ import annotations

import asyncio
import traceback
from typing import Any

import cloudpickle

from simlib.kafka.cluster import Cluster
from simlib.kafka.producer.client import Lanes
from simlib.scenario.topology import Service
from simlib.services.app import App
from simlib.world.event_loop import VirtualLoop
from simlib.world.network import Network
from simlib.world.process import Process


class ServiceProcess(Process):
    """`<service>-<n>`."""

    def __init__(self, service: Service, code: bytes, world: Any, cluster: Cluster, network: Network, lanes: Lanes,
                 *identity: Any) -> None:
        super().__init__(*identity)
        self.service = service
        self.pickled = code
        self.world = world
        self.cluster = cluster
        self.network = network
        self.lanes = lanes
        self.recorder = network.recorder
        self.aims: list[Any] = []
        self.loop: VirtualLoop | None = None
        self._complaints: dict[str, int] = {}

    # -- life

    def on_start(self, now: int) -> None:
        """A fresh copy of the code and of the globals it uses: a new process remembers nothing (pickled, as on a real run)."""
        self.loop = VirtualLoop(self, self._complain)  # type: ignore[abstract]  # abstract in stubs only
        self.app = App(self, self.loop)
        main = cloudpickle.loads(self.pickled)
        self.task = self.loop.create_task(main(self.app))
        self.task.add_done_callback(self._ended)

    def on_kill(self, now: int) -> None:
        if self.loop is not None:
            self.app.died()
            self.loop.abandon()

    def on_end(self, now: int) -> None:
        if self.loop is not None:
            self.loop.abandon()

    def _ended(self, task: asyncio.Task[Any]) -> None:
        """`main` returned (the process ends), or raised (it crashed, and is started again)."""
        if task.cancelled() or not self.alive:
            return
        error = task.exception()
        if error is None:
            self.recorder.event("shutdown", self, detail="main returned")
            self.app.died()
            self.alive = False
            return
        self._complain({"exception": error})
        self.world.failures.crash(self, restart_after=self.service.restart_after)

    def shut_down(self, stopped: Any) -> None:
        """SIGTERM, as asyncio programs take it: the main task is cancelled, so `finally` and `async with` run."""
        self.task.add_done_callback(lambda task: self.after(0, stopped))
        assert self.loop is not None
        self.loop.call_soon(self.task.cancel)

    def _complain(self, context: dict[str, Any]) -> None:
        """Write an exception down the first time; count it afterwards (a poison record crashes in a loop)."""
        error = context.get("exception")
        told = context.get("message", "") if error is None else _told(error)
        self._complaints[told] = self._complaints.get(told, 0) + 1
        if self._complaints[told] == 1:
            self.recorder.event("exception", self, detail=told)
        self.world.note_exception(self.name, told, self._complaints[told])

def _told(error: BaseException) -> str:
    """The user's own lines of the traceback and the error, in one text."""
    lines = [f"{frame.name}, line {frame.lineno}" for frame in traceback.extract_tb(error.__traceback__)
             if "simlib" not in frame.filename.replace("\\", "/").split("/")]
    where = f" (in {lines[-1]})" if lines else ""
    return f"{type(error).__name__}: {error}{where}"
