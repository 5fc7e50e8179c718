"""Lesson 02 A: one listener raises, and robs nobody."""

from typing import Any

from simlib import run
from simlib.course.exercise import Exercise, Verdict, Wrong
from simlib.course.exercises.refusals import no
from simlib.course.exercises.telling import PUBLISH, TOLD, acting, alone
from simlib.course.trace_words import own_exception


def judge_raise(publish: Any) -> Verdict:
    """None raises, one does, two do: who is called all the same, and what does the publisher learn?"""
    for raising in ((), ("mail",), ("mail", "stock")):
        if refusal := _fails_where(publish, raising):
            return refusal
    return Verdict(True, "02-raise: yes. Nobody is robbed, and whoever publishes hears of every error.")


def _fails_where(publish: Any, raising: tuple[str, ...]) -> Verdict | None:
    trace = run(alone(_some_raise(publish, raising)))
    if error := own_exception(trace):
        return no("02-raise", f"Your function stops. {error}.")
    done = [name for name in trace.effects.name if name != "learned"]
    learned = str(dict(zip(trace.effects.name, trace.effects.key, strict=True)).get("learned"))
    return _robbed(done, raising) or _not_told(learned, raising)


def _some_raise(publish: Any, raising: tuple[str, ...]) -> Any:
    async def main(app: Any) -> None:
        listeners = {TOLD: [acting(name, name in raising) for name in ("bill", "mail", "stock", "points")]}
        learned = "nothing"
        try:
            await publish(listeners, TOLD, app, "o-00001")
        except Exception as error:
            learned = _all_of(error)
        await app.effect("learned", learned)

    return main


def _all_of(error: BaseException) -> str:
    """The words of an error, of those in its group, of its causes and of its notes."""
    parts = [str(error), *getattr(error, "__notes__", ())]
    parts += [_all_of(one) for one in getattr(error, "exceptions", ())]
    parts += [_all_of(one) for one in (error.__cause__, error.__context__) if one]
    return " ".join(parts)


def _robbed(done: list[str], raising: tuple[str, ...]) -> Verdict | None:
    missing = [name for name in ("bill", "mail", "stock", "points") if name not in done and name not in raising]
    if missing and not raising:
        return no("02-raise", f"Nothing raises, and {missing[0]} is not called.")
    if missing:
        return no("02-raise", f"{raising[0]} raises, and {missing[0]} is never called. It did nothing wrong.")
    return None


def _not_told(learned: str, raising: tuple[str, ...]) -> Verdict | None:
    if not raising and learned != "nothing":
        return no("02-raise", f"All is well, and publish raises: {learned}. Raise only if there is something to say.")
    unheard = [name for name in raising if f"{name} is down" not in learned]
    if not unheard:
        return None
    if learned == "nothing":
        return no("02-raise", f"{unheard[0]} raises, and nobody learns of it: you keep the error to yourself. The "
                               "shop says thank you for what was not done.")
    return no("02-raise", f"mail and stock raise, and the publisher hears only of one of them: {learned}.")


FAIR = '''
async def publish(listeners, event, *facts):
    errors = []
    for handler in listeners.get(event, []):
        try:
            await handler(*facts)
        except Exception as error:
            errors.append(error)
    if errors:
        raise ExceptionGroup(f"{event}: {len(errors)} raised", errors)
'''

RAISE = Exercise(
    id="02-raise",
    starter="async def publish(listeners, event, *facts):\n    ...     # your code",
    call='check("02-raise", publish)',
    hints=(
        "Who still has to be called when one has raised? And when is it time to say so?",
        "errors = []; try, except around the one call; after the loop: if errors: raise ExceptionGroup(text, errors)",
    ),
    solution=FAIR,
    remark="Nobody is robbed. It does not undo anything, and whoever publishes must still decide what to do.",
    judge=judge_raise,
    wrong=(
        Wrong("as before", PUBLISH, "and stock is never called"),
        Wrong("say nothing", FAIR.replace("raise ExceptionGroup", "print"), "you keep the error to yourself"),
        Wrong("the last one", FAIR.replace('raise ExceptionGroup(f"{event}: {len(errors)} raised", errors)',
                                           "raise errors[-1]"), "hears only of one"),
        Wrong("raise, come what may", FAIR.replace("    if errors:\n        raise", "    raise"),
              "Raise only if there is something to say"),
        Wrong("raise in the loop", FAIR.replace("            errors.append(error)", "            raise"),
              "and stock is never called"),
    ),
)
