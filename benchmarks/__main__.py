"""`python -m benchmarks` (also `python lab.py bench`, `make bench`): measures, prints the table, writes the results."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from benchmarks import report
from benchmarks.film import can_be_measured
from benchmarks.lines import lines
from benchmarks.machine import describe_machine
from benchmarks.peers.environment import NoPeer, peer_python
from benchmarks.rounds import Sample, measure
from benchmarks.workloads import IN_COLUMNS, UTILISATION, WORKLOADS, service_time

ALIKE = ("1000", "20000", str(service_time(1_000)))
"""Rate, records and service time of the pipeline that is compared."""


def samples(peer: Path | None) -> list[Sample]:
    """All measurements of one round."""
    python = peer or Path(sys.executable)
    peers = [Sample("simpy", ("peer", "simpy", *ALIKE), python)]
    if peer:
        peers = [Sample("happysim", ("peer", "happysim", *ALIKE), python),
                 Sample("simlib, the peer's Python", ("peer", "simlib", *ALIKE), python), *peers]
    return [*peers, *(Sample(kind, (kind,)) for kind in ("player", "draws")),
            *(Sample(name, ("engine", name)) for name in (*WORKLOADS, *IN_COLUMNS)),
            *(Sample(what, ("explored", what)) for what in ("lesson 06", "brokers")),
            *(Sample(kind, (kind,)) for kind in ("imports", "redraw")), Sample("memory", ("memory",), rounds=1),
            *([Sample("film", ("film",))] if can_be_measured() else [])]


def main() -> int:
    parser = argparse.ArgumentParser("python -m benchmarks", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="how often everything is measured (default: 3)")
    rounds = parser.parse_args().rounds
    try:
        peer, note = peer_python(), ""
    except NoPeer as why:
        peer, note = None, f"\nNot compared with happysim: {why}. Plain SimPy stands in."
    if not can_be_measured():
        note += "\nThe film was not measured: there is no Chromium on this computer, or no Playwright."
    results = measure(samples(peer), rounds, lambda text: print(text, file=sys.stderr))
    found = lines(results, peer is not None)
    print("\n".join(report.as_table(found)) + note)
    report.write(found, describe_machine(), rounds, UTILISATION, note)
    return int(any(line.kept is False for line in found))


if __name__ == "__main__":
    raise SystemExit(main())
