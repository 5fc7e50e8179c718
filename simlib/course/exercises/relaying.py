"""Lesson 07 B: carry the notes to Kafka, and know what a death repeats."""

import dataclasses
from typing import Any

from simlib import Crash, explore, replace, run
from simlib.course.exercise import Exercise, Verdict, Wrong
from simlib.course.exercises.code import indented
from simlib.course.exercises.outbox_shop import (
    anomaly,
    refused,
    save_and_announce,
    saved,
    saved_and_announced,
    shop,
    times,
)
from simlib.course.exercises.refusals import no
from simlib.course.trace_words import kill_in_words, not_orders, own_exception
from simlib.laws.verdict import count
from simlib.patterns.broken_outbox import marks_a_batch
from simlib.scenario import LoseRequest

# -- 07-relay: read, publish, mark

CUSTOMERS, A_SECOND = 5, 4.0    # quick enough that several notes wait when the relay looks
REQUEST_LOST = (LoseRequest("shop-0", "produce", nth=2),)    # the producer tries again half a minute later
CALM_SECONDS, MOST_LOOKS = 20, 250
ACCIDENTS = (((), None, None), (REQUEST_LOST, "crash", None), ((), "crash", 1))


def judge_relay(carry: Any) -> Verdict:
    """Try every death of a shop with this relay: nothing is lost, and at most one order is announced again."""
    scenario = shop(save_and_announce, carry, count=CUSTOMERS, rate=A_SECOND)
    calm, tried = run(replace(scenario, "duration", CALM_SECONDS), progress=False), 0
    if refusal := _calm_refused(calm):
        return refusal
    for trouble, only, most in ACCIDENTS:
        result = explore(replace(scenario, "faults", trouble), saved_and_announced(most), only=only, keep_faults=True,
                         progress=False)
        if found := result.counterexample:
            return refused("07-relay", _idea(calm, anomaly(found.trace)), found)
        tried = max(tried, result.tried)
    text = f"{tried} accidents: nothing is lost, and at worst one order is announced again."
    return Verdict(True, f"07-relay: yes. {text}")


def _calm_refused(calm: Any) -> Verdict | None:
    if error := own_exception(calm):
        return no("07-relay", f"Your relay stops before anybody is killed. {error}.")
    looks = int((calm.events.kind == "executed").sum())
    if looks > MOST_LOOKS:
        text = f"You look again without a pause: {looks:,} statements in {calm.ended_at:.0f} seconds."
        return no("07-relay", f"{text} Nobody dies of that but the database. Sleep a second between two looks.")
    if strange := not_orders(calm):
        return no("07-relay", f"You publish {strange[0]!r}. A note's event is JSON: json.loads makes the order of it.")
    told = times(calm)
    if not told:
        return no("07-relay", f"Nobody is killed, and none of {CUSTOMERS} orders is announced.")
    if without := _without_its_key(calm):
        text = f"You publish order {without} without its key: of its two notes the second could overtake [P08]."
        return no("07-relay", f"{text} The note's aggregate is the key.")
    name, most = told.most_common(1)[0]
    if most > 1:
        return no("07-relay", f"You never mark. Order {name} waits for ever, and is announced {most} times.")
    if missing := [name for name in saved(calm) if name not in told]:
        text = f"You look, and do not look again. Order {missing[0]} came later: it is never announced."
        return no("07-relay", text)
    return None


def _without_its_key(calm: Any) -> str | None:
    """The first order that was published under another key than its own, if any."""
    there = calm.records[calm.records.copies > 0]
    names = there.value.map(lambda order: order["order_id"])
    keys = there.key.map(lambda key: key.decode() if isinstance(key, bytes) else key)
    return next(iter(names[keys != names]), None)


def _idea(calm: Any, lost: str) -> str:
    """What the learner had in mind, from when the calm run marked a note and when Kafka had it."""
    marked, sent = _marked_and_sent(calm)
    if marked is None:
        return "You keep in your head how far you are, and a death empties it."
    if not lost:
        return "You mark when all of them are out."
    if marked < sent.created:
        return "You mark, then you publish."
    if marked < sent.acked:
        return "You mark what you handed to the producer. Nobody has asked whether Kafka has it."
    return "You mark all that waits, and more waits by now than you have published."


def _marked_and_sent(calm: Any) -> tuple[float | None, Any]:
    """When the last order was marked, and its row in the topic."""
    query = "SELECT aggregate, published_at FROM outbox ORDER BY id DESC LIMIT 1"
    name, marked = next(iter(calm.databases["shop"].execute(query)))
    records = calm.records.set_index(calm.records.value.map(lambda value: value["order_id"]))
    return marked, records.loc[name]


def _relay(body: str, before: str = "") -> str:
    head = f"import json\n\n\nasync def carry(app):\n    producer = app.producer()\n{before}    while True:\n"
    return f"{head}{indented(body, 2)}\n"


SELECT = 'notes = await app.database.execute("SELECT * FROM outbox WHERE published_at IS NULL ORDER BY id")\n'
EVENT = 'json.loads(note["event"])'
SEND = f'await producer.send_and_wait("orders", {EVENT}, key=note["aggregate"])\n'
MARK = 'await app.database.execute("UPDATE outbox SET published_at = ? WHERE id = ?", (app.now, note["id"]))\n'
REST = "await app.sleep(1)\n"
ALL_THAT_WAITS = MARK.replace("id = ?", "published_at IS NULL").replace(', note["id"]', ",")
NEW_ONES = SELECT.replace("published_at IS NULL", "id > ?").replace("id\")", "id\", (last,))")


def _each(*lines: str) -> str:
    return "for note in notes:\n" + "".join(f"    {line}" for line in lines)


BOTH = _each(SEND, MARK)
TO_END = "if notes:\n    return\n"

