"""Lesson 00: a consumer is killed, and somebody waits."""

from functools import partial
from typing import Any

from simlib import Scenario, Service, Topic, explore, run
from simlib.course.exercise import Exercise, Verdict, Wrong
from simlib.course.exercises.refusals import no
from simlib.course.trace_words import first_line, given_up_after, last_steps, own_exception, skipped_at_first, turns
from simlib.data import orders

PATIENCE = 15           # seconds without a charge that the shop can bear
ORDERS = 10


def shop(loop: Any) -> Scenario:
    """The lesson's shop with another billing loop, and fewer orders: they shall die at every step of each."""
    inputs = {"orders": tuple(orders(ORDERS, rate=2))}
    return Scenario((Topic("orders"),), inputs=inputs, services=(Service("billing", loop, instances=2),))


def judge(loop: Any) -> Verdict:
    """Kill the loop at every moment; the first run that the shop could not bear is the answer."""
    scenario = shop(loop)
    if refusal := _stopped(calm := run(scenario)) or _refused(calm, ""):
        return refusal
    result = explore(scenario, lambda trace: _refused(trace, "") is None, only="crash", progress=False)
    if story := result.counterexample:
        refusal = _refused(story.trace, first_line(story))
        assert refusal is not None
        return refusal
    text = f"Killed at {result.tried} moments, all there are: nothing lost, never {PATIENCE} seconds of silence."
    return Verdict(True, f"00-wait: yes. {text}")


def _refused(trace: Any, story: str) -> Verdict | None:
    """What the shop could not bear in this run."""
    return _lost(trace, story) or _repeated(trace, story) or _silent(trace, story)


def _stopped(trace: Any) -> Verdict | None:
    error = own_exception(trace)
    if error is None:
        skipped = skipped_at_first(trace)
        return _no(skipped) if skipped else None
    told = f"Your loop stops before anybody kills it. {error}."
    if "session" in error.lower():
        told += " A session timeout counts in milliseconds; Kafka accepts 6000 or more."
    return _no(told)


def _lost(trace: Any, story: str) -> Verdict | None:
    charged = set(trace.effects.key)
    missing = [order for row in trace.scenario.inputs["orders"] if (order := row["value"]["order_id"]) not in charged]
    if missing and not charged and not story:
        return _no("Nothing is late any more: not one order is charged.")
    if missing:
        order = f"Order {missing[0]} is ticked, and never charged."
        rows, picture = (last_steps(trace), trace.plot.lag()) if story else (None, None)
        return _no(f"You tick off before you charge. {story} {order}", rows, picture)
    return None


def _repeated(trace: Any, story: str) -> Verdict | None:
    again = trace.effects[trace.effects.occurrence > 1]
    if len(again) <= 1:
        return None
    rows = again[["time", "process", "key", "occurrence"]].head().round(3).set_index("time")
    if not story:
        text = "Each of your programs is a group of its own, and each group gets every order [K85]"
        return _no(f"{text}: all are charged twice.", rows)
    text = f"{story} {len(again)} orders are charged twice. Your ticks come seconds apart [K74]."
    return _no(text, rows, trace.plot.duplicates())


def _silent(trace: Any, story: str) -> Verdict | None:
    silence = trace.effects.time.diff().max()
    if not silence > PATIENCE:
        return None
    text = f"{story} For {silence:.0f} seconds nobody charges."
    if silence > 40:
        text += " The dead one is given up as late as before. It says nothing; how long may it say nothing?"
    else:
        text += f" Given up after {given_up_after(trace):.0f} seconds, then the others must agree. Still too long."
    return _no(text, turns(trace), trace.plot.lag())


_no = partial(no, "00-wait")


STARTER = '''
async def billing_quick(app):
    ...     # your code
'''

SOLUTION = '''
async def billing_quick(app):
    consumer = app.consumer("orders", group_id="billing", enable_auto_commit=False,
                            auto_offset_reset="earliest", session_timeout_ms=10_000)
    async for order in consumer:
        await app.effect("charge", order.value["order_id"])
        await consumer.commit()
'''


def _loop(settings: str, charge_first: bool = True, commit: bool = True) -> str:
    charge, tick = 'await app.effect("charge", order.value["order_id"])', "await consumer.commit()"
    steps = [charge, tick] if charge_first else [tick, charge]
    body = "\n".join(f"        {step}" for step in steps if commit or step != tick)
    return (
        "async def billing_quick(app):\n"
        f'    consumer = app.consumer("orders", auto_offset_reset="earliest", {settings})\n'
        f"    async for order in consumer:\n{body}\n"
    )


OURS = 'group_id="billing", enable_auto_commit=False'
QUICK = "session_timeout_ms=10_000"
WRONG = (
    Wrong("the same loop again", _loop(OURS), "For 45 seconds nobody charges"),
    Wrong("say more often that you live", _loop(f"{OURS}, heartbeat_interval_ms=500"), "how long may it say nothing"),
    Wrong("half the time is enough", _loop(f"{OURS}, session_timeout_ms=25_000"), "Still too long"),
    Wrong("seconds for milliseconds", _loop(f"{OURS}, session_timeout_ms=10"), "counts in milliseconds"),
    Wrong("as short as can be", _loop(f"{OURS}, session_timeout_ms=5_000"), "Kafka accepts 6000 or more"),
    Wrong("tick first, then charge", _loop(f"{OURS}, {QUICK}", charge_first=False), "You tick off before you charge"),
    Wrong("let Kafka tick by itself", _loop(f'group_id="billing", {QUICK}', commit=False), "ticks come seconds apart"),
    Wrong("a group for each", _loop(f"group_id=app.name, enable_auto_commit=False, {QUICK}"), "a group of its own"),
    Wrong("earliest forgotten", _loop(f"{OURS}, {QUICK}").replace("earliest", "latest"), "begins behind what is there"),
    Wrong("be quick, charge nobody", "async def billing_quick(app):\n    await app.sleep(1)\n", "not one order"),
)

WAIT = Exercise(
    id="00-wait",
    starter=STARTER,
    call='check("00-wait", billing_quick)',
    hints=(
        'Billing was ready all the time. Who waited, and for what? Count the seconds in the table of "It looks as if".',
        "Copy `billing` and give `app.consumer(...)` one more setting: session_timeout_ms=... (milliseconds).",
    ),
    solution=SOLUTION,
    remark="You bought a shorter wait with false alarms: a healthy program that stalls for 10 seconds counts as dead.",
    judge=judge,
    wrong=WRONG,
)

WORDS = Exercise(
    id="00-words",
    starter="",
    call='check("00-words")',
    hints=("Three parts: what is lost, who waits, what happens twice?", "Nothing is ...; for ... seconds ...; one ..."),
    solution="""
Nothing is lost: the orders stay with the broker. But the broker cannot know that a silent
program is dead. It waits for session_timeout_ms, 45 seconds, and all that time nobody does
the dead one's orders. Then somebody goes on from the last commit, and does once more what
was done after it.
""",
    remark="If your answer has these three parts, you have understood more than most people who run Kafka.",
)

EXERCISES = (WAIT, WORDS)
