"""Lesson 12: a letter for the order that cannot be charged, with its reason."""

import json
from typing import Any

from simlib import Scenario, Service, explore, replace, run
from simlib.course.exercise import Exercise, Verdict, Wrong
from simlib.course.exercises.bad_order import (
    accident,
    around_the_bad_one,
    done,
    last_acts,
    nothing_moves,
    shop,
    wanted,
)
from simlib.course.exercises.code import indented
from simlib.course.exercises.refusals import no
from simlib.laws import Verdict as Judged


def letters(trace: Any) -> list[str]:
    """The orders in the tray."""
    records = trace.records[(trace.records.topic == "orders-dlq") & (trace.records.copies > 0)]
    return [value.get("order_id", "") if isinstance(value, dict) else "" for value in records.value]


def kept(trace: Any, calm: Any = None) -> Judged:
    """Each order is charged, or has a letter."""
    gone = [name for _, name in wanted(trace) if ("charge", name) not in done(trace) and name not in letters(trace)]
    return Judged("kept", not gone, ", ".join(gone))


def judge_tray(billing: Any) -> Verdict:
    """A calm run with somebody who reads the letters; then accidents, also two at a time."""
    scenario = shop(billing, around_the_bad_one(1, 1))
    calm = run(_with_reader(scenario))
    if refusal := nothing_moves("12-tray", calm):
        return refusal
    if gone := kept(calm).message:
        if (calm.records.topic == "orders-dlq").any():
            return no("12-tray", "There is a letter, but the order in it is not as it came. Who sends it back later "
                                 "needs its value unchanged; what you have to say belongs in the headers.")
        return no("12-tray", f"You go on as if nothing had been. Order {gone} is neither charged nor in the tray, and "
                              "nobody will ever know.", last_acts(calm))
    if refusal := _reason_missing(calm):
        return refusal
    tried = 0
    for rows, faults in ((around_the_bad_one(1, 1), 1), (around_the_bad_one(0, 0), 2)):
        trial = replace(shop(billing, rows), "duration", 600)
        found = explore(trial, kept, faults=faults, only=("crash", "lost request"), progress=False)
        if not found.holds:
            return _vanished(found)
        tried += found.tried
    return Verdict(True, f"12-tray: yes. {tried} schedules with one accident or two: each order is charged or lies in "
                         "the tray, with its reason.")


def _with_reader(scenario: Scenario) -> Scenario:
    async def clerk(app: Any) -> None:
        consumer = app.consumer("orders-dlq", group_id="clerk", auto_offset_reset="earliest")
        async for letter in consumer:
            said = {name: text.decode() if isinstance(text, bytes) else str(text) for name, text in letter.headers}
            await app.effect("read", json.dumps(said))

    return replace(scenario, "services", (*scenario.services, Service("clerk", clerk)))


def _reason_missing(calm: Any) -> Verdict | None:
    if calm.records.key[calm.records.topic == "orders-dlq"].isna().any():
        return no("12-tray", "Your letter has no key. Sent back one day, it would land in any partition, and this "
                             "customer's orders would come in any order.")
    read = [json.loads(key) for key in calm.effects.key[calm.effects.name == "read"]]
    said = read[0] if read else {}
    if "no amount" not in said.get("error", ""):
        return no("12-tray", "Your letter says what, and not why. On Monday somebody finds it and knows no more than "
                              f'the program did. Its headers: {said}. "error" should say what the bank said.')
    if said.get("original-offset") != "1":
        return no("12-tray", "Your letter does not say where it came from. Its place in the log leads to what was "
                              f'before and after it. Its headers: {said}. "original-offset" should be "1" here.')
    return None


def _vanished(found: Any) -> Verdict:
    story = found.counterexample
    if "stuck" in story.verdict.message:
        return no("12-tray", f"After an accident you stand still. {accident(found)} Then nothing moves any more.")
    idea = "You lose it on the way."
    if "/send" in story.schedule:
        idea = "You hand the letter to the producer and do not wait for a yes."
    elif "/commit" in story.schedule:
        idea = "You commit before the letter is with the brokers."
    return no("12-tray", f"{idea} {accident(found)} Order {story.verdict.message} is nowhere.", None,
               story.trace.plot.sequence(records=3))


LOOP = '''async def billing_with_tray(app):
    consumer = app.consumer("orders", group_id="billing",
                            enable_auto_commit=False, auto_offset_reset="earliest")
{producer}    async for order in consumer:
        try:
            # charge
            await app.call("bank", order.value)
        except Exception{name}:
{body}
        # commit
        await consumer.commit()'''


def _tray(body: str) -> str:
    return LOOP.format(body=indented(body, 3), producer="    producer = app.producer()\n" if "producer" in body else "",
                       name=" as error" if "error" in body else "")


WHY = 'why = {"error": str(error), "original-offset": str(order.offset)}\n'
SEND = '"orders-dlq", order.value, key=order.key'

TRAY = Exercise(
    id="12-tray",
    starter=_tray("...     # your code"),
    call='check("12-tray", billing_with_tray)',
    hints=(
        "Who has the order at each moment? When you commit, somebody else must have said yes.",
        "Name the error (as error). Then await producer.send_and_wait(...), with key=order.key and headers={...}.",
    ),
    solution=_tray(f"{WHY}await producer.send_and_wait({SEND}, headers=why)"),
    remark="The commit below it is the last step, for good orders and bad. Killed between the two, there are two "
    "letters: whoever opens the tray must bear that.",
    judge=judge_tray,
    wrong=(
        Wrong("swallow it", _tray("pass"), "You go on as if nothing had been"),
        Wrong("let it out", _tray("raise"), "You let it out of your loop"),
        Wrong("back into the queue", _tray(f"await producer.send_and_wait({SEND})".replace("-dlq", "")),
              "You put it back into the queue"),
        Wrong("a letter without a reason", _tray(f"await producer.send_and_wait({SEND})"), "says what, and not why"),
        Wrong("why, not where from", _tray(f'await producer.send_and_wait({SEND}, headers={{"error": str(error)}})'),
              "does not say where it came from"),
        Wrong("a letter of one's own", _tray('letter = {"order": order.value, "why": str(error)}\n'
                                             'await producer.send_and_wait("orders-dlq", letter, key=order.key)'),
              "is not as it came"),
        Wrong("a letter without a key",
              _tray(f'{WHY}await producer.send_and_wait("orders-dlq", order.value, headers=why)'),
              "Your letter has no key"),
        Wrong("send and forget", _tray(f"{WHY}await producer.send({SEND}, headers=why)"), "do not wait for a yes"),
        Wrong("tick first", _tray(f"await consumer.commit()\n{WHY}await producer.send_and_wait({SEND}, headers=why)"),
              "You commit before the letter"),
    ),
)
