"""What a scenario can be refused with."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class ConfigError(ValueError):
    """A client, broker or topic setting that Kafka or its client would refuse."""


class PathError(ValueError):
    """A path that leads nowhere in a scenario."""


class ScenarioError(ValueError):
    """Everything that is wrong with a scenario, all of it at once (`problems`: one line each)."""

    def __init__(self, problems: Iterable[str]):
        self.problems = tuple(problems)
        count = len(self.problems)
        head = "1 problem" if count == 1 else f"{count} problems"
        super().__init__("\n".join([f"this scenario cannot run: {head}", *(f"  - {line}" for line in self.problems)]))

    def __reduce__(self) -> tuple[type, tuple[tuple[str, ...]]]:
        return type(self), (self.problems,)


class EngineError(ValueError):
    """What the flow engine cannot do in a scenario that the readable engine can run (`problems`: one line each)."""

    HEAD = 'engine="flow" cannot run this scenario; engine="events" can'

    def __init__(self, problems: Iterable[str]):
        self.problems = tuple(problems)
        lines = "\n".join(f"  - {line}" for line in self.problems)
        super().__init__(f"{self.HEAD}:\n{lines}")

    def __reduce__(self) -> tuple[type, tuple[tuple[str, ...]]]:
        return type(self), (self.problems,)


class CohortError(EngineError):
    """What cannot be reckoned a batch at a time in a scenario that can be folded record by record."""

    HEAD = 'fold="batches" cannot run this scenario; fold=True can'


class TooLarge(ValueError):
    """A run whose trace cannot fit into memory, record by record."""

    def __init__(self, records: float, size: float, free: float, cannot_fold: Iterable[str] = ()):
        self.given = records, size, free, tuple(cannot_fold)
        reasons = "".join(f"\n  - {line}" for line in self.given[3])
        way_out = ("Shorten the duration or lower the rate; it cannot be folded (fold=True), for the flow engine "
                   f"cannot run it:{reasons}"
                   if reasons else
                   "run(scenario, fold=True) keeps exact counts, latency histograms and every duplicate instead of "
                   "every record; or shorten the duration, or lower the rate")
        super().__init__(f"this scenario creates about {records:,.0f} records, which take about {size / 1e9:,.1f} GB; "
                         f"{free / 1e9:,.1f} GB are free here. {way_out}")

    def __reduce__(self) -> tuple[type, tuple[object, ...]]:
        return type(self), self.given


def did_you_mean(given: object, known: Iterable[str]) -> str:
    """ "; did you mean linger_ms?" or nothing, to be put at the end of an error."""
    close = get_close_matches(str(given), list(known), n=1, cutoff=0.6)
    return f"; did you mean {close[0]}?" if close else ""


def what_exists(given: object, known: Iterable[str], most: int = 50) -> str:
    """"; did you mean billing? (there is: billing, audit)", to be put at the end of an error."""
    known = list(known)
    return f"{did_you_mean(given, known)} (there is: {listed(known, most)})"


def listed(names: Iterable[object], most: int = 12) -> str:
    """Names in one readable line; a long list is cut and counted."""
    texts = list(dict.fromkeys(map(str, names)))
    more = f" and {len(texts) - most} more" if len(texts) > most else ""
    return (", ".join(texts[:most]) or "none") + more
