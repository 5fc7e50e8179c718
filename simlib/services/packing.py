"""A service's code, packed once and copied for each life of a process: a new process remembers nothing."""

from __future__ import annotations

import marshal
import pickle
from io import BytesIO
from types import CodeType
from typing import Any

import cloudpickle


class Packed:
    """A function and all it refers to. Its copies share what the compiler has made of it, for that never changes.

    `whole`: all of it, as cloudpickle writes it, for other programs.
    """

    def __init__(self, function: Any) -> None:
        self.whole = bytes(cloudpickle.dumps(function))
        file = BytesIO()
        pickler = _Pickler(file)
        pickler.dump(function)
        self._pickled, self._compiled = file.getvalue(), tuple(pickler.compiled)

    def copy(self) -> Any:
        """The function anew, with globals of its own. Raises whatever its objects raise."""
        return _Unpickler(BytesIO(self._pickled), self._compiled).load()

    def __getstate__(self) -> tuple[bytes, bytes, bytes]:
        return self.whole, self._pickled, marshal.dumps(self._compiled)

    def __setstate__(self, state: tuple[bytes, bytes, bytes]) -> None:
        self.whole, self._pickled = state[:2]
        self._compiled = marshal.loads(state[2])


class _Pickler(cloudpickle.Pickler):
    """Writes numbers in place of compiled code."""

    def __init__(self, file: BytesIO) -> None:
        super().__init__(file)
        self.compiled: list[CodeType] = []

    def persistent_id(self, thing: Any) -> int | None:
        if not isinstance(thing, CodeType):
            return None
        self.compiled.append(thing)
        return len(self.compiled) - 1


class _Unpickler(pickle.Unpickler):
    """Puts the compiled code back."""

    def __init__(self, file: BytesIO, compiled: tuple[CodeType, ...]) -> None:
        super().__init__(file)
        self._compiled = compiled

    def persistent_load(self, number: int) -> CodeType:
        return self._compiled[number]
