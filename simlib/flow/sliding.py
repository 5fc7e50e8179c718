"""A column of which the beginning may be forgotten, so that a long run takes no more memory than a short one."""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from typing import Any

import numpy as np


class Sliding:
    """Grows at its end like a list; places keep their numbers when the beginning is gone.

    What is gone looks like the last that went: a search among values that only rise still finds what is there.
    """

    def __init__(self, kept: Any) -> None:
        """`kept`: an array or a list."""
        self._kept = kept
        self._gone = 0
        self._last_gone: Any = None
        self.append = kept.append
        self.extend = kept.extend

    @property
    def gone(self) -> int:
        """The first place that is not forgotten."""
        return self._gone

    def __len__(self) -> int:
        return self._gone + len(self._kept)

    def __getitem__(self, place: Any) -> Any:
        if place.__class__ is int:
            if place < 0:
                return self._kept[place]
            place -= self._gone
            return self._kept[place] if place >= 0 else self._last_gone
        return self.between(self._gone, len(self))[np.clip(place - self._gone, 0, len(self._kept) - 1)]

    def __iadd__(self, more: Iterable[Any]) -> Sliding:
        self._kept.extend(more)
        return self

    def add(self, values: np.ndarray) -> None:
        """Whole numbers, to an array."""
        self._kept.frombytes(values.astype(np.dtype(self._kept.typecode)).tobytes())

    def between(self, first: int, end: int) -> np.ndarray:
        """The numbers from a place to before another; all of them have to be there."""
        assert first >= self._gone, "what was asked for is forgotten"
        kept = self._kept[first - self._gone:end - self._gone]
        return np.frombuffer(kept, kept.typecode) if isinstance(kept, array) and kept else np.array(kept, np.int64)

    def objects(self, first: int) -> list[Any]:
        """What there is from a place on, in a list."""
        return list(self._kept[first - self._gone:])

    def forget(self, before: int) -> None:
        """What stands before a place is needed no more."""
        many = before - self._gone
        if many > 0:
            self._last_gone = self._kept[many - 1]
            del self._kept[:many]
            self._gone = before
