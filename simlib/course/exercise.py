"""What an exercise is: a start, a judge, two hints, a solution, and the wrong answers people give."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Verdict:
    """What `check` says: yes or no in a sentence; for a no also the rows and the picture of the run that shows it."""

    good: bool
    text: str
    table: Any = None
    picture: Any = None


@dataclass(frozen=True)
class Wrong:
    """A wrong answer with a name, its code, and words that its refusal must contain."""

    idea: str
    code: str
    says: str


@dataclass(frozen=True)
class Exercise:
    """One exercise. `starter` and `solution` are cell text; `call` is the line that asks `check`.

    `judge` gets what `check` was given after the id. It is None where the answer is a sentence: the learner compares.
    """

    id: str
    starter: str
    call: str
    hints: tuple[str, str]
    solution: str
    remark: str
    judge: Callable[..., Verdict] | None = None
    wrong: tuple[Wrong, ...] = ()

    def cell(self, answer: str) -> str:
        """The text of the exercise's cell with this answer in it."""
        return f"{answer.strip()}\n\n\n{self.call}" if answer else self.call
