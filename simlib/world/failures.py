"""What can befall a process or a link: how it begins, who notices, how it ends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simlib.units import SECOND, millis, nanoseconds
from simlib.world.clock import FAULT
from simlib.world.process import Process

if TYPE_CHECKING:
    from simlib.world.world import World


class Failures:
    """Kills, pauses and cuts, for the fault schedule and for processes that die by themselves."""

    def __init__(self, world: World) -> None:
        self.clock = world.clock
        self.network = world.network
        self.recorder = world.recorder
        self.cluster = world.cluster
        self.held_until = 0
        """Until when a run cannot be quiet, whatever else happens."""

    def hold(self, length: int) -> None:
        """Something will end by itself after `length`: not quiet before."""
        until = self.clock.now + length
        self.held_until = max(self.held_until, until)
        self.clock.pending += 1
        self.clock.at(until, FAULT, self._release)

    def _release(self) -> None:
        self.clock.pending -= 1

    # -- ends and beginnings; each says whether there was anything to hit

    def crash(self, process: Process, restart_after: float | None = None) -> bool:
        """SIGKILL."""
        if not process.alive:
            return False
        self.recorder.event("crashed", process)
        self.end(process)
        self._restart_later(process, restart_after)
        return True

    def end(self, process: Process) -> None:
        """A process is gone, however that came; its peers see its connections break."""
        process.kill()
        self.network.process_killed(process)
        self.hold(self._until_noticed(process))

    def _until_noticed(self, process: Process) -> int:
        """How long others may need to notice that it is gone: its session, and a heartbeat of those who rejoin."""
        settings = process.settings
        sessions = [getattr(settings, name, 0) for name in ("session_timeout_ms", "broker_session_timeout_ms")]
        return millis(max(sessions)) + 5 * SECOND if any(sessions) else 0

    def _restart_later(self, process: Process, restart_after: float | None) -> None:
        """What was planned at an earlier death is off."""
        process.awaited_start += 1
        if restart_after is not None:
            self.clock.pending += 1
            self.clock.at(self.clock.now + nanoseconds(restart_after), FAULT, self._restart, process,
                          process.awaited_start)

    def _restart(self, process: Process, awaited: int) -> None:
        self.clock.pending -= 1
        if not process.alive and awaited == process.awaited_start:
            process.without_power = False
            self.recorder.event("restarted", process)
            process.start()

    def shut_down(self, process: Any, restart_after: float | None) -> bool:
        """A clean end: the process does what it does on SIGTERM, then it is gone."""
        if not process.alive or process.shutting_down:
            return False
        process.shutting_down = True
        life = process.incarnation
        process.busy(1)

        def stopped() -> None:
            if process.alive and process.incarnation == life:
                self.recorder.event("shutdown", process)
                process.kill()
                self.network.process_killed(process)
                self._restart_later(process, restart_after)

        process.shut_down(stopped)
        return True

    def power_off(self, process: Process, flushed_before: int, restart_after: float | None) -> bool:
        """The host goes dark: peers see nothing, and what was not on disk is gone (K59). Hits a dead process too."""
        if process.incarnation < 0 or process.without_power:
            return False
        self.recorder.event("power_lost", process)
        if process.alive:
            process.kill()
            self.network.host_lost(process)
            self._silence(process, True)
            self.hold(self._until_noticed(process))
        process.without_power = True
        process.lose_unflushed(flushed_before)
        self._restart_later(process, restart_after)
        return True

    # -- standing still

    def pause(self, process: Process, length: int) -> bool:
        """SIGSTOP, then SIGCONT; a pause within a pause can make it longer."""
        if not process.alive:
            return False
        until = self.clock.now + length
        if not process.paused:
            self.recorder.event("paused", process)
            process.pause()
            self.network.stall_all(process)
            self._silence(process, True)
        process.paused_until = max(process.paused_until, until)
        self.clock.pending += 1
        self.clock.at(until, FAULT, self._resume, process, process.incarnation)
        return True

    def _resume(self, process: Process, life: int) -> None:
        self.clock.pending -= 1
        if process.paused and process.incarnation == life and process.paused_until <= self.clock.now:
            self.recorder.event("resumed", process)
            self.network.unstall(process)
            self._silence(process, False)
            process.resume()

    def _silence(self, process: Process, silent: bool) -> None:
        for broker in self.cluster.brokers:
            if broker is not process and broker.alive:
                broker.peer_silent(process, silent)

    def cut(self, a: Process, b: Process, length: int) -> None:
        """Nothing passes between two processes for a while."""
        self.recorder.event("link_cut", a, detail=b.name)
        self.network.cut(a, b, self.clock.now + length)
        a.peer_silent(b, True)
        b.peer_silent(a, True)
        self.clock.pending += 1
        self.clock.at(self.clock.now + length, FAULT, self._heal, a, b)

    def _heal(self, a: Process, b: Process) -> None:
        self.clock.pending -= 1
        if self.network.is_cut(a, b):
            return  # a longer cut of the same link goes on
        self.recorder.event("link_healed", a, detail=b.name)
        for one, other in ((a, b), (b, a)):
            self.network.unstall(one, other)
            if one.alive and other.alive:
                one.peer_silent(other, False)

    def slow(self, a: Process, b: Process, latency: int, length: int) -> None:
        self.recorder.event("link_slow", a, a=latency, detail=b.name)
        self.network.slow(a, b, latency)
        self.clock.pending += 1
        self.clock.at(self.clock.now + length, FAULT, self._fast_again, a, b)

    def _fast_again(self, a: Process, b: Process) -> None:
        self.clock.pending -= 1
        self.network.slow(a, b, None)
        self.recorder.event("link_healed", a, detail=b.name)
