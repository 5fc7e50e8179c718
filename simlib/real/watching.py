"""What the marks of the workers tell while a run goes on: who waits for what, and what is still to be done."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from simlib.real.errors import RealRunError
from simlib.real.processes import Worker
from simlib.real.timeline import Timeline

QUIET_AFTER = 5.0
MARKS = ("started", "produced", "acked", "failed", "delivered", "effect", "committed", "executed", "redis", "called",
         "answered", "assigned", "revoked", "shown", "exception", "finished")
"""What shows that something still happens."""


class Watch:
    """Reads what workers write. `stalled(name, seconds)` is called when one has stopped itself for a while."""

    def __init__(self, timeline: Timeline, workers: dict[str, Worker], stalled: Callable[[str, float], None]) -> None:
        self._timeline, self._workers, self._stalled = timeline, workers, stalled
        self.held_until = 0.0
        """Somebody sleeps, or waits for a session to end."""
        self.fired: set[int] = set()
        """Places of the scenario's faults that found their moment in a worker."""
        self.hits: set[str] = set()
        """What of a schedule was carried out."""
        self.dying: dict[str, float | None] = {}
        """Who is about to end, and after how many seconds it is to be started again."""
        self._committed: dict[tuple[str, str, int], int] = {}
        self._topic_of: dict[str, str] = {}
        self._acked: dict[str, set[str]] = {}
        self._handed: dict[tuple[str, str], set[str]] = {}
        """Messages by topic, and by group and topic."""
        self._under_way: dict[str, dict[str, list[float]]] = {}
        """When the steps of each kind began that a process has not ended."""
        self._beginning: set[str] = set()
        """Processes that were told to begin and have not come to their code yet."""
        self._joining: set[tuple[str, str]] = set()
        """(process, group): its consumer is being made, or has begun to join. One that is never polled does not."""
        self._sessions: dict[str, float] = {}
        self._wanted: set[str] = set()

    def take_wanted(self) -> set[str]:
        """Processes that others wait for, and that nobody has started yet."""
        wanted, self._wanted = self._wanted, set()
        return wanted

    # -- what is to be done

    def is_something_under_way(self) -> bool:
        """A start, a join, a step: what ends by itself."""
        return bool(self._beginning or self._joining or self._timeline.now < self.held_until
                    or any(began for steps in self._under_way.values() for began in steps.values()))

    def is_behind(self) -> bool:
        """Is there a record in a topic that a group reads, which the group was never handed? A busy machine is slow."""
        return any(self._acked.get(topic, set()) - handed for (_, topic), handed in self._handed.items())

    # -- lives

    def begins(self, name: str) -> None:
        self._beginning.add(name)

    def gone(self, name: str) -> None:
        """Others may need its session time-out to notice, and a heartbeat to take over."""
        self.dying.pop(name, None)
        self._under_way.pop(name, None)
        self._beginning.discard(name)
        self._joining = {each for each in self._joining if each[0] != name}
        if name in self._sessions:
            self.held_until = max(self.held_until, self._timeline.now + self._sessions[name] + QUIET_AFTER)

    # -- marks

    def listen(self, worker: Worker) -> None:
        """Take in what it has written since the last time."""
        for time, kind, *details in worker.new_marks():
            if kind == "refused":
                raise RealRunError(details[0])
            if kind in MARKS and self._is_news(kind, details):
                self._timeline.last_mark = max(self._timeline.last_mark, self._timeline.at(time))
            handle = getattr(self, f"_on_{kind}", None)
            if handle is not None:
                handle(worker.plan.name, *details)

    def _is_news(self, kind: str, details: list[Any]) -> bool:
        """A commit that moves nothing and a statement that changes nothing keep no run alive."""
        if kind in ("executed", "redis"):
            return bool(details[2])
        if kind != "committed":
            return True
        group, rows, _ = details
        moved = {(group, topic, partition): offset for topic, partition, offset in rows}
        news = any(self._committed.get(place) != offset for place, offset in moved.items())
        self._committed |= moved
        return news

    def _on_begun(self, name: str, kind: str, *_: Any) -> None:
        self._under_way.setdefault(name, {}).setdefault(kind, []).append(self._timeline.now)

    def _on_ended(self, name: str, kind: str, *_: Any) -> None:
        """What the end of a long wait brings comes a moment later."""
        began = self._under_way[name][kind].pop(0)
        if self._timeline.now - began > QUIET_AFTER:
            self.held_until = max(self.held_until, self._timeline.now + QUIET_AFTER)

    _on_given_up = _on_ended

    def _on_consumes(self, name: str, group: str, session_ms: float, isolation: str) -> None:
        self._joining.add((name, group))
        self._sessions[name] = session_ms / 1_000

    def _on_made(self, name: str, group: str) -> None:
        self._joining.discard((name, group))

    def _on_joining(self, name: str, group: str) -> None:
        self._joining.add((name, group))

    _on_left = _on_made

    def _on_produced(self, name: str, number: int, topic: str, *_: Any) -> None:
        self._topic_of[f"{name}:{number}"] = topic

    def _on_acked(self, name: str, number: int, *_: Any) -> None:
        self._acked.setdefault(self._topic_of[f"{name}:{number}"], set()).add(f"{name}:{number}")

    def _on_delivered(self, name: str, group: str, topic: str, partition: int, offset: int, message: str,
                      *_: Any) -> None:
        self._handed.setdefault((group, topic), set()).add(message)

    def _on_started(self, name: str) -> None:
        self._beginning.discard(name)

    def _on_assigned(self, name: str, group: str, rows: list[Any]) -> None:
        self._joining.discard((name, group))
        for topic, _ in rows:
            self._handed.setdefault((group, topic), set())

    def _on_sleeping(self, name: str, seconds: float) -> None:
        self.held_until = max(self.held_until, self._timeline.now + seconds)

    def _on_dying(self, name: str, restart_after: float | None) -> None:
        self.dying[name] = restart_after

    def _on_exception(self, name: str, *_: Any) -> None:
        self.dying[name] = self._workers[name].plan.restart_after

    def _on_finished(self, name: str, *_: Any) -> None:
        self.dying.setdefault(name, None)

    def _on_wants(self, name: str, whom: str) -> None:
        self._wanted.add(whom)

    def _on_fired(self, name: str, place: int) -> None:
        self.fired.add(place)

    def _on_hit(self, name: str, hit: str) -> None:
        self.hits.add(hit)

    def _on_stalling(self, name: str, seconds: float) -> None:
        self._stalled(name, seconds)
