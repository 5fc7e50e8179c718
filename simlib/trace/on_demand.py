"""Tables that are made when they are first asked for: `explore` judges thousands of runs, and most laws look at one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

Table = dict[str, Any]


class TablesOnDemand(Mapping[str, Table]):
    """A table for each name, from its maker."""

    def __init__(self, makers: dict[str, Callable[[], Table]]) -> None:
        self._makers = makers
        self._made: dict[str, Table] = {}

    def __getitem__(self, name: str) -> Table:
        if name not in self._made:
            self._made[name] = self._makers[name]()
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._makers)

    def __len__(self) -> int:
        return len(self._makers)

    def __reduce__(self) -> tuple[Any, ...]:
        """Another process gets the tables, not what they are made of."""
        return dict, (dict(self),)
