"""Ask first, then show: `predict` keeps a guess, `reveal` puts it beside the run, `forget` starts afresh."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Number
from typing import Any

from simlib.course.session import session, strict
from simlib.course.store import Guess

KINDS = ("number", "choice")


@dataclass(frozen=True)
class Question:
    """What was asked, and which answers are answers."""

    id: str
    text: str
    kind: str = "number"
    choices: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"predict({self.id!r}, kind={self.kind!r}): kind is one of {', '.join(KINDS)}")
        if self.kind == "choice" and len(self.choices) < 2:
            raise ValueError(f"predict({self.id!r}, kind='choice'): give choices=[...], two at least")
        if self.kind == "number" and self.choices:
            raise ValueError(f"predict({self.id!r}): choices go with kind='choice'")

    def read(self, given: Any) -> Any:
        """The guess as it is kept; ValueError says in words what would be one."""
        return _number(given) if self.kind == "number" else self._choice(given)

    def _choice(self, given: Any) -> str:
        if given in self.choices:
            return str(given)
        allowed = " | ".join(self.choices)
        raise ValueError(f'"{given}" is not one of the answers. Choose from: {allowed}')


def predict(id: str, question: str, kind: str = "number", choices: Sequence[str] = (), answer: Any = None) -> None:
    """Ask for a guess, in a form where nothing is chosen beforehand; `answer=` gives the guess without the form."""
    asked = Question(id, question, kind, tuple(choices))
    session.asked[id] = asked
    if answer is not None:
        keep(asked, asked.read(answer))
        print(f"Kept: you say {in_words(asked.read(answer))}.")
    elif _in_notebook():
        from IPython.display import display

        from simlib.course.form import Form

        display(Form(asked, earlier(asked), lambda said: keep(asked, said)))
    else:
        print(f"{question}\nGive your guess with predict(..., answer=...).")


def keep(asked: Question, said: Any) -> Guess:
    """Put a guess into the learner's store."""
    return session.store().keep(session.lesson, asked.id, said)


def earlier(asked: Question) -> Guess | None:
    """The guess this learner made before, if any."""
    return session.store().guess(session.lesson, asked.id)


def reveal(id: str, value: Any) -> None:
    """Print one line: the learner's guess beside what the run says."""
    if id not in session.asked:
        _never_asked(id, value)
        return
    guess = session.store().guess(session.lesson, id)
    print(verdict(guess, value))
    session.store().saw(session.lesson, id)


def verdict(guess: Guess | None, value: Any) -> str:
    """The one line of `reveal`."""
    run = in_words(value)
    if guess is None:
        return f"You did not guess. The run says {run}."
    said = in_words(guess.said)
    if guess.after_seeing:
        return f"You had seen it when you said {said}." + ("" if said == run else f" The run says {run}.")
    if said == run:
        return f"You said {said}, and so does the run."
    return f"You said {said}. The run says {run}."


def forget(lesson: str | None = None) -> None:
    """Drop the guesses of one lesson: `forget("05")`; of this lesson without a name."""
    number = session.lesson if lesson is None else lesson
    gone = session.store().forget(number)
    guesses = "1 guess is" if gone == 1 else f"{gone} guesses are"
    print(f"Lesson {number}: {guesses} forgotten.")


def in_words(value: Any) -> str:
    """A number without trailing noise, anything else as text."""
    plain = value.item() if hasattr(value, "item") else value
    if isinstance(plain, bool) or not isinstance(plain, Number):
        return str(plain)
    return f"{plain:,.10g}" if isinstance(plain, float) else f"{plain:,}"


def _number(given: Any) -> float | int:
    text = str(given).strip().replace(" ", "")
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number) or isinstance(given, bool):
        raise ValueError(f'"{given}" is not a number. Write it in digits, for example 12 or 0.5')
    return int(number) if number.is_integer() else number


def _never_asked(id: str, value: Any) -> None:
    asked = ", ".join(f'"{known}"' for known in session.asked) or "nothing yet"
    line = f'No question "{id}" was asked on this page (asked: {asked}). Did you run the cell with the question?'
    if strict():
        raise LookupError(line)
    print(f"{line}\nThe run says {in_words(value)}.")


def _in_notebook() -> bool:
    import sys

    shell = sys.modules.get("IPython")
    running = shell.get_ipython() if shell else None
    return running is not None and hasattr(running, "kernel")
