"""`check` answers with the run that shows it; `hint` and `solution` help when asked."""

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from textwrap import fill
from typing import Any

from simlib.course.exercise import Exercise, Verdict
from simlib.course.exercises import find
from simlib.course.own_error import Folded, his_mistake
from simlib.course.session import strict
from simlib.course.unwritten import what_is_left, what_is_missing

COLUMNS = 76            # what a notebook shows without breaking words on a page 800 px wide


class Refused(Exception):
    """A `check` said no where that is an error: in tests and while notebooks are built."""


def check(id: str, *answers: Any, **blanks: Any) -> None:
    """Judge an answer: one sentence, and for a no the rows and the picture of the run that shows it."""
    with _owning_up(id):
        if exercise := _found(id):
            _say(exercise, _verdict(exercise, answers, blanks))


def hint(id: str, number: int = 1) -> None:
    """Print the first hint; the second, nearer to the answer, with `hint(id, 2)`."""
    which = 1 if number <= 1 else 2
    with _owning_up(id):
        if exercise := _found(id):
            print(folded(f"Hint {which} of 2: {exercise.hints[which - 1]}"))
            if which == 1:
                print(f'One more: hint("{id}", 2)')


def solution(id: str) -> None:
    """Print one good answer and what it costs."""
    with _owning_up(id):
        if exercise := _found(id):
            print(f"{exercise.solution.strip()}\n\n{folded(exercise.remark)}")


def folded(text: str) -> str:
    """Long sentences folded between words, which a notebook would break inside them; code lines stay as they are."""
    return "\n".join(line if line[:1].isspace() else fill(line, COLUMNS) for line in text.splitlines())


def judged(exercise: Exercise, answers: tuple[Any, ...], blanks: dict[str, Any]) -> Verdict:
    """The judge's verdict; a mistake in the learner's code is shown as his, without a line of ours."""
    assert exercise.judge is not None
    try:
        return exercise.judge(*answers, **blanks)
    except Exception as error:
        told = his_mistake(error)
        if strict() or told is None:
            raise
        return Verdict(False, f"{exercise.id}: {told}")


def _say(exercise: Exercise, verdict: Verdict) -> None:
    print(folded(verdict.text))
    if not verdict.good and strict():
        raise Refused(f"{exercise.id}: {verdict.text}")
    for shown in (verdict.table, verdict.picture):
        _show(shown)


def _verdict(exercise: Exercise, answers: tuple[Any, ...], blanks: dict[str, Any]) -> Verdict:
    if exercise.judge is None:
        words = f'{exercise.id}: write it in words, then compare with solution("{exercise.id}").'
        return Verdict(True, words)
    return _not_yet(exercise, answers, blanks) or judged(exercise, answers, blanks)


def _not_yet(exercise: Exercise, answers: tuple[Any, ...], blanks: dict[str, Any]) -> Verdict | None:
    """What stands between this call and a judgement, if anything does."""
    if not (answers or blanks):
        return _again(exercise, f"nothing here yet - write your answer: {exercise.call}")
    if missing := what_is_missing(answers, blanks):
        return _again(exercise, f"nothing here yet - {' and '.join(missing)}")
    if left := what_is_left(answers, blanks):
        return _again(exercise, f"not finished yet - {' and '.join(left)}: fill it in")
    return _another_call(exercise, answers, blanks)


def _another_call(exercise: Exercise, answers: tuple[Any, ...], blanks: dict[str, Any]) -> Verdict | None:
    assert exercise.judge is not None
    for answer in filter(inspect.iscoroutine, answers):
        answer.close()
        name = answer.__name__
        return _again(exercise, f"give the function itself, {name}, not what a call of it gives, {name}(...)")
    try:
        inspect.signature(exercise.judge).bind(*answers, **blanks)
    except TypeError as error:
        return _again(exercise, f"this is not how the exercise asks ({error}). Write {exercise.call}")
    return None


def _again(exercise: Exercise, what: str) -> Verdict:
    return Verdict(False, f"{exercise.id}: {what}, then run this cell again.")


@contextmanager
def _owning_up(id: str) -> Iterator[None]:
    """What goes wrong in here is our mistake: say so in a sentence, with the rest folded away."""
    try:
        yield
    except Exception as error:
        if strict():
            raise
        print(folded(f"{id}: we could not do this. That is our mistake, not yours. Please report it."))
        _show(Folded(error))


def _found(id: str) -> Exercise | None:
    try:
        return find(id)
    except LookupError as unknown:
        if strict():
            raise
        print(folded(unknown.args[0]))
        return None


def _show(shown: Any) -> None:
    if shown is None or getattr(shown, "empty", False):     # a table without a row shows nothing
        return
    from IPython.display import display

    display(shown)
