"""Interleaved rounds: everything once, then everything again, so that a noisy minute hits all alike."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from labtools.console import child_environment

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Sample:
    """One measurement that every round repeats: its name, the words for `benchmarks.measure`, the Python to use."""

    name: str
    words: tuple[str, ...]
    python: Path = Path(sys.executable)
    rounds: int = 99


@dataclass
class Results:
    """What each sample gave in each round."""

    rounds: dict[str, list[dict[str, float]]] = field(default_factory=dict)

    def median(self, name: str, what: str) -> float:
        return statistics.median(one[what] for one in self.rounds[name])

    def ratio(self, above: str, below: str, what: str) -> float:
        """The median of the ratios within a round."""
        pairs = zip(self.rounds[above], self.rounds[below], strict=False)
        return statistics.median(one[what] / other[what] for one, other in pairs)


def measure(samples: list[Sample], rounds: int, tell: Callable[[str], None]) -> Results:
    """Measure every sample `rounds` times, every second round backwards."""
    results = Results({sample.name: [] for sample in samples})
    for number in range(rounds):
        for sample in samples if number % 2 == 0 else samples[::-1]:
            if number < sample.rounds:
                tell(f"round {number + 1} of {rounds}: {sample.name}")
                results.rounds[sample.name].append(_once(sample))
    return results


def _once(sample: Sample) -> dict[str, float]:
    environment = {**child_environment(), "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": "0", "MPLBACKEND": "Agg"}
    done = subprocess.run([str(sample.python), "-m", "benchmarks.measure", *sample.words], cwd=ROOT, env=environment,
                          stdout=subprocess.PIPE, encoding="utf-8")
    if done.returncode != 0:
        raise SystemExit(f"{sample.name}: the measurement failed; its error is above")
    return json.loads(done.stdout.splitlines()[-1])
