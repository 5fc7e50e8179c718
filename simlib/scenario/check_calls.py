"""Checks of calls between services, as far as they can be read from the services' code; and of the numbers in them."""

from __future__ import annotations

from collections.abc import Iterator
from math import isfinite
from typing import Any

from simlib.scenario.calls_in_code import UNKNOWN, ServeInCode, read
from simlib.scenario.check_fields import label
from simlib.scenario.errors import what_exists
from simlib.scenario.scenario import Scenario

DEFAULT_TIMEOUT = 30.0
"""Seconds a caller waits when it says nothing else."""


def call_problems(s: Scenario) -> Iterator[str]:
    """Calls of services that are not there, times and numbers of workers that are none."""
    known = [service.name for service in s.services]
    for service in s.services:
        code = read(service.main)
        for call in code.calls:
            for wrong in (callee_problem(call.service, service.name, known),
                          timeout_problem(call.service, call.timeout)):
                if wrong:
                    yield f"{label(service)}, line {call.line}: {wrong}"
        for serve in code.serves:
            if wrong := serve_problem(serve.workers, serve.queue):
                yield f"{label(service)}, line {serve.line}: {wrong}"


def callee_problem(service: str, own: str, known: list[str]) -> str | None:
    """Why this service cannot be called from `own`."""
    if service == own:
        return f"call({service!r}): this is {own} itself; await the function that handles requests"
    return None if service in known else f"call({service!r}): no such service{what_exists(service, known)}"


def timeout_problem(service: str, timeout: Any) -> str | None:
    """Why nobody can wait so long. None is allowed: 30 s."""
    if timeout in (None, UNKNOWN) or is_time(timeout) and timeout > 0:
        return None
    return f"call({service!r}, timeout={timeout!r}): seconds above 0, or None for {DEFAULT_TIMEOUT:g} s"


def serve_problem(workers: Any, queue: Any) -> str | None:
    """Why a server cannot have so many workers, or so many places for those who wait."""
    if not _is_count(workers, least=1):
        return f"serve(workers={workers!r}): a whole number of at least 1, or None for no limit"
    if not _is_count(queue, least=0):
        return f"serve(queue={queue!r}): a whole number, 0 if nobody may wait, or None for no limit"
    if queue not in (None, UNKNOWN) and workers is None:
        return f"serve(queue={queue!r}): without a number of workers nobody ever waits; give workers too"
    return None


def is_time(value: Any) -> bool:
    """A number of seconds."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and isfinite(value)


def _is_count(value: Any, least: int) -> bool:
    if value in (None, UNKNOWN):
        return True
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


# -- circles


def circle_warnings(s: Scenario) -> Iterator[str]:
    """Handlers that call each other in a circle, each with so many workers and no more: they can all come to wait."""
    servers = {service.name: serve for service in s.services for serve in read(service.main).serves if _waits(serve)}
    told = []
    for name in servers:
        circle = _shortest_circle(name, servers)
        if circle and set(circle) not in told:
            told.append(set(circle))
            path = " -> ".join(f"{each} (workers={servers[each].workers})" for each in circle)
            yield (f"calls go round in a circle: {path} -> {name}: this can deadlock. A worker that waits for the next "
                   "service is not free; when all of them wait, nobody is left to answer until a timeout. Let one of "
                   "them serve without `workers`, or send an event instead of calling")


def _waits(serve: ServeInCode) -> bool:
    """Does a request wait there while all are busy?"""
    return isinstance(serve.workers, int) and serve.queue != 0


def _shortest_circle(start: str, servers: dict[str, ServeInCode]) -> list[str]:
    paths = [[start]]
    seen = set()
    while paths:
        path = paths.pop(0)
        for asked in servers[path[-1]].asks:
            if asked == start:
                return path
            if asked in servers and asked not in seen:
                seen.add(asked)
                paths.append([*path, asked])
    return []
