"""Lesson 05 A: the consumer dies between the effect and the commit."""

from collections.abc import Iterator
from typing import Any

from simlib import Crash, Scenario, Service, Topic, replace, run
from simlib.course.exercise import Exercise, Verdict, Wrong
from simlib.course.trace_words import kill_in_words, last_steps, own_exception
from simlib.data import orders

STEPS = ("charge", "commit", "mail")
ORDERS_IN_TENS = 63


def shop(loop: Any, count: int) -> Scenario:
    """The lesson's shop with another billing loop."""
    inputs = {"orders": tuple(orders(count, rate=10))}
    return Scenario((Topic("orders"),), inputs=inputs, services=(Service("billing", loop),))


def _kill(nth: int, **when: Any) -> Crash:
    return Crash("billing-0", nth=nth, restart_after=40, **when)


def _twice(trace: Any, effect: str) -> Any:
    """The effects of this name that were done again."""
    return trace.effects[(trace.effects.name == effect) & (trace.effects.occurrence > 1)]


def _missing(scenario: Scenario, trace: Any, effect: str) -> list[str]:
    """Orders without this effect."""
    done = set(trace.effects.key[trace.effects.name == effect])
    return [row["value"]["order_id"] for row in scenario.inputs["orders"] if row["value"]["order_id"] not in done]


def _rows(effects: Any) -> Any:
    return effects[["time", "process", "name", "key", "occurrence"]].head().round(3).set_index("time")


def _last_moments(trace: Any) -> Any:
    """A picture of the last thing that the program did."""
    death = trace.control.time[trace.control.kind == "crashed"].iloc[0]
    return trace.plot.sequence((death - 0.003, death + 0.0005))


# -- 05-order: three steps, one order


def in_this_order(steps: tuple[str, ...]) -> Any:
    """A billing loop that takes these steps with every order."""

    async def billing(app: Any) -> None:
        consumer = app.consumer("orders", group_id="billing", enable_auto_commit=False, auto_offset_reset="earliest")
        async for order in consumer:
            for step in steps:
                if step == "commit":
                    await consumer.commit()
                else:
                    await app.effect(step, order.value["order_id"])

    return billing


def judge_order(first: Any, second: Any, third: Any) -> Verdict:
    """Kill the loop before and after each step; the first run that breaks a rule is the answer."""
    steps = (first, second, third)
    if sorted(map(str, steps)) != sorted(STEPS):
        return _no("05-order", f"Three steps, each of them once: {', '.join(STEPS)}. You gave {steps}.")
    scenario, price = shop(in_this_order(steps), 6), ""
    for step in steps:
        for when in ("before", "after"):
            kill = _kill(3, **{when: step})
            trace = run(replace(scenario, "faults", [kill]))
            if refusal := _order_refused(scenario, trace, kill, steps):
                return refusal
            if not price and (missing := _missing(scenario, trace, "mail")):
                price = f" The price: {kill_in_words(kill).lower()}, the customer of order {missing[0]} gets no mail."
    text = "Killed at 6 moments: every order is charged, and nobody gets two mails."
    return Verdict(True, f"05-order: yes. {text}{price}")


def _order_refused(scenario: Scenario, trace: Any, kill: Crash, steps: tuple[str, ...]) -> Verdict | None:
    yours = ", ".join(steps)
    if missing := _missing(scenario, trace, "charge"):
        text = f"{kill_in_words(kill)}: order {missing[0]} is ticked off, and nobody charges it."
        return _no("05-order", f"You {yours}. {text}", last_steps(trace), _last_moments(trace))
    again = _twice(trace, "mail")
    if len(again):
        text = f"{kill_in_words(kill)}: the customer of order {again.key.iloc[0]} gets two mails."
        return _no("05-order", f"You {yours}. {text}", _rows(again), trace.plot.sequence(records=1))
    return None


def _no(id: str, text: str, table: Any = None, picture: Any = None) -> Verdict:
    return Verdict(False, f"{id}: no. {text}", table, picture)


def _steps(*steps: str) -> str:
    return "\n".join(f'{place} = "{step}"' for place, step in zip(("first", "second", "third"), steps, strict=True))


ORDER = Exercise(
    id="05-order",
    starter="first = ...\nsecond = ...\nthird = ...",
    call='check("05-order", first=first, second=second, third=third)',
    hints=(
        "What may happen again stands before the commit. What must not happen again stands after it.",
        'The commit is in the middle: first = "...", second = "commit", third = "..."',
    ),
    solution=_steps("charge", "commit", "mail"),
    remark="You paid: killed right after the commit, one customer gets no mail. No order of steps gives both.",
    judge=judge_order,
    wrong=(
        Wrong("all work, then the tick", _steps("charge", "mail", "commit"), "You charge, mail, commit"),
        Wrong("tell, then act", _steps("mail", "charge", "commit"), "You mail, charge, commit"),
        Wrong("mail before the tick", _steps("mail", "commit", "charge"), "You mail, commit, charge"),
        Wrong("tick first", _steps("commit", "charge", "mail"), "You commit, charge, mail"),
        Wrong("tick first, tell first", _steps("commit", "mail", "charge"), "You commit, mail, charge"),
        Wrong("leave one out", _steps("charge", "mail", "mail"), "Three steps, each of them once"),
    ),
)

