"""One line of the table."""

from __future__ import annotations

from dataclasses import dataclass

SPEED = "records/CPU s"


@dataclass(frozen=True)
class Line:
    """One promise: a figure, its bound, and whether the bound is a least or a most."""

    what: str
    value: float
    unit: str
    bound: float | None = None
    at_most: bool = False

    @property
    def kept(self) -> bool | None:
        """Whether the promise is kept; None where nothing was promised."""
        if self.bound is None:
            return None
        return self.value <= self.bound if self.at_most else self.value >= self.bound