RELAY = Exercise(
    id="07-relay",
    starter="async def carry(app):\n    producer = app.producer()\n    while True:\n        # read: what waits\n"
    "        ...\n        # publish and mark: in an order you can defend\n        ...\n        await app.sleep(1)",
    call='check("07-relay", carry)',
    hints=(
        "What may happen again stands before the mark. What must not be left out stands before it, too.",
        "for note in notes: wait for Kafka's answer, then mark this one note, by its id, before you take the next.",
    ),
    solution=_relay("# read\n" + SELECT + _each("# publish\n", SEND, "# mark\n", MARK) + REST),
    remark="You mark each note after Kafka's answer: a death repeats one order at most, and none is left out. "
    "Nobody can write one that does neither.",
    judge=judge_relay,
    wrong=(
        Wrong("mark first, to be safe", _relay(SELECT + _each(MARK, SEND) + REST), "You mark, then you publish"),
        Wrong("mark when all are out", _relay(SELECT + _each(SEND) + _each(MARK) + REST), "You mark when all of them"),
        Wrong("hand over and mark", _relay(SELECT + BOTH.replace("_and_wait", "") + REST), "whether Kafka has it"),
        Wrong("mark all that waits", _relay(SELECT + _each(SEND) + ALL_THAT_WAITS + REST), "more waits by now"),
        Wrong("remember the last id", _relay(NEW_ONES + _each(SEND, 'last = note["id"]\n') + REST, "    last = 0\n"),
              "You keep in your head"),
        Wrong("the text of the note", _relay(SELECT + BOTH.replace(EVENT, 'note["event"]') + REST), "json.loads makes"),
        Wrong("no key", _relay(SELECT + BOTH.replace(', key=note["aggregate"]', "") + REST), "without its key"),
        Wrong("the note's id as key", _relay(SELECT + BOTH.replace('note["aggregate"]', 'str(note["id"])') + REST),
              "without its key"),
        Wrong("never mark", _relay(SELECT + _each(SEND) + REST), "You never mark"),
        Wrong("look once", _relay(f"{SELECT}{BOTH}return\n"), "none of 5 orders is announced"),
        Wrong("look again at once", _relay(SELECT + BOTH), "You look again without a pause"),
        Wrong("carry, and go", _relay(SELECT + BOTH + TO_END + REST), "do not look again"),
    ),
)

# -- 07-aim: one kill, so many repeats

WAITING, WANTED = 5, 3
AFTER_THEM = 10     # seconds: by then all customers are gone


def judge_aim(kill: Any) -> Verdict:
    """Run the relay that marks a batch with this kill: so many orders must be announced twice, and no more."""
    if not isinstance(kill, Crash):
        return no("07-aim", f'A kill is a Crash("shop-0", before=...). You gave {kill!r}.')
    if kill.who != "shop-0":
        return no("07-aim", f"You kill {kill.who}. The relay is the shop's: kill shop-0.")
    if kill.before is None:
        return no("07-aim", f"{_said(kill)}: this time the kill comes right before a step. Which one?")
    back = dataclasses.replace(kill, restart_after=kill.restart_after or 1)
    trace = run(replace(shop(save_and_announce, _late, count=WAITING), "faults", [back]))
    if not (trace.events.kind == "crashed").any():
        return no("07-aim", f"{_said(kill)}: that never comes. {WAITING} notes wait.")
    again = sum(number > 1 for number in times(trace).values())
    dead = trace.control[trace.control.kind == "crashed"].time.iloc[0]
    told = f"{_said(kill)}: {_stood(trace, dead)} Announced twice: {again}"
    return Verdict(True, f"07-aim: yes. {told}.") if again == WANTED else no("07-aim", f"{told}, not {WANTED}.")


async def _late(app: Any) -> None:
    await app.sleep(AFTER_THEM)
    await marks_a_batch(app)


def _said(kill: Crash) -> str:
    return kill_in_words(kill) if kill.step else f"Killed at second {kill.at:g}"


def _stood(trace: Any, dead: float) -> str:
    """What the outbox knew at that moment of what Kafka had."""
    marked = [row[0] for row in trace.databases["shop"].execute("SELECT published_at FROM outbox")]
    out, known = (trace.records.acked <= dead).sum(), sum(mark <= dead for mark in marked if mark)
    return f"Kafka has {count(out, 'order')} by then, and the outbox knows of {known}."


AIM = Exercise(
    id="07-aim",
    starter="kill = ...",
    call='check("07-aim", kill)',
    hints=(
        "Kafka must have three of them, and the outbox must not know. What does the relay do next?",
        'kill = Crash("shop-0", before="send", nth=...)',
    ),
    solution='kill = Crash("shop-0", before="send", nth=4)',
    remark="Right after send 3 is the same moment. Mark each note, and it is one at most. No relay can do better: "
    "that is why billing keeps an inbox.",
    judge=judge_aim,
    wrong=(
        Wrong("one too early", 'kill = Crash("shop-0", before="send", nth=3)', "Announced twice: 2, not 3"),
        Wrong("before the mark", 'kill = Crash("shop-0", before="execute", nth=17)', "Announced twice: 5, not 3"),
        Wrong("while the orders are saved", 'kill = Crash("shop-0", before="execute", nth=3)', "Kafka has 0 orders"),
        Wrong("the kill of the run above", 'kill = Crash("shop-0", after="send", nth=3)', "right before a step"),
        Wrong("at some second", 'kill = Crash("shop-0", at=10)', "right before a step"),
        Wrong("one that never comes", 'kill = Crash("shop-0", before="send", nth=9)', "that never comes"),
        Wrong("kill the broker", 'kill = Crash("broker-0", at=3, restart_after=1)', "The relay is the shop's"),
    ),
)
