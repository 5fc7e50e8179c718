"""A service must not keep state in a module: a real process would lose it, and the next run would find it.

Functions written in a notebook or a script are copied for each life of a process. Functions of importable modules
are not (pickle refers to them by name), so what their modules' global names stand for is compared before and after a
run.
"""

from __future__ import annotations

import pickle
import sys
from collections.abc import Callable, Iterator
from types import CodeType, FunctionType, ModuleType
from typing import Any

import cloudpickle


class SharedStateError(RuntimeError):
    """A service changed a global variable of its module."""


class ModuleState:
    """The global variables of importable modules that some functions, and those they call, can reach by name."""

    def __init__(self, functions: list[Callable[..., Any]]) -> None:
        self._before = {place: _frozen(value) for place, value in _globals_of(functions)}
        self._functions = functions

    def refuse_changes(self) -> None:
        """Raises SharedStateError if a run has changed one of them."""
        after = dict(_globals_of(self._functions))
        for (module, name), before in self._before.items():
            if before is not None and _frozen(after.get((module, name))) != before:
                raise SharedStateError(f"a service changed `{name}`, a global variable of {module}: a process that is "
                                       f"killed would lose it. Make it a local variable of the service's main.")


def _globals_of(functions: list[Callable[..., Any]]) -> Iterator[tuple[tuple[str, str], Any]]:
    waiting: list[Any] = list(functions)
    known: set[int] = set()
    while waiting:
        function = waiting.pop()
        if id(function) in known or not _is_shared(function):
            continue
        known.add(id(function))
        for name in _names(function.__code__):
            value = function.__globals__.get(name)
            if isinstance(value, FunctionType):
                waiting.append(value)
            elif name in function.__globals__ and not isinstance(value, (type, ModuleType)):
                yield (function.__module__, name), value


def _is_shared(function: Any) -> bool:
    """Does pickle take this function from its module by name, instead of copying it? Our own keep no state."""
    module = getattr(function, "__module__", None) or "__main__"
    return (isinstance(function, FunctionType) and module != "__main__" and module in sys.modules
            and module.partition(".")[0] != __name__.partition(".")[0] and "<locals>" not in function.__qualname__)


def _names(code: CodeType) -> Iterator[str]:
    """Every global name a function and the functions inside it mention."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)


def _frozen(value: Any) -> bytes | None:
    """What it holds; None where that cannot be said (an open file, a lock)."""
    try:
        return bytes(cloudpickle.dumps(value))
    except (TypeError, ValueError, AttributeError, RecursionError, pickle.PicklingError):
        return None
