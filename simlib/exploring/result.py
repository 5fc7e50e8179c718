"""What `explore` answers: every schedule it tried, and the shortest that breaks the rule."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from html import escape
from typing import Any

from simlib.exploring.search import Finding
from simlib.laws.verdict import Verdict
from simlib.scenario.scenario import Scenario
from simlib.scenario.schedules import Schedule, schedule_id
from simlib.trace.trace import Trace

SHOWN = 30
"""Rows of the table that a notebook shows; the rest is in `.table`."""

LEFT = 'style="text-align: left"'


@dataclass(frozen=True, repr=False)
class Counterexample:
    """The shortest schedule that breaks the law, run once more with as few records as it takes.

    `run(counterexample.scenario, schedule=counterexample.schedule)` gives the same trace again.
    """

    faults: Schedule
    scenario: Scenario
    trace: Trace
    verdict: Verdict
    telling: str

    @property
    def schedule(self) -> str:
        """Its id, short enough to send to a friend."""
        return schedule_id(self.faults)

    @property
    def records(self) -> int:
        """How many inputs it takes."""
        return sum(map(len, self.scenario.inputs.values()))

    def __repr__(self) -> str:
        return f"{self.schedule}\n{self.telling}"

    def _repr_html_(self) -> str:
        lines = "".join(f"<li>{escape(line)}</li>" for line in self.telling.split("\n"))
        return f"<p><b>The shortest story</b> <code>{escape(self.schedule)}</code></p><ol>{lines}</ol>"


@dataclass(frozen=True, repr=False)
class Result:
    """True if no schedule that was tried breaks the law, and the law had something to protect."""

    law: str
    findings: tuple[Finding, ...]
    total: int
    calm: Trace
    calm_verdict: Verdict
    counterexample: Counterexample | None
    interrupted: bool = False

    @property
    def tried(self) -> int:
        """How many schedules were run and judged; the calm one is not counted."""
        return len(self.findings)

    @property
    def holds(self) -> bool:
        """Whether every schedule of the space was tried, judged, and kept the law."""
        kept = self.counterexample is None and self.calm_verdict.judged and self._unjudged == 0
        return kept and self.tried == self.total > 0

    def __bool__(self) -> bool:
        return self.holds

    @property
    def _unjudged(self) -> int:
        return sum(finding.word == "not judged" for finding in self.findings)

    @property
    def broken(self) -> int:
        """How many of the tried schedules break the law."""
        return sum(finding.word == "broken" for finding in self.findings)

    @cached_property
    def table(self) -> Any:
        """One row a schedule tried: schedule (its id), hit, outcome, verdict, says."""
        import pandas as pd

        columns = ("schedule", "hit", "outcome", "verdict", "says")
        rows = [(one.id, one.hit, one.outcome, one.word, one.says) for one in self.findings]
        return pd.DataFrame(rows, columns=list(columns))

    @property
    def headline(self) -> str:
        """The answer in one line."""
        tried = f"tried {self.tried:,} of {self.total:,} schedules"
        if not self.calm_verdict.judged:
            return f"{self.law}: not judged. {self.calm_verdict.message}"
        if not self.total:
            return f"{self.law}: not judged. No step can be hit by the kinds of fault that were asked for"
        if self.calm_verdict.broken:
            return f"{self.law}: broken even without a fault; {tried}"
        if self.broken:
            return f"{self.law}: broken by {self.broken:,}; {tried}"
        if self._unjudged:
            return f"{self.law}: not judged in {self._unjudged:,}; {tried}"
        return f"{self.law}: holds {'in all' if self.tried == self.total else 'so far'}; {tried}"

    @property
    def raised(self) -> list[str]:
        """The exceptions that services raise without any fault, with their tracebacks."""
        return list(self.calm.data.meta.get("tracebacks", ()))

    def __repr__(self) -> str:
        parts = [self.headline, *(f"Raised without any fault: {text}" for text in self.raised)]
        if self.counterexample:
            parts.append(str(self.counterexample))
        if self.findings:
            parts.append(self._shown.to_string(index=False) + self._rest)
        return "\n\n".join(parts)

    def _repr_html_(self) -> str:
        story = self.counterexample._repr_html_() if self.counterexample else ""
        table = _table(self._shown) if self.findings else ""
        raised = "".join(f"<p>Raised without any fault:</p><pre>{escape(text)}</pre>" for text in self.raised)
        return f"<p><b>{escape(self.headline)}</b></p>{raised}{story}{table}<p>{escape(self._rest.strip())}</p>"

    @property
    def _shown(self) -> Any:
        """Broken ones first, where there are too many to show all."""
        table = self.table[["hit", "outcome", "verdict"]]
        if len(table) <= SHOWN:
            return table
        return table.loc[(table.verdict == "holds").sort_values(kind="stable").index[:SHOWN]]

    @property
    def _rest(self) -> str:
        left = self.tried - SHOWN
        return f"\n... and {left:,} more in .table" if left > 0 else ""


def _table(findings: Any) -> str:
    """Words, so they begin at the left (pandas sets them like numbers); what is broken is in bold."""
    head = "".join(f"<th {LEFT}>{escape(name)}</th>" for name in findings.columns)
    rows = "\n".join(f"<tr>{''.join(_cell(text, row.verdict) for text in row)}</tr>"
                     for row in findings.itertuples(index=False))
    return f"<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}\n</tbody>\n</table>"


def _cell(text: str, verdict: str) -> str:
    words = escape(text)
    return f"<td {LEFT}>{f'<b>{words}</b>' if verdict == 'broken' else words}</td>"
