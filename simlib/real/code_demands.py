"""What a service's code asks of its `app` that a real run does not have."""

from __future__ import annotations

import dis
from collections.abc import Callable, Iterator
from types import CodeType, FunctionType
from typing import Any

from simlib.real.client_settings import SIMULATED_SHARING
from simlib.scenario.topology import Service

SIMULATED_ONLY = {"share_consumer": SIMULATED_SHARING}


def of_service(service: Service) -> Iterator[str]:
    """One line for each."""
    for name in sorted(_used_on_app(service.main)):
        yield f"Service({service.name!r}) uses app.{name}: {SIMULATED_ONLY[name]}"


def _used_on_app(main: Callable[..., Any]) -> set[str]:
    """Also in functions that this code refers to."""
    found: set[str] = set()
    waiting: list[Any] = [main]
    seen: set[int] = set()
    while waiting:
        function = waiting.pop()
        function = getattr(function, "__func__", getattr(function, "func", function))
        if not isinstance(function, FunctionType) or id(function) in seen:
            continue
        seen.add(id(function))
        found |= _asked_in(function.__code__)
        cells = [content for cell in function.__closure__ or () for content in _contents(cell)]
        waiting += [*cells, *(function.__globals__.get(name) for name in function.__code__.co_names)]
    return found


def _contents(cell: Any) -> list[Any]:
    """Nothing as long as the cell is empty: a name that is given its value later."""
    try:
        return [cell.cell_contents]
    except ValueError:
        return []


def _asked_in(code: CodeType) -> set[str]:
    found, before = set(), None
    for instruction in dis.get_instructions(code):
        if instruction.argval in SIMULATED_ONLY and instruction.opname in ("LOAD_ATTR", "LOAD_METHOD") \
                and before == "app":
            found.add(str(instruction.argval))
        before = instruction.argval
    inner = [each for each in code.co_consts if isinstance(each, CodeType)]
    return found.union(*(_asked_in(each) for each in inner))
