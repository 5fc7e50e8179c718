"""`python -m benchmarks` (also `python lab.py bench`, `make bench`): measures, prints the table, writes the results."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from benchmarks import report
from benchmarks.film import can_be_measured
from benchmarks.flow_lines import LONGEST
from benchmarks.fold_lines import DAY, PEAK, SMALL_POLLS
from benchmarks.lines import lines
from benchmarks.machine import describe_machine
from benchmarks.peers.environment import NoPeer, has_numba, peer_python
from benchmarks.rounds import Sample, measure
from benchmarks.workloads import IN_COLUMNS, PER_PARTITION, UTILISATION, WORKLOADS, service_time


def _load(rate: int, records: int) -> tuple[str, str, str]:
    """Rate, records and service time of a pipeline that is compared."""
    return str(rate), str(records), str(service_time(rate))


ALIKE = _load(1_000, 20_000)
LARGE = 1_000_000


def samples(peer: Path | None, numba: bool) -> list[Sample]:
    """All measurements of one round. What takes half a minute or more is measured once."""
    python = peer or Path(sys.executable)
    found = [Sample("simpy", ("peer", "simpy_pipeline", *ALIKE), python),
             Sample("simpy, M/M/1", ("peer", "simpy_mm1", "0", "100000", "0.001"), python),
             Sample("flow, M/M/1", ("queue", str(LARGE)), python), Sample("at once", ("at_once",))]
    if peer:
        found += [Sample("happysim", ("peer", "happysim_pipeline", *ALIKE), python),
                  Sample("simlib, the peer's Python", ("engine", "1,000/s, linger 5"), python)]
        for rate, name in ((1_000, "flow, 1e5 at 1,000/s"), (3 * PER_PARTITION, "flow, 1e5")):
            words = ("peer", "happysim_pipeline", *_load(rate, 100_000))
            found += [Sample(f"happysim beside {name}", words, python, rounds=1),
                      Sample(f"{name}, the peer's Python", ("engine", name), python)]
    if numba:
        found += [Sample("compiled loop", ("peer", "compiled_loop", *_load(3 * PER_PARTITION, LARGE)), python),
                  Sample("flow beside it", ("engine", "flow, 1e6"), python)]
    return [*found, *(Sample(kind, (kind,)) for kind in ("player", "draws")),
            *(Sample(name, ("engine", name)) for name in (*WORKLOADS, *IN_COLUMNS) if name != LONGEST),
            Sample(LONGEST, ("engine", LONGEST, "3")),
            *(Sample(name, ("folded", name)) for name in ("folded, 1e5", PEAK, SMALL_POLLS)),
            *(Sample(name, ("folded", name), rounds=1) for name in ("folded, 1e8", DAY)),
            *(Sample(what, ("explored", what)) for what in ("lesson 06", "brokers")),
            *(Sample(kind, (kind,)) for kind in ("imports", "redraw")), Sample("memory", ("memory",), rounds=1),
            *([Sample(kind, (kind,)) for kind in ("film", "slider")] if can_be_measured() else [])]


def main() -> int:
    parser = argparse.ArgumentParser("python -m benchmarks", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="how often everything is measured (default: 3)")
    rounds = parser.parse_args().rounds
    try:
        peer, note = peer_python(), ""
    except NoPeer as why:
        peer, note = None, f"\nNot compared with happysim: {why}. Plain SimPy stands in."
    numba = peer is not None and has_numba(peer)
    if not numba:
        note += "\nNot compared with a compiled loop: numba could not be installed here."
    if not can_be_measured():
        note += "\nNothing was measured in a browser: there is no Chromium on this computer, or no Playwright."
    results = measure(samples(peer, numba), rounds, lambda text: print(text, file=sys.stderr))
    found = lines(results)
    print("\n".join(report.as_table(found)) + note)
    report.write(found, describe_machine(), rounds, UTILISATION, note)
    return int(any(line.kept is False for line in found))


if __name__ == "__main__":
    raise SystemExit(main())
