"""Lesson 00: a consumer is killed, and somebody waits."""

from typing import Any

from simlib import Crash, Scenario, Service, Topic, replace, run
from simlib.course.exercise import Exercise, Verdict, Wrong
from simlib.course.trace_words import crash_in_words, own_exception, story, who_waited
from simlib.data import orders

PATIENCE = 15           # seconds without a charge that the shop accepts
KILLS = (
    Crash("billing-0", after="charge", nth=40, restart_after=30),
    Crash("billing-0", before="charge", nth=40, restart_after=30),
    Crash("billing-0", after="commit", nth=40, restart_after=30),
)


def shop(loop: Any) -> Scenario:
    """The lesson's shop with another billing loop."""
    return Scenario([Topic("orders")], inputs={"orders": orders(200, rate=2)}, services=[Service("billing", loop, 2)])


def judge(loop: Any) -> Verdict:
    """Kill the loop at three moments; the first one that the shop would not accept is the answer."""
    scenario = shop(loop)
    for kill in KILLS:
        trace = run(replace(scenario, "faults", [kill]))
        refusal = _stopped(trace) or _lost(scenario, trace, kill) or _repeated(trace) or _silent(trace, kill)
        if refusal:
            return refusal
    return Verdict(True, f"00-wait: yes. Killed at {len(KILLS)} moments, never {PATIENCE} seconds without a charge.")


def _stopped(trace: Any) -> Verdict | None:
    error = own_exception(trace)
    if error is None:
        return None
    unit = " It counts in milliseconds, and Kafka wants 6000 of them at least." if "session" in error.lower() else ""
    return Verdict(False, f"00-wait: no. Your loop stopped before the kill did it: {error}{unit}", story(trace))


def _lost(scenario: Scenario, trace: Any, kill: Crash) -> Verdict | None:
    ordered = [row["value"]["order_id"] for row in scenario.inputs["orders"]]
    charged = set(trace.effects.key)
    missing = [order for order in ordered if order not in charged]
    if not missing:
        return None
    if len(missing) == len(ordered):
        return Verdict(False, "00-wait: no. Nothing is late any more: not one order was charged.")
    text = (
        f"00-wait: no. You tick off before you charge. {crash_in_words(kill)}, and order {missing[0]} is never charged. "
        "Kafka was told that it is done."
    )
    return Verdict(False, text, story(trace), trace.plot.lag())


def _repeated(trace: Any) -> Verdict | None:
    again = trace.effects[trace.effects.occurrence > 1]
    if len(again) <= 1:
        return None
    members = trace.effects.process.nunique()
    if len(again) * members >= len(trace.effects):
        text = f"Each of your {members} programs charges every order: they are groups of their own [K85]."
    else:
        text = "The tick comes too rarely: all orders since the last tick were done a second time [K74]."
    columns = ["time", "process", "key", "occurrence"]
    return Verdict(False, f"00-wait: no. {len(again)} orders were charged twice. {text}", again[columns].head(5))


def _silent(trace: Any, kill: Crash) -> Verdict | None:
    silence = trace.effects.time.diff().max()
    if silence <= PATIENCE:
        return None
    text = (
        f"00-wait: no. {crash_in_words(kill)}, and for {silence:.0f} seconds nobody charges. "
        f"{who_waited(trace)} Nothing in your loop made that shorter than {PATIENCE}."
    )
    return Verdict(False, text, story(trace), trace.plot.lag())


STARTER = '''
async def billing_quick(app):
    ...                                            # your code
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
    Wrong("the same loop again", _loop(OURS), "for 45 seconds nobody charges"),
    Wrong("say more often that you live", _loop(f"{OURS}, heartbeat_interval_ms=500"), "seconds nobody charges"),
    Wrong("half the time is enough", _loop(f"{OURS}, session_timeout_ms=25_000"), "seconds nobody charges"),
    Wrong("seconds for milliseconds", _loop(f"{OURS}, session_timeout_ms=10"), "milliseconds"),
    Wrong("tick first, then charge", _loop(f"{OURS}, {QUICK}", charge_first=False), "tick off before"),
    Wrong("let Kafka tick by itself", _loop(f'group_id="billing", {QUICK}', commit=False), "too rarely"),
    Wrong("a group for each", _loop(f"group_id=app.name, enable_auto_commit=False, {QUICK}"), "charges every order"),
    Wrong("be quick, charge nobody", "async def billing_quick(app):\n    await app.sleep(1)\n", "not one order"),
)

WAIT = Exercise(
    id="00-wait",
    starter=STARTER,
    call='check("00-wait", billing_quick)',
    hints=(
        "Billing was ready all the time. Who waited, and for what? Count seconds in the table above.",
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
Nothing is lost: the orders stay with the broker. But the broker cannot know that a silent program is dead. It waits for
session_timeout_ms, 45 seconds, and all that time nobody does the dead one's orders. Then a colleague goes on
from the last commit - and does once more what was done after it.
""",
    remark="If your answer has these three parts, you have understood more than most people who run Kafka.",
)

EXERCISES = (WAIT, WORDS)
