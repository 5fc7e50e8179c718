"""`check` answers with the run that shows it; `hint` and `solution` help when asked."""

from dis import get_instructions
from textwrap import fill
from types import CodeType, FunctionType
from typing import Any

from simlib.course.exercise import Exercise, Verdict
from simlib.course.exercises import find
from simlib.course.own_error import own_error
from simlib.course.session import strict

COLUMNS = 88            # what fits into a notebook's output without a scroll bar


class Refused(Exception):
    """A `check` said no where that is an error: in tests and while notebooks are built."""


def check(id: str, *answers: Any, **blanks: Any) -> None:
    """Judge an answer: one sentence, and for a no the rows and the picture of the run that shows it."""
    exercise = _found(id)
    if exercise is None:
        return
    verdict = _verdict(exercise, answers, blanks)
    print(folded(verdict.text))
    if not verdict.good and strict():
        raise Refused(f"{id}: {verdict.text}")
    for shown in (verdict.table, verdict.picture):
        _show(shown)


def hint(id: str, number: int = 1) -> None:
    """Print the first hint; the second, nearer to the answer, with `hint(id, 2)`."""
    exercise = _found(id)
    if exercise is None:
        return
    which = 1 if number <= 1 else 2
    print(folded(f"Hint {which} of 2: {exercise.hints[which - 1]}"))
    if which == 1:
        print(f'One more: hint("{id}", 2)')


def solution(id: str) -> None:
    """Print one good answer and what it costs."""
    exercise = _found(id)
    if exercise is not None:
        print(f"{exercise.solution.strip()}\n\n{folded(exercise.remark)}")


def unwritten(answer: Any) -> bool:
    """True for `...` and for a function that has nothing in its body yet."""
    if isinstance(answer, FunctionType):
        return _is_blank(answer.__code__)
    return answer is ...


def folded(text: str) -> str:
    """Long sentences folded between words, which a notebook would break inside them; code lines stay as they are."""
    return "\n".join(line if line[:1].isspace() else fill(line, COLUMNS) for line in text.splitlines())


def judged(exercise: Exercise, answers: tuple[Any, ...], blanks: dict[str, Any]) -> Verdict:
    """The judge's verdict; a mistake in the learner's code is shown as his, without a line of ours."""
    assert exercise.judge is not None
    try:
        return exercise.judge(*answers, **blanks)
    except Exception as error:
        if strict():
            raise
        return Verdict(False, f"{exercise.id}: {own_error(error)}")


def _verdict(exercise: Exercise, answers: tuple[Any, ...], blanks: dict[str, Any]) -> Verdict:
    if exercise.judge is None:
        words = f'{exercise.id}: write it in words, then compare with solution("{exercise.id}").'
        return Verdict(True, words)
    missing = [f"write {_name(answer)}" for answer in answers if unwritten(answer)]
    missing += [f"fill in {name}" for name, value in blanks.items() if unwritten(value)]
    if missing or not (answers or blanks):
        what = " and ".join(missing) or f"write your answer: {exercise.call}"
        return Verdict(False, f"{exercise.id}: nothing here yet - {what}, then run this cell again.")
    return judged(exercise, answers, blanks)


def _name(answer: Any) -> str:
    return getattr(answer, "__name__", "your answer")


def _found(id: str) -> Exercise | None:
    try:
        return find(id)
    except LookupError as unknown:
        if strict():
            raise
        print(unknown.args[0])
        return None


def _show(shown: Any) -> None:
    if shown is None:
        return
    from IPython.display import display

    display(shown)


async def _blank_async() -> None: ...


def _blank() -> None: ...


def _steps(code: CodeType) -> list[tuple[str, Any]]:
    return [(step.opname, step.argval) for step in get_instructions(code)]


def _is_blank(code: CodeType) -> bool:
    """Nothing but `...`, `pass` or words in its body."""
    return _steps(code) in (_steps(_blank_async.__code__), _steps(_blank.__code__))
