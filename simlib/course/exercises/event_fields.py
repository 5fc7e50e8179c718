"""Lesson 03 A: which fields of an order belong in its event."""

import json
from typing import Any

from simlib import run
from simlib.course.exercise import Exercise, Verdict, Wrong
from simlib.course.exercises.refusals import no
from simlib.course.exercises.thin_or_fat import reader, teller, town

ORDER = {"order_id": "o-00017", "version": 1, "customer": "00143", "city": "Cologne", "cds": 2, "amount": 29.33,
         "date": "1997-01-01", "card": "4111 1111 1111 1111", "page": "<html>" + "What the customer saw. " * 400}
FIELDS = tuple(ORDER)
NEEDS = {"shipping": ("order_id", "city", "cds"), "billing": ("order_id", "customer", "amount"),
         "statistics": ("date", "cds"), "support": ("order_id", "version", "city", "cds")}
"""What the code of each reader looks up in an event."""
NEEDED = {field for fields in NEEDS.values() for field in fields}


def judge_fields(fields: Any) -> Verdict:
    """Send the order with these fields to the four readers, and see who can work, and what travels for nobody."""
    if refusal := _no_fields(fields):
        return refusal
    trace = run(town(teller([{"id": ORDER["order_id"]} | {name: ORDER[name] for name in fields}]),
                     *(reader(name, _looks_up(name)) for name in NEEDS)))
    if standing := sorted(set(NEEDS) - set(trace.effects.service)):
        return _somebody_waits(standing, fields)
    if spare := [name for name in FIELDS if name in fields and name not in NEEDED]:
        return _too_much(spare, len(json.dumps(trace.records.value[0])))
    return Verdict(True, f"03-fields: yes. Four readers work, nobody asks, and {len(NEEDED)} fields travel.")


def _no_fields(fields: Any) -> Verdict | None:
    if isinstance(fields, str) or not isinstance(fields, list | tuple | set):
        return no("03-fields", f'Give a list of names, ["order_id", ...]. You gave {fields!r}.')
    if unknown := [name for name in fields if name not in FIELDS]:
        return no("03-fields", f"An order has {', '.join(FIELDS)}. It has no {unknown[0]!r}.")
    return None


def _looks_up(name: str) -> Any:
    async def handle(app: Any, event: Any) -> None:
        await app.effect("worked", str([event[field] for field in NEEDS[name]]))

    return handle


def _somebody_waits(standing: list[str], fields: Any) -> Verdict:
    name = standing[0]
    missing = [field for field in NEEDS[name] if field not in fields]
    if len(standing) == len(NEEDS):
        text = "That is a notification. All four readers would have to ask, and there is nobody here to be asked."
        return no("03-fields", f"{text} {name.capitalize()}, say, needs {', '.join(missing)}.")
    if missing == ["version"]:
        return no("03-fields", "Support keeps a copy. Without version it cannot tell an old event from a new one.")
    return no("03-fields", f"{name.capitalize()} stands still: it needs {', '.join(missing)}, and nobody tells it.")


def _too_much(spare: list[str], size: int) -> Verdict:
    if "card" in spare:
        return no("03-fields", "The card's number now lies in the topic and with four readers, for as long as they "
                               "keep it. None of them needs it. Who takes it back?")
    if "page" in spare:
        return no("03-fields", f"The event has {size:,} bytes, and each reader gets them all. Nobody reads the page: "
                               "leave it where it is, and whoever wants it can ask.")
    return no("03-fields", f"Nobody needs {', '.join(spare)}.")


def _list(*names: str) -> str:
    return f"fields = [{', '.join(map(repr, names))}]".replace("'", '"')


GOOD = tuple(name for name in FIELDS if name in NEEDED)

CHOOSE_FIELDS = Exercise(
    id="03-fields",
    starter='fields = ["order_id", ...]',
    call='check("03-fields", fields)',
    hints=(
        "Go through the readers, and write down what each looks up. What is left over, and what does it cost?",
        "Seven of nine are looked up by somebody. One of the others is a secret, one is heavy.",
    ),
    solution=_list(*GOOD),
    remark="Whoever comes next year may need one field more. To add one is easy, to take one away is not: lesson 14.",
    judge=judge_fields,
    wrong=(
        Wrong("the id alone", _list("order_id"), "That is a notification"),
        Wrong("all there is", _list(*FIELDS), "Who takes it back"),
        Wrong("all but the card", _list(*(name for name in FIELDS if name != "card")), "each reader gets them all"),
        Wrong("no version", _list(*(name for name in GOOD if name != "version")), "cannot tell an old event"),
        Wrong("no city", _list(*(name for name in GOOD if name != "city")), "stands still"),
        Wrong("another word", _list(*GOOD, "address"), "It has no"),
        Wrong("a text", 'fields = "order_id"', "Give a list of names"),
    ),
)
