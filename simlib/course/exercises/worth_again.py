"""Lesson 12: which errors are worth another attempt."""

from collections.abc import Callable
from typing import Any

from simlib import Scenario, Service, Topic, run
from simlib.course.exercise import Exercise, Verdict, Wrong
from simlib.course.exercises.refusals import no
from simlib.course.trace_words import own_exception

ATTEMPTS = 5
TROUBLES = (
    TimeoutError("the bank does not answer"),
    ValueError("this order has no amount"),
    ConnectionError("the bank is being restarted"),
    KeyError("amount"),
    PermissionError("this card is closed"),
)
NOT_THOUGHT_OF = (
    ConnectionResetError("reset by peer"),
    AttributeError("'NoneType' object has no attribute 'amount'"),
)
ALL = TROUBLES + NOT_THOUGHT_OF
PASSING = (TimeoutError, ConnectionError)


def judge_sort(worth_again: Any) -> Verdict:
    """Five troubles, then two of which the task says nothing: what passes is charged, what stays not tried again."""
    if not callable(worth_again):
        return no("12-sort", f"worth_again must be a function of one error. You gave {worth_again!r}.")
    trace = run(_troubled(worth_again))
    if error := own_exception(trace):
        return no("12-sort", f"Your function stops billing. {error}.")
    for number, trouble in enumerate(ALL):
        if refusal := _misjudged(trace, str(number), trouble):
            return refusal
    return Verdict(True, "12-sort: yes. What passes is charged in the end; what stays is put aside at the first "
                         "attempt, and nobody waits for it. So it is with two errors you had not been told of.")


def _troubled(worth_again: Callable[[BaseException], Any]) -> Scenario:
    troubles, passing = ALL, PASSING

    async def billing(app: Any) -> None:
        consumer = app.consumer("orders", group_id="billing", enable_auto_commit=False, auto_offset_reset="earliest")
        async for order in consumer:
            trouble = troubles[int(order.key)]
            for attempt in range(ATTEMPTS):
                await app.effect("attempt", order.key)
                if attempt and isinstance(trouble, passing):
                    await app.effect("charge", order.key)
                    break
                if not worth_again(trouble) or attempt + 1 == ATTEMPTS:
                    await app.effect("put aside", order.key)
                    break
                await app.sleep(2**attempt)
            await consumer.commit()

    inputs = {"orders": tuple({"key": str(number), "value": None} for number in range(len(ALL)))}
    return Scenario((Topic("orders"),), inputs=inputs, services=(Service("billing", billing),))


def _misjudged(trace: Any, key: str, trouble: Exception) -> Verdict | None:
    own = trace.effects[trace.effects.key == key]
    rows = own[["time", "name"]].round(1).set_index("time")
    attempts, last, told = int((own.name == "attempt").sum()), own.name.iloc[-1], f"{type(trouble).__name__}: {trouble}"
    if isinstance(trouble, PASSING) and last != "charge":
        return no("12-sort", f'You give up at "{told}". A second later the bank is there again, and a good order is '
                              "never charged.", rows)
    if not isinstance(trouble, PASSING) and attempts > 1:
        waited = own.time.iloc[-1] - own.time.iloc[0]
        return no("12-sort", f'You try again after "{told}". {attempts} attempts and {waited:.0f} seconds later it is '
                              "still so, and every order behind it has waited.", rows)
    return None


def _sort(body: str) -> str:
    return f"def worth_again(error):\n    return {body}"


SORT = Exercise(
    id="12-sort",
    starter="def worth_again(error):\n    ...     # your code",
    call='check("12-sort", worth_again)',
    hints=(
        "Ask of each error: will the same call have another answer in a minute, with nobody at a keyboard?",
        "Name what passes, not what stays: return isinstance(error, (..., ...))",
    ),
    solution=_sort("isinstance(error, (TimeoutError, ConnectionError))"),
    remark="What you did not think of is put aside: a bug does not pass, and somebody will read it. After a "
    "TimeoutError the money may be gone already: again needs a bank that knows the order (lesson 06).",
    judge=judge_sort,
    wrong=(
        Wrong("always worth a try", _sort("True"), 'You try again after "ValueError'),
        Wrong("all but what you listed", _sort("not isinstance(error, (ValueError, KeyError, PermissionError))"),
              'You try again after "AttributeError'),
        Wrong("by its words", _sort('"bank" in str(error)'), 'You give up at "ConnectionResetError'),
        Wrong("never", _sort("False"), 'You give up at "TimeoutError'),
        Wrong("all but bad data", _sort("not isinstance(error, ValueError)"), 'You try again after "KeyError'),
        Wrong("everything outside the program", _sort("isinstance(error, OSError)"), 'You try again after "Permission'),
        Wrong("silence only", _sort("isinstance(error, TimeoutError)"), 'You give up at "ConnectionError'),
        Wrong("a list of names", "worth_again = (TimeoutError, ConnectionError)", "must be a function"),
    ),
)
