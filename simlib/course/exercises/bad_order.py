"""Lesson 12: a shop with a bank, one real order that the bank refuses, and what a run shows of a billing loop."""

import re
from typing import Any

from simlib import Scenario, Service, Topic
from simlib.course.exercise import Verdict
from simlib.course.exercises.refusals import no
from simlib.data import orders

BAD = "o-00407"
CALM_SECONDS = 15
AGAIN = 20
"""More attempts than this at one order are going round in circles."""


async def bank(app: Any) -> None:
    """Charges, refunds, and refuses what has no amount."""

    async def pay(order: dict[str, Any]) -> None:
        if order.get("cancelled"):
            await app.effect("refund", order["order_id"])
        elif order["amount"] == 0:
            raise ValueError("no amount")
        else:
            await app.effect("charge", order["order_id"])

    await app.serve(pay)


def around_the_bad_one(before: int, after: int) -> list[Any]:
    """The real order without an amount, with its neighbours, one a second."""
    rows = orders(600)
    place = next(n for n, row in enumerate(rows) if row["value"]["order_id"] == BAD)
    rows = rows[place - before:place + after + 1]
    return [{"key": row["key"], "value": dict(row["value"]), "at": float(5 + n)} for n, row in enumerate(rows)]


def shop(billing: Any, rows: list[Any]) -> Scenario:
    """The lesson's shop with another billing loop."""
    return Scenario((Topic("orders"), Topic("orders-dlq")), inputs={"orders": tuple(rows)},
                    services=(Service("bank", bank), Service("billing", billing)), duration=CALM_SECONDS)


def done(trace: Any) -> list[tuple[str, str]]:
    """What was done, each act once, in order: ("charge", order) or ("refund", order)."""
    return list(dict.fromkeys(zip(trace.effects.name, trace.effects.key, strict=True)))


def wanted(trace: Any) -> list[tuple[str, str]]:
    """What the orders ask for."""
    values = [row["value"] for row in trace.scenario.inputs["orders"]]
    return [("refund" if value.get("cancelled") else "charge", value["order_id"]) for value in values]


def in_words(act: tuple[str, str]) -> str:
    """An act as the lesson names it."""
    return f"order {act[1]}" if act[0] == "charge" else f"the cancellation of {act[1]}"


def last_acts(trace: Any) -> Any:
    """The last things that were done, as rows."""
    own = trace.effects[["time", "name", "key"]].tail(6)
    return own.round(1).set_index("time")


def nothing_moves(id: str, trace: Any) -> Verdict | None:
    """What a run without any accident shows: going round in circles, or standing still."""
    attempts = trace.deliveries[trace.deliveries.topic == "orders"]
    asked = len(attempts) - len(trace.scenario.inputs["orders"])
    crashes = int((trace.control.kind == "crashed").sum())
    if asked - crashes > AGAIN:
        return no(id, f"You put it back into the queue. It is soon at the head again: {asked:,} deliveries too many in "
                       f"{CALM_SECONDS} seconds, and it is still bad.")
    late = [act for act in wanted(trace) if act[1] != BAD and act not in done(trace)]
    if not late:
        return None
    error = _raised(trace)
    if error and "RemoteError" not in error:
        return no(id, f"Your loop stops before any accident. {error}.")
    if crashes and error:
        return no(id, f"You let it out of your loop ({error}). Billing starts again at the same order, and "
                       f"{_waiting(late)} behind it.", None, trace.plot.lag())
    return no(id, f"You stay with order {BAD}. It has no amount and never will have, and "
                   f"{_waiting(late)} behind it.", None, trace.plot.lag())


def _waiting(late: list[tuple[str, str]]) -> str:
    return "a good one waits" if len(late) == 1 else f"{len(late)} good ones wait"


def _raised(trace: Any) -> str:
    """What billing raised; the bank raises, too, and lives on."""
    own = trace.events[(trace.events.kind == "exception") & (trace.events.process == "billing-0")]
    return "" if own.empty else str(own.iloc[0].detail)


def accident(found: Any) -> str:
    """The accident of a counter-example, as the explorer tells it; what came of it we say ourselves."""
    lines = str(found.counterexample.telling).splitlines()[:-1]
    return " ".join(re.sub(r" [\d.]+ s, its next step: .*", "", line) for line in lines)
