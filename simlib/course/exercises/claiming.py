"""Lesson 07 C: two relays share an outbox."""

import json
from collections import Counter
from typing import Any

from simlib import explore, run
from simlib.course.exercise import Exercise, Verdict, Wrong
from simlib.course.exercises.outbox_shop import announced, refused, saved, shop
from simlib.course.exercises.refusals import no
from simlib.course.trace_words import own_exception
from simlib.laws import Verdict as Judgement
from simlib.laws.verdict import broken, holds
from simlib.patterns.broken_outbox import SAVE
from simlib.patterns.outbox import MARK, announce

CUSTOMERS, RELAYS = 1, 2
EVENTS = ("placed", "paid")
CLAIM = """
UPDATE outbox SET leased_until = :now + 3
WHERE id = (SELECT id FROM outbox AS note WHERE {may_take} ORDER BY id LIMIT 1)
RETURNING id, aggregate, event
"""


async def place_and_pay(app: Any, producer: Any, order: Any) -> None:
    """One order, two announcements."""
    async with app.database.transaction():
        await app.database.execute(SAVE, (order["order_id"],))
        for event in EVENTS:
            said = {"order_id": order["order_id"], "event": event}
            await announce(app.database, "orders", order["order_id"], said)


def relay_that_may_take(may_take: str) -> Any:
    """A relay that claims one note at a time, of those for which the condition holds."""

    async def carry(app: Any) -> None:
        producer = app.producer()
        while True:
            taken = await app.database.execute(CLAIM.format(may_take=may_take), {"now": app.now})
            for note in taken:
                await producer.send_and_wait("orders", json.loads(note["event"]), key=note["aggregate"])
                await app.database.execute(MARK, (app.now, note["id"]))
            if not taken:
                await app.sleep(1)

    return carry


def judge_claim(may_take: Any) -> Verdict:
    """Two instances, each with this relay: nothing lost, nothing doubled while nobody dies, nothing overtaken."""
    if not isinstance(may_take, str):
        return no("07-claim", f"A condition is a text in SQL, as in 'published_at IS NULL'. You gave {may_take!r}.")
    scenario = shop(place_and_pay, relay_that_may_take(may_take), count=CUSTOMERS, instances=RELAYS)
    calm = run(scenario)
    if refusal := _calm_refused(calm):
        return refusal
    result = explore(scenario, heard_in_order, progress=False)
    if found := result.counterexample:
        return refused("07-claim", _idea(_wrong(found.trace), may_take), found)
    text = f"{result.tried} accidents, two relays: nothing is lost, and nothing overtakes."
    return Verdict(True, f"07-claim: yes. {text}")


def heard_in_order(trace: Any) -> Judgement:
    """The law that of each saved order both events are heard, the first of them first; repeats are allowed."""
    wrong = _wrong(trace)
    return broken("heard_in_order", wrong) if wrong else holds("heard_in_order", "both events of each order, in order")


def _wrong(trace: Any) -> str:
    heard = [(value["order_id"], value["event"]) for value in announced(trace)]
    for name in saved(trace):
        if unheard := [event for event in EVENTS if (name, event) not in heard]:
            return f'"{unheard[0]}" of order {name} is never announced'
        if heard.index((name, EVENTS[0])) > heard.index((name, EVENTS[1])):
            return f'order {name} is "{EVENTS[1]}" before it is "{EVENTS[0]}"'
    return ""


def _calm_refused(calm: Any) -> Verdict | None:
    if error := own_exception(calm):
        return no("07-claim", f"The database does not understand the condition. {error}.")
    heard = [(value["order_id"], value["event"]) for value in announced(calm)]
    if not heard:
        return no("07-claim", "Nobody is killed, and no note is ever taken: for none of them the condition holds.")
    (name, event), most = Counter(heard).most_common(1)[0]
    told = f'Nobody is killed, and "{event}" of order {name} is announced {most} times.'
    if most > RELAYS:
        return no("07-claim", f"You take what is published, too, whenever its lease is over. {told}")
    if most > 1:
        return no("07-claim", f"You take what is not published, even while the other relay has it in hand. {told}")
    return None


def _idea(wrong: str, may_take: str) -> str:
    if wrong.endswith("never announced"):
        return "You take only what nobody has ever taken: a lease without an end."
    if "select" in may_take.lower():
        return ("Your inner SELECT lets a note go while an older one of its order waits. In there a bare name is the "
                "inner table's column; the note to be taken is called note, as in note.id.")
    return "You take the next free note, whatever it is about."


WAITS = "published_at IS NULL"
FREE = f"{WAITS} AND leased_until <= :now"
OLDEST = """NOT EXISTS (SELECT 1 FROM outbox AS older
    WHERE older.aggregate = note.aggregate AND older.id < note.id AND older.published_at IS NULL)"""

BARE = OLDEST.replace("note.", "")


def _answer(condition: str) -> str:
    return f'may_take = """{condition}"""'


CLAIMING = Exercise(
    id="07-claim",
    starter="may_take = ...",
    call='check("07-claim", may_take)',
    hints=(
        "Three conditions. Not published. Not in anybody's hands now. And which note of an order must go first?",
        "published_at IS NULL AND leased_until <= :now AND NOT EXISTS (SELECT 1 FROM outbox AS older WHERE ...)",
    ),
    solution=_answer(f"{FREE}\nAND {OLDEST}"),
    remark="Two relays never work on one order at a time. With a single busy order the second one has nothing to do.",
    judge=judge_claim,
    wrong=(
        Wrong("what is not published", _answer(WAITS), "even while the other relay has it in hand"),
        Wrong("what nobody has taken", _answer(f"{WAITS} AND leased_until = 0"), "a lease without an end"),
        Wrong("whatever is free", _answer(f"leased_until <= :now AND {OLDEST}"), "You take what is published, too"),
        Wrong("what is free", _answer(FREE), "You take the next free note, whatever it is about"),
        Wrong("bare names in the inner SELECT", _answer(f"{FREE} AND {BARE}"), "a bare name is the inner table's"),
        Wrong("the oldest of an order", _answer(f"{WAITS} AND {OLDEST}"), "even while the other relay has it in hand"),
        Wrong("the lease the wrong way round", _answer(f"{WAITS} AND leased_until > :now"), "no note is ever taken"),
        Wrong("a column that is not there", _answer("published = 0"), "no such column"),
    ),
)
