"""The table, on the terminal and in files."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from benchmarks.line import Line

FOLDER = Path(__file__).parent
VERDICTS = {True: "yes", False: "NO", None: ""}

ABOUT = """# How fast

Written by `python lab.py bench`. CPU time of one process, each measurement in a process of its own, {rounds}
interleaved rounds, medians; a ratio is the median of the ratios within a round. Absolute figures move with the machine
and with what else it does; the ratios are the result. Every run has replication 3, acks=all, heartbeats, commits and
the whole trace; consumers are {busy:.0%} busy. How the peers are built is said at the top of `benchmarks/peers/*.py`:
they do far less.
{note}
"""


def as_table(lines: list[Line]) -> list[str]:
    """Rows for a terminal and for Markdown alike."""
    rows = [("what", "measured", "unit", "promised", "kept"), ("---", "---:", "---", "---", "---")]
    for line in lines:
        sign = "" if line.bound is None else f"{'at most' if line.at_most else 'at least'} {_number(line.bound)}"
        rows.append((line.what, _number(line.value), line.unit, sign, VERDICTS[line.kept]))
    widths = [max(len(row[i]) for row in rows) for i in range(5)]
    padded = [[cell.ljust(width) for cell, width in zip(row, widths, strict=True)] for row in rows]
    return [f"| {' | '.join(row)} |" for row in padded]


def write(lines: list[Line], machine: dict[str, str], rounds: int, busy: float, note: str) -> None:
    """results.json for programs, results.md for people."""
    found = {"machine": machine, "rounds": rounds, "note": note,
             "lines": [{**asdict(line), "kept": line.kept} for line in lines]}
    (FOLDER / "results.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    described = [f"- {name}: {what}" for name, what in machine.items()]
    text = [ABOUT.format(rounds=rounds, busy=busy, note=note), *as_table(lines), "", "Measured with", "", *described]
    (FOLDER / "results.md").write_text("\n".join(text) + "\n", encoding="utf-8")


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.3g}"
