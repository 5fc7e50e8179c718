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

    def __init__(self, problems: Iterable[str]):
        self.problems = tuple(problems)
        lines = "\n".join(f"  - {line}" for line in self.problems)
        super().__init__(f'engine="flow" cannot run this scenario; engine="events" can:\n{lines}')

    def __reduce__(self) -> tuple[type, tuple[tuple[str, ...]]]:
        return type(self), (self.problems,)


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
