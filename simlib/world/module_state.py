"""A service must not keep state in a module: a real process would lose it, and the next run would find it.

Functions written in a notebook or a script are copied for each life of a process. Functions of importable modules
are not (pickle refers to them by name), so their modules' mutable globals are compared before and after a run.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import Any

import cloudpickle


class SharedStateError(RuntimeError):
    """A service changed a global variable of its module."""


class ModuleState:
    """The mutable globals that some functions can reach by name in their own modules."""

    def __init__(self, functions: list[Callable[..., Any]]) -> None:
        self._before = dict(_globals_of(functions))

    def refuse_changes(self) -> None:
        """Raises SharedStateError if a run has changed one of them."""
        for (module, name), (value, before) in self._before.items():
            if _frozen(value) != before:
                raise SharedStateError(f"a service changed `{name}`, a global variable of {module}: a process that is "
                                       f"killed would lose it. Make it a local variable of the service's main.")


def _globals_of(functions: list[Callable[..., Any]]) -> Iterator[tuple[tuple[str, str], tuple[Any, bytes]]]:
    for function in functions:
        module = getattr(function, "__module__", None)
        if module in (None, "__main__") or module not in sys.modules:
            continue
        for name in _names(function.__code__):
            value = function.__globals__.get(name)
            if isinstance(value, (list, dict, set, bytearray)):
                yield (str(module), name), (value, _frozen(value))


def _names(code: Any) -> Iterator[str]:
    """Every global name a function and the functions inside it mention."""
    yield from code.co_names
    for constant in code.co_consts:
        if hasattr(constant, "co_names"):
            yield from _names(constant)


def _frozen(value: Any) -> bytes:
    return bytes(cloudpickle.dumps(value))
