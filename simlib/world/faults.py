"""Carries out the faults of a scenario: at their time, or when a process reaches the step they are aimed at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simlib.scenario.draws import Stream
from simlib.scenario.faults import (
    AddPartitions,
    Change,
    Crash,
    LoseReply,
    LoseRequest,
    NetworkCut,
    Pause,
    PowerLoss,
    Shutdown,
    SlowLink,
    names,
    request_kind,
)
from simlib.units import SECOND, nanoseconds
from simlib.world.clock import FAULT

if TYPE_CHECKING:
    from simlib.world.exchange import Exchange
    from simlib.world.process import Process
    from simlib.world.world import World

PAGE_CACHE = 30 * SECOND
"""How long written data may stay in the page cache before it is flushed to disk (Linux's dirty_expire_centisecs)."""


class Aim:
    """A crash that waits for a step: the nth of its kind, counted over all lives of the process. Fires once."""

    def __init__(self, world: World, fault: Crash) -> None:
        self.world = world
        self.fault = fault
        self.when = "before" if fault.before is not None else "after"
        self.count = 0
        self.fired = False

    def takes(self, when: str, step: str) -> bool:
        """Count a step of the process; True when it is the one."""
        if self.fired or when != self.when or step != self.fault.step:
            return False
        self.count += 1
        self.fired = self.count == self.fault.nth
        return self.fired

    def look_ahead(self, member: Any) -> None:
        """A declared consumer is about to work through a poll: if the nth hand-over is in it, die there."""
        place = self.fault.nth - member.received - 1
        if not self.fired and self.fault.step == "receive" and place < len(member.handed):
            member.at(member.handed[place], self._reach, member, place)

    def _reach(self, member: Any, place: int) -> None:
        if member.handed[place] > member.clock.now:  # the process stood still meanwhile
            member.at(member.handed[place], self._reach, member, place)
            return
        self.fired = True
        member.hand_over_only(place if self.when == "before" else place + 1)
        self.world.failures.crash(member, self.fault.restart_after)


def dies(process: Process, when: str, step: str) -> bool:
    """Is the process to die before or after this step? If so it is dead when this returns."""
    reached = [aim for aim in process.aims if aim.takes(when, step)]
    for aim in reached:
        aim.world.failures.crash(process, aim.fault.restart_after)
    return bool(reached)


class Loss:
    """Requests or replies that get lost: the nth of a kind, or a share of them (a named draw for each)."""

    def __init__(self, world: World, fault: LoseRequest | LoseReply, seed: int) -> None:
        self.what = "request" if isinstance(fault, LoseRequest) else "reply"
        self.who = fault.who
        self.kind = request_kind(fault.kind)
        self.fault = fault
        self.count = 0
        self.lost = 0
        self.draws = Stream(seed, fault.who, "lose", self.what, self.kind)

    @property
    def fired(self) -> bool:
        return self.lost > 0

    def takes(self, what: str, exchange: Exchange) -> bool:
        """Is this one lost?"""
        if what != self.what or exchange.kind != self.kind or exchange.source.name != self.who:
            return False
        if exchange.sent < 0:  # the groups gather before time 0, undisturbed
            return False
        self.count += 1
        if self.fault.share is not None:
            lost = self.draws.uniform(self.count - 1) < self.fault.share
        else:
            lost = self.count == (self.fault.nth or 1)
        self.lost += lost
        return lost


class Appointment:
    """A fault that has a time."""

    def __init__(self, fault: Any) -> None:
        self.fault = fault
        self.fired = False


class Faults:
    """All faults of a run."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.waiting: list[tuple[Any, Any]] = []

    def schedule(self) -> None:
        world = self.world
        faults: tuple[Any, ...] = world.scenario.faults
        for fault in faults:
            if isinstance(fault, Crash) and fault.at is None:
                aim = Aim(world, fault)
                world.processes[fault.who].aims.append(aim)
                self.waiting.append((fault, aim))
            elif isinstance(fault, (LoseRequest, LoseReply)):
                loss = Loss(world, fault, world.scenario.seed)
                world.network.losses.append(loss)
                self.waiting.append((fault, loss))
            else:
                appointment = Appointment(fault)
                self.waiting.append((fault, appointment))
                world.clock.pending += 1
                world.clock.at(nanoseconds(fault.at), FAULT, self._fire, appointment)

    def _fire(self, appointment: Appointment) -> None:
        self.world.clock.pending -= 1
        carry_out = getattr(self, "_" + type(appointment.fault).__name__)
        appointment.fired = carry_out(appointment.fault)

    def not_fired(self) -> list[Any]:
        """Faults whose moment never came, or found nothing alive to hit."""
        return [fault for fault, trigger in self.waiting if not trigger.fired]

    # -- one method for each kind of fault

    def _Crash(self, fault: Crash) -> bool:
        return self.world.failures.crash(self.world.processes[fault.who], fault.restart_after)

    def _Shutdown(self, fault: Shutdown) -> bool:
        return self.world.failures.shut_down(self.world.processes[fault.who], fault.restart_after)

    def _PowerLoss(self, fault: PowerLoss) -> bool:
        flushed_before = self.world.clock.now - PAGE_CACHE
        return any([self.world.failures.power_off(self.world.processes[name], flushed_before, fault.restart_after)
                    for name in names(fault.whos)])

    def _Pause(self, fault: Pause) -> bool:
        return self.world.failures.pause(self.world.processes[fault.who], nanoseconds(fault.duration))

    def _NetworkCut(self, fault: NetworkCut) -> bool:
        for a, b in self._pairs(fault):
            self.world.failures.cut(a, b, nanoseconds(fault.duration))
        return True

    def _SlowLink(self, fault: SlowLink) -> bool:
        for a, b in self._pairs(fault):
            self.world.failures.slow(a, b, nanoseconds(fault.latency), nanoseconds(fault.duration))
        return True

    def _pairs(self, fault: Any) -> list[tuple[Process, Process]]:
        processes = self.world.processes
        return [(processes[a], processes[b]) for a in names(fault.a) for b in names(fault.b) if a != b]

    def _AddPartitions(self, fault: AddPartitions) -> bool:
        self.world.changes.add_partitions(fault.topic, fault.to)
        return True

    def _Change(self, fault: Change) -> bool:
        self.world.changes.change(fault.path, fault.value)
        return True
