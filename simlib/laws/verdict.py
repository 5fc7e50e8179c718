"""What a law says about a run: it holds, it is broken (with the rows that break it), or it cannot be judged."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from html import escape
from typing import Any

from simlib.trace import Trace

Law = Callable[..., "Verdict"]
"""`law(trace, calm=None) -> Verdict`; `calm` is the run of the same scenario without faults."""


@dataclass(frozen=True, repr=False)
class Verdict:
    """True only if the law was judged and holds; `broken` only if it was judged and does not.

    `anomaly` names what was found in Jepsen's words (lost write, duplicate, unseen, nonmonotonic poll, skip ...).
    """

    law: str
    holds: bool
    message: str
    rows: Any = field(default=None, compare=False)
    judged: bool = True
    anomaly: str | None = None

    def __bool__(self) -> bool:
        return self.holds

    @cached_property
    def counterexample(self) -> Any:
        """The rows that break the law, or None. Made when asked for: `explore` judges by the thousand."""
        return self.rows() if callable(self.rows) else self.rows

    @property
    def broken(self) -> bool:
        """Judged, and does not hold."""
        return self.judged and not self.holds

    @property
    def word(self) -> str:
        """holds, broken or not judged."""
        return "holds" if self.holds else "broken" if self.judged else "not judged"

    def __repr__(self) -> str:
        rows = "" if self.counterexample is None else f"\n{self.counterexample}"
        return f"{self.law}: {self.word}. {self.message}{rows}"

    def _repr_html_(self) -> str:
        rows = "" if self.counterexample is None else self.counterexample.to_html(escape=True, index=False)
        return f"<p><b>{escape(self.law)}: {self.word}.</b> {escape(self.message)}</p>{rows}"


def holds(law: str, message: str) -> Verdict:
    """The law was judged and nothing speaks against it."""
    return Verdict(law, True, message)


def broken(law: str, message: str, rows: Any = None, anomaly: str | None = None) -> Verdict:
    """The law was judged and these rows (or what a function gives) break it."""
    return Verdict(law, False, message, rows, anomaly=anomaly)


def not_judged(law: str, message: str, rows: Any = None) -> Verdict:
    """The run cannot answer: nothing to protect, a condition of the law failed, or it ended too early."""
    return Verdict(law, False, message, rows, judged=False)


def stuck(law: str, trace: Trace) -> Verdict:
    """A run that got stuck violates every promise that something will happen."""
    return broken(law, f"the run got stuck at {trace.ended_at:g} s: work was left and nothing moved for 600 s",
                  lambda: trace.control.tail(10), "stuck")


def first_said(*verdicts: Verdict | None) -> Verdict:
    """The first verdict there is (`or` would not do: a broken one is false)."""
    return next(verdict for verdict in verdicts if verdict is not None)


def count(number: int, one: str, many: str | None = None) -> str:
    """"1 record", "1,200 records"."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"
