"""Lesson 01 C: a fourth service that reads the orders, without a word to the shop."""

from typing import Any

from simlib import Scenario, explore, laws, run
from simlib.course.exercise import Exercise, Verdict, Wrong
from simlib.course.exercises.refusals import no
from simlib.course.exercises.two_shops import ORDERS, customers, reads, service, shop, work
from simlib.course.trace_words import first_line, last_steps, own_exception
from simlib.data import orders

COUNT = 6
OPENS = 30              # seconds; all orders have been placed by then


def judge_points(points: Any) -> Verdict:
    """Started late beside payment, then killed everywhere: points for every order, and payment misses none."""
    scenario = _shop(points)
    calm = run(scenario)
    if refusal := _calm_refused(calm):
        return refusal
    result = explore(scenario, EACH_GETS_POINTS, only="crash", progress=False)
    if found := result.counterexample:
        missing = _without(found.trace, "points")
        text = f"{first_line(found)} Order {missing[0]} never gets its points. Tick off what is done, not what will be."
        return no("01-points", text, last_steps(found.trace), found.trace.plot.sequence())
    text = f"Started after {OPENS} seconds, it gave points for all {COUNT} orders that were there before it."
    return Verdict(True, f"01-points: yes. {text} {result.tried} kills lose none, and the shop was not touched.")


def _shop(points: Any) -> Scenario:
    return Scenario((ORDERS,), services=(
        service("payment", reads(work("charge", 0.1), "payment")),
        service("shop", shop(_thanks, announce=True)), service("buyers", customers("buy", orders(COUNT, rate=2))),
        service("points", points, start=OPENS)), duration=300)


async def _thanks(app: Any, order: Any) -> str:
    return "thank you"


def _calm_refused(calm: Any) -> Verdict | None:
    if error := own_exception(calm):
        return no("01-points", f"Nobody is killed, and your service ends by an error. {error}.")
    if calm.ended == "stuck" or len(calm.calls[calm.calls.caller == "points-0"]):
        return no("01-points", "You call somebody. The orders lie in the topic: read them there, and call nobody.")
    if groups := _shared_group(calm):
        return no("01-points", groups)
    missing = _without(calm, "points")
    if len(missing) == COUNT:
        return no("01-points", _why_none(calm))
    if missing:
        return no("01-points", f"{len(missing)} of {COUNT} orders get no points: {missing[0]} is the first.")
    again = calm.effects[(calm.effects.name == "points") & (calm.effects.occurrence > 1)]
    return no("01-points", f"Order {again.key.iloc[0]} gets points twice.") if len(again) else None


def _shared_group(calm: Any) -> str:
    """What to say where the new service joined payment's group."""
    joined = calm.control[(calm.control.kind == "joined") & (calm.control.process == "points-0")]
    if "payment" not in set(joined.group):
        return ""
    return ('Your group_id is "payment". Members of one group share the orders: each goes to one of you, so either '
            "payment or points misses it. Another group gets them all.")


def _why_none(calm: Any) -> str:
    if skipped := calm.summary().skipped:
        return (f"{skipped} orders were there before your service, and it begins behind them: without a commit a "
                'consumer starts at the end, unless you say auto_offset_reset="earliest" [K81].')
    if calm.deliveries[calm.deliveries.group != "payment"].empty:
        return "Your service reads nothing. It needs a consumer of \"orders\", in a group of its own."
    return 'You read the orders, and nobody gets points: await app.effect("points", order.value["order_id"]).'


def _without(trace: Any, effect: str) -> list[str]:
    """Orders in the topic for which this was never done."""
    done = set(trace.effects.key[trace.effects.name == effect])
    return [value["order_id"] for value in trace.records.value if value["order_id"] not in done]


EACH_GETS_POINTS = laws.eventually("every order of the topic gets points", lambda trace: not _without(trace, "points"))

CONSUMER = '''consumer = app.consumer("orders", group_id="points", enable_auto_commit=False,
                            auto_offset_reset="earliest")'''
GIVE = 'await app.effect("points", order.value["order_id"])'


def _points(first: str = GIVE, second: str = "await consumer.commit()", consumer: str = CONSUMER) -> str:
    return f"""
async def points(app):
    {consumer}
    async for order in consumer:
        {first}
        {second}
"""


POINTS = Exercise(
    id="01-points",
    starter="async def points(app):\n    ...     # your code",
    call='check("01-points", points)',
    hints=(
        "It is a consumer like payment. Whose orders would it take if it called its group \"payment\"?",
        'consumer = app.consumer("orders", group_id="points", ...); async for order in consumer: first the effect, '
        "then the commit.",
    ),
    solution=_points(),
    remark="reads(work(\"points\", 0), \"points\") does the same. A kill between the two lines gives points twice: at "
    "work that is lesson 06.",
    judge=judge_points,
    wrong=(
        Wrong("payment's group", _points(consumer=CONSUMER.replace('"points"', '"payment"')), 'group_id is "payment"'),
        Wrong("earliest forgotten", _points(consumer='consumer = app.consumer("orders", group_id="points", '
                                            "enable_auto_commit=False)"), "begins behind them"),
        Wrong("tick first", _points("await consumer.commit()", GIVE), "Tick off what is done"),
        Wrong("ask the shop", 'async def points(app):\n    await app.call("shop", {"page": "look"})\n',
              "You call somebody"),
        Wrong("read and forget", _points("pass"), "nobody gets points"),
        Wrong("read nothing", 'async def points(app):\n    await app.effect("points", "all")\n', "reads nothing"),
        Wrong("the value is not the order", _points(GIVE.replace("order.value", "order")), "ends by an error"),
    ),
)
