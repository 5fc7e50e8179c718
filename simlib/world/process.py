"""A process of the operating system: it can be killed, paused and started again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from simlib.units import SECOND
from simlib.world.clock import TIMER, Clock, Entry


class Process:
    """Something with a name that lives, dies and comes back.

    What was planned by one life (`incarnation`) is never carried out by the next one, and a paused process
    (SIGSTOP) catches up with everything that reached it meanwhile, in order.
    """

    def __init__(self, clock: Clock, name: str, rank: int) -> None:
        self.clock = clock
        self.name = name
        self.rank = rank
        self.code = rank
        self.alive = False
        self.paused = False
        self.without_power = False
        self.incarnation = -1
        self.engaged = 0
        self.aims: list[Any] = []
        self.paused_since = 0
        self.paused_until = 0
        self.shutting_down = False
        self.awaited_start = 0
        """Which planned start counts: a later death cancels the one before."""
        self.alarms: list[Alarm] = []
        self._held_back: list[tuple[int, Callable[..., Any], tuple[Any, ...]]] = []

    settings: Any = None
    """Of what runs here; of a service those of the consumer it made last."""

    give_up_after = 30 * SECOND
    """request.timeout.ms of whatever runs here: when a request that cannot be answered is given up."""

    # what a kind of process does on these occasions
    def on_start(self, now: int) -> None: ...

    def on_kill(self, now: int) -> None: ...

    def on_end(self, now: int) -> None:
        """The run is over: write down what is under way."""

    def on_resume(self, now: int) -> None: ...

    def woke_up(self) -> None:
        """A long sleep is over: something new may begin."""

    def handle(self, exchange: Any) -> None:
        """A request arrives."""
        raise NotImplementedError(f"{self.name} serves no requests, but was asked for {exchange.kind}")

    def client_gone(self, exchange: Any) -> None:
        """The connection a request came on is closed by its client."""

    def connection_closed(self, source: Process) -> None:
        """All connections of a process are closed, for it is gone; told to those who asked (`watch_connection`)."""

    def peer_silent(self, peer: Process, silent: bool) -> None:
        """Nothing can come from `peer` any more, or it can again (pause, cut, power)."""

    def shut_down(self, stopped: Callable[[], None]) -> None:
        """SIGTERM: clean up, then call `stopped`."""
        stopped()

    def lose_unflushed(self, flushed_before: int) -> None:
        """The host lost power: what was written after `flushed_before` is not on disk."""

    def start(self) -> None:
        self.alive = True
        self.incarnation += 1
        self.on_start(self.clock.now)

    def kill(self) -> None:
        """SIGKILL: nothing of it runs any more."""
        self.alive = False
        self.shutting_down = False
        self.paused_until = 0
        self._held_back.clear()
        self.on_kill(self.clock.now)
        self.paused = False
        self.busy(-self.engaged)

    @property
    def worked_until(self) -> int:
        """Now; of one that stands still, when it began to: it has done nothing since, and if it dies, it never will."""
        return self.paused_since if self.paused else self.clock.now

    def busy(self, more: int) -> None:
        """`more` things that will end by themselves are under way here; while there are any, a run is not quiet."""
        self.engaged += more
        self.clock.pending += more

    def pause(self) -> None:
        self.paused = True
        self.paused_since = self.clock.now

    def resume(self) -> None:
        self.paused = False
        self.on_resume(self.clock.now)
        held_back, self._held_back = self._held_back, []
        for incarnation, function, args in held_back:
            self.receive(incarnation, function, args)

    def at(self, time: int, function: Callable[..., Any], *args: Any) -> None:
        """Call `function(*args)` at `time`, if this life lasts until then."""
        clock = self.clock
        now = clock.now
        clock.enter(time if time > now else now, TIMER + self.rank, Timer(self, function, args))

    def after(self, delay: int, function: Callable[..., Any], *args: Any) -> None:
        clock = self.clock
        clock.enter(clock.now + delay, TIMER + self.rank, Timer(self, function, args))

    def receive(self, incarnation: int, function: Callable[..., Any], args: tuple[Any, ...]) -> None:
        """A timer of this process fires, or a message for it arrives."""
        if not self.alive or incarnation != self.incarnation:
            return
        if self.paused:
            self._held_back.append((incarnation, function, args))
        else:
            function(*args)


class Timer(Entry):
    """A call on the agenda that is for one life of a process."""

    def __init__(self, process: Process, function: Callable[..., Any], args: tuple[Any, ...]) -> None:
        self.process = process
        self.life = process.incarnation
        self.function = function
        self.args = args

    def run(self) -> None:
        self.process.receive(self.life, self.function, self.args)


Timer.callbacks = (Timer.run,)


class Alarm:
    """One deadline of a process that is moved often and seldom reached.

    SimPy cannot cancel, so the alarm keeps at most one call on the agenda and lets it look again:
    moving the deadline costs an assignment. `deadline` is None while it is off; use `set` to change it.
    """

    __slots__ = ("_incarnation", "_next_look", "_process", "_ring", "deadline")

    def __init__(self, process: Process, ring: Callable[[], None]) -> None:
        self.deadline: int | None = None
        self._process = process
        self._ring = ring
        self._next_look: int | None = None
        self._incarnation = process.incarnation
        process.alarms.append(self)

    def forget(self) -> None:
        """The run is over: cut what the alarm refers to, which refers to the alarm."""
        del self._process, self._ring

    def set(self, deadline: int | None) -> None:
        """Ring at `deadline`; None switches the alarm off."""
        self.deadline = deadline
        if deadline is None:
            return
        if self._incarnation != self._process.incarnation:
            self._incarnation, self._next_look = self._process.incarnation, None
        if self._next_look is None or deadline < self._next_look:
            self._next_look = deadline
            self._process.at(deadline, self._look, deadline)

    def _look(self, planned: int) -> None:
        if planned != self._next_look:
            return
        self._next_look = None
        if self.deadline is None:
            return
        if self.deadline > self._process.clock.now:
            self.set(self.deadline)
        else:
            self.deadline = None
            self._ring()