# -- 05-tens: commit after every tenth order


def judge_tens(loop: Any, worst: Any) -> Verdict:
    """Run it calmly, then kill it around ten charges in a row; the number must be the worst of them."""
    scenario = shop(loop, ORDERS_IN_TENS)
    calm = run(scenario)
    if refusal := _not_tens(scenario, calm):
        return refusal
    most, kill, trace = 0, None, calm
    for this in _kills():
        died = run(replace(scenario, "faults", [this]))
        if missing := _missing(scenario, died, "charge"):
            text = f"{kill_in_words(this)}: order {missing[0]} is ticked off, and nobody charges it."
            text = f"You commit before the tenth charge. {text} You lose one instead of repeating ten."
            return _no("05-tens", text, last_steps(died), _last_moments(died))
        if len(_twice(died, "charge")) > most:
            most, kill, trace = len(_twice(died, "charge")), this, died
    return _number(worst, most, kill, trace)


def _kills() -> Iterator[Crash]:
    yield _kill(40, before="charge")
    for nth in range(31, 41):
        yield _kill(nth, after="charge")


def _not_tens(scenario: Scenario, calm: Any) -> Verdict | None:
    """What is wrong before anybody is killed."""
    if error := own_exception(calm):
        return _no("05-tens", f"Your loop stops before anybody kills it. {error}.")
    if missing := _missing(scenario, calm, "charge"):
        return _no("05-tens", f"Nobody is killed, and {len(missing)} of {ORDERS_IN_TENS} orders are never charged.")
    if calm.commits.auto.any():
        text = "Kafka commits for you, every five seconds. Count orders, not time [K75]."
        return _no("05-tens", text, _commits(calm))
    if len(calm.commits) != 6:
        text = f"{ORDERS_IN_TENS} orders are six full tens. You commit {len(calm.commits)} times."
        return _no("05-tens", text, _commits(calm))
    return None


def _commits(trace: Any) -> Any:
    return trace.commits[["time", "offset", "member", "auto"]].head().round(3).set_index("time")


def _number(said: Any, most: int, kill: Crash | None, trace: Any) -> Verdict:
    assert kill is not None
    rows, told = _rows(_twice(trace, "charge")), f"{kill_in_words(kill)}: {most} orders are charged twice."
    if most > 10:
        text = f"{told} One too many: you commit the order that is done. Kafka wants the next one [K72]."
        return _no("05-tens", text, _commits(trace), trace.plot.duplicates())
    if said != most:
        return _no("05-tens", f"You say {said}. {told}", rows, trace.plot.duplicates())
    text = f"Killed at 11 moments: nothing is lost, and at worst {most} orders are charged twice."
    return Verdict(True, f"05-tens: yes. {text}")


def _in_tens(number: int | str, body: str, settings: str = "enable_auto_commit=False") -> str:
    lines = "".join(f"        {line}\n" for line in body.strip("\n").splitlines())
    return (
        "async def billing_in_tens(app):\n"
        f'    consumer = app.consumer("orders", group_id="billing", {settings},\n'
        '                            auto_offset_reset="earliest")\n'
        "    done = 0\n"
        f"    async for order in consumer:\n{lines}\n\n"
        f"worst = {number}\n"
    )


CHARGE = 'await app.effect("charge", order.value["order_id"])\n'
TICK = "if done % 10 == 0:\n    await consumer.commit()\n"
AFTER = f"{CHARGE}done += 1\n{TICK}"
LAST = 'await consumer.commit({TopicPartition("orders", 0): order.offset})'

TENS = Exercise(
    id="05-tens",
    starter="async def billing_in_tens(app):\n    ...     # your code\n\n\nworst = ...",
    call='check("05-tens", billing_in_tens, worst=worst)',
    hints=(
        "Where does the number move? Count orders, not time. Then look for the most unlucky moment.",
        "Two steps more: done += 1, and an if around the commit. Killed after the tenth charge, before the commit: ...",
    ),
    solution=_in_tens(10, AFTER),
    remark="You bought nine commits in ten with nine more charges that can repeat. Nine would be too few: the tenth "
    "order is charged before it is ticked.",
    judge=judge_tens,
    wrong=(
        Wrong("nine, the tenth is ticked", _in_tens(9, AFTER), "You say 9"),
        Wrong("five, the average", _in_tens(5, AFTER), "You say 5"),
        Wrong("tick before the tenth", _in_tens(10, f"done += 1\n{TICK}{CHARGE}"), "You commit before the tenth"),
        Wrong("every order", _in_tens(1, f"{CHARGE}await consumer.commit()"), "You commit 63 times"),
        Wrong("let Kafka do it", _in_tens(10, CHARGE, "auto_commit_interval_ms=1_000"), "Count orders, not time"),
        Wrong("commit the last one", _in_tens(11, AFTER.replace("await consumer.commit()", LAST)), "Kafka wants the"),
        Wrong("never", _in_tens(10, f"{CHARGE}done += 1"), "You commit 0 times"),
    ),
)
