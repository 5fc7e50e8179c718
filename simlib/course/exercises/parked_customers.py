"""Lesson 12: park all orders of a customer behind the one that cannot be charged."""

import json
from typing import Any

from simlib import explore, replace, run
from simlib.course.exercise import Exercise, Verdict, Wrong
from simlib.course.exercises.bad_order import (
    BAD,
    accident,
    around_the_bad_one,
    done,
    in_words,
    last_acts,
    nothing_moves,
    shop,
    wanted,
)
from simlib.course.exercises.code import indented
from simlib.course.exercises.refusals import no
from simlib.laws import Verdict as Judged


def with_cancellation() -> list[Any]:
    """The bad order, a good one, the cancellation of the bad one, another good one."""
    bad, good, other = around_the_bad_one(0, 2)
    cancel = {"key": bad["key"], "value": {**bad["value"], "cancelled": True}, "at": 7.0}
    return [bad, good, cancel, {**other, "at": 8.0}]


def _parked(trace: Any) -> list[tuple[str, str]]:
    database = trace.databases["billing"]
    if not database.execute("SELECT 1 FROM sqlite_master WHERE name = 'parked'"):
        return []
    values = [json.loads(row[0]) for row in database.execute("SELECT value FROM parked ORDER BY offset")]
    return [("refund" if value.get("cancelled") else "charge", value["order_id"]) for value in values]


def parked_in_order(trace: Any, calm: Any = None) -> Judged:
    """Everything is done or parked, and nothing is done whose elder is parked."""
    acts, parked = done(trace), _parked(trace)
    asked = wanted(trace)
    gone = [act for act in asked if act not in acts and act not in parked]
    if gone:
        return Judged("gone", False, in_words(gone[0]))
    undone = [name for act, name in asked if act == "charge" and (act, name) not in acts]
    early = [name for act, name in acts if act == "refund" and name in undone]
    return Judged("early", not early, early[0] if early else "")


def judge_park(billing: Any) -> Verdict:
    """A calm run, then every single accident to billing and to the bank."""
    scenario = shop(billing, with_cancellation())
    calm = run(scenario)
    if refusal := nothing_moves("12-park", calm):
        return refusal
    said = parked_in_order(calm)
    if not said:
        return _calm_no(said, calm)
    longer = replace(scenario, "duration", 600)
    found = explore(longer, parked_in_order, only=("crash", "lost request"), progress=False)
    if not found.holds:
        return _accident_no(found)
    return Verdict(True, f"12-park: yes. {found.tried} accidents: nothing is lost, and nothing of the customer of "
                         f"{BAD} is done before its turn. The others never notice.", _table(calm))


def _calm_no(said: Judged, calm: Any) -> Verdict:
    if said.law == "gone":
        return no("12-park", f"You let it go: {said.message} is neither done nor parked. Parked is not dropped: it "
                              "must still be there when the customer's turn comes.", _table(calm))
    return no("12-park", f"You park the order that failed, and it alone. Its cancellation overtakes it: {said.message} "
                         "is refunded, and nobody has charged it.", last_acts(calm))


def _accident_no(found: Any) -> Verdict:
    said = found.counterexample.verdict
    if "stuck" in said.message:
        return no("12-park", f"After an accident you stand still. {accident(found)} Then nothing moves any more.")
    if said.law == "gone":
        return no("12-park", f"You commit before the order is parked. {accident(found)} Now {said.message} is neither "
                              "done nor parked.")
    return no("12-park", f"You remember who is parked, and a new life does not. {accident(found)} The cancellation of "
                          f"{said.message} finds nobody parked, and is refunded first.",
              last_acts(found.counterexample.trace))


def _table(trace: Any) -> Any:
    import pandas as pd

    rows = [{"act": f"{act[0]} {act[1]}", "done": act in done(trace), "parked": act in _parked(trace)}
            for act in wanted(trace)]
    return pd.DataFrame(rows).set_index("act")


START = '''async def billing_parked(app):
    from simlib.patterns.retry import PARKED, is_parked, park

    consumer = app.consumer("orders", group_id="billing",
                            enable_auto_commit=False, auto_offset_reset="earliest")
    db = app.database
    await db.execute(PARKED)
    {before}async for order in consumer:
{body}
'''


def _park(body: str, before: str = "") -> str:
    return START.format(body=indented(body, 2), before=f"{before}\n    " if before else "")


TRY = '''try:
    await app.call("bank", order.value)
except Exception as error:
    {put}
'''
PUT = "await park(db, order, str(error))"
BEHIND = 'await park(db, order, "an earlier one waits")'


def _asked(question: str, then: str, put: str = PUT, last: str = "await consumer.commit()") -> str:
    return f"if {question}:\n    {then}\nelse:\n{indented(TRY.format(put=put), 1)}\n{last}"


REFERENCE = _park(_asked("await is_parked(db, order.key)", BEHIND))

PARK = Exercise(
    id="12-park",
    starter=_park("if await is_parked(db, order.key):\n    ...     # your code"),
    call='check("12-park", billing_parked)',
    hints=(
        "Before you ask the bank, ask the database: does somebody of this customer wait already?",
        "Somebody waits: park it behind. Nobody waits: try the bank, and park it if that fails. Commit in both cases.",
    ),
    solution=REFERENCE,
    remark="The database outlives the program, and park writes a second time in vain. The price: this customer waits "
    "until somebody looks.",
    judge=judge_park,
    wrong=(
        Wrong("park the bad one", _park(TRY.format(put=PUT) + "await consumer.commit()"), "and it alone"),
        Wrong(
            "remember in a set",
            _park(_asked("order.key in waiting", BEHIND, f"waiting.add(order.key)\n    {PUT}"), "waiting = set()"),
            "a new life does not",
        ),
        Wrong("drop what follows", _park(_asked("await is_parked(db, order.key)", "pass")), "Parked is not dropped"),
        Wrong("drop the bad one", _park(TRY.format(put="pass") + "await consumer.commit()"), "You let it go"),
        Wrong("tick first",
              _park("await consumer.commit()\n" + _asked("await is_parked(db, order.key)", BEHIND, last="")),
              "You commit before"),
        Wrong("ask until it works",
              _park("while True:\n    try:\n        await app.call(\"bank\", order.value)\n        break\n"
                    "    except Exception:\n        await app.sleep(1)\nawait consumer.commit()"),
              "You stay with order"),
        Wrong("no except", _park('await app.call("bank", order.value)\nawait consumer.commit()'), "You let it out"),
    ),
)
