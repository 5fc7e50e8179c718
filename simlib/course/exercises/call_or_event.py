"""Lesson 01 D: what the shop should ask for by a call, and what it should leave to an event."""

from typing import Any

from simlib import Crash, Scenario, run
from simlib.course.exercise import Exercise, Verdict, Wrong
from simlib.course.exercises.refusals import no
from simlib.course.exercises.two_shops import (
    ORDERS,
    answers,
    asks,
    customers,
    pages,
    reads,
    rows_of,
    service,
    shop,
    work,
)
from simlib.data import orders

LIMIT, SOLD_OUT = 40, 3         # dollars on a card; the box of three CDs
SECONDS, AWAY = 40, 20
CALL, EVENT = "call", "event"
ACTS = {"reserve": work("reserve", 0.05, lambda order: order["cds"] == SOLD_OUT),
        "charge": work("charge", 0.1, lambda order: order["amount"] > LIMIT),
        "mail": work("mail", 0.15), "points": work("points", 0.05)}
"""What is to be done with an order, in this sequence."""

PROMISES = {"charge": ("card is refused", "charge"), "reserve": ("box is sold out", "reserve")}
PLACES = {"mail": "The mail server", "points": "The service for points"}


def judge_choice(by: Any) -> Verdict:
    """Nobody is thanked in vain, and nobody is turned away because of what can wait."""
    if not isinstance(by, dict) or set(by) != set(ACTS) or not all(way in (CALL, EVENT) for way in by.values()):
        return no("01-choose", f'For each of {", ".join(ACTS)} say "call" or "event". You gave {by!r}.')
    calm = run(_shop(by))
    for act, (why, effect) in PROMISES.items():
        if in_vain := _thanked_without(calm, effect):
            text = (f"The {why}, and the customer of order {in_vain[0]} reads \"thank you\". Of {SECONDS * 5} "
                    f"customers {len(in_vain)} do. The rule says: no thanks in vain.")
            return no("01-choose", f"You leave \"{act}\" to an event. {text}")
    if refusal := _turned_away(by):
        return refusal
    return Verdict(True, "01-choose: yes. Nobody is thanked in vain, mail and points can be away, and a buyer waits "
                         f"{pages(calm, 'buyers').wait.max():.2f} seconds. The price: {_price(by)}.")


def _shop(by: dict[str, str], *faults: Any) -> Scenario:
    called = [name for name in ACTS if by[name] == CALL]
    doing = [service(name, answers(act) if by[name] == CALL else reads(act, name)) for name, act in ACTS.items()]
    rows = orders(SECONDS * 5, rate=5)
    return Scenario((ORDERS,), faults=faults, duration=SECONDS + 60, services=(
        *doing, service("shop", shop(asks(*called), announce=True)), service("buyers", customers("buy", rows))))


def _thanked_without(trace: Any, effect: str) -> list[str]:
    """Orders that were thanked for and in the end did not get this."""
    done = set(trace.effects.key[trace.effects.name == effect])
    thanked = pages(trace, "buyers")
    thanked = thanked[thanked.answer == '"thank you"']
    return [name for name in thanked.request.str.extract(r'"order_id": "([^"]+)"')[0] if name not in done]


def _turned_away(by: dict[str, str]) -> Verdict | None:
    """Each of what can wait is away for a while."""
    for act, place in PLACES.items():
        away = run(_shop(by, Crash(f"{act}-0", at=10, restart_after=AWAY)))
        bought = pages(away, "buyers")
        failed = bought[bought.outcome == "raised"]
        if len(failed):
            text = (f"{place} is away for {AWAY} seconds, and {len(failed)} buyers are turned away. They wanted a CD, "
                    f"and you call \"{act}\" before you thank them.")
            return no("01-choose", text, rows_of(failed), away.plot.calls("shop"))
    return None


def _price(by: dict[str, str]) -> str:
    """How late the mails are after the mail server was away."""
    late = run(_shop(by, Crash("mail-0", at=10, restart_after=AWAY)))
    at = {row["value"]["order_id"]: row["at"] for row in orders(SECONDS * 5, rate=5)}
    mails = late.effects[late.effects.name == "mail"]
    latest = max(mails.time - mails.key.map(at))
    return f"with the mail server away for {AWAY} seconds, one mail comes {latest:.0f} seconds late"


def _answer(reserve: str, charge: str, mail: str, points: str) -> str:
    return f'by = {{"reserve": "{reserve}", "charge": "{charge}", "mail": "{mail}", "points": "{points}"}}'


CHOOSE = Exercise(
    id="01-choose",
    starter='by = {"reserve": ..., "charge": ..., "mail": ..., "points": ...}',
    call='check("01-choose", by)',
    hints=(
        "Which of the four can say no, and the customer must hear it at once?",
        "Two of them can refuse: call these. The other two only have to be done some time.",
    ),
    solution=_answer(CALL, CALL, EVENT, EVENT),
    remark="Change the rule, and the answer changes: a shop that may say no by mail, an hour later, can leave "
    "\"charge\" to an event, too. What if the card is refused after the CD was reserved? That is lesson 08.",
    judge=judge_choice,
    wrong=(
        Wrong("everything by events", _answer(EVENT, EVENT, EVENT, EVENT), 'You leave "charge" to an event'),
        Wrong("only the money is urgent", _answer(EVENT, CALL, EVENT, EVENT), 'You leave "reserve" to an event'),
        Wrong("only the stock is urgent", _answer(CALL, EVENT, EVENT, EVENT), 'You leave "charge" to an event'),
        Wrong("everything by calls", _answer(CALL, CALL, CALL, CALL), "The mail server is away"),
        Wrong("points are quick, call them", _answer(CALL, CALL, EVENT, CALL), "The service for points is away"),
        Wrong("a third way", _answer(CALL, CALL, EVENT, "cron"), 'say "call" or "event"'),
        Wrong("forgot one", 'by = {"reserve": "call"}', 'say "call" or "event"'),
    ),
)
