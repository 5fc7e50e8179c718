"""Lesson 05 A: the consumer dies between the effect and the commit."""

from typing import Any

from simlib import Crash, Scenario, Service, Topic, explore, laws, replace, run
from simlib.course.exercise import Exercise, Verdict, Wrong
from simlib.course.exercises.code import indented
from simlib.course.exercises.refusals import no
from simlib.course.trace_words import first_line, last_steps, own_exception, skipped_at_first
from simlib.data import orders
from simlib.exploring.judging import Rule

STEPS = ("charge", "commit", "mail")
ORDERS_IN_TENS = 13


def shop(loop: Any, count: int) -> Scenario:
    """The lesson's shop with another billing loop."""
    inputs = {"orders": tuple(orders(count, rate=10))}
    return Scenario((Topic("orders"),), inputs=inputs, services=(Service("billing", loop),))


def _twice(trace: Any, effect: str) -> Any:
    """The effects of this name that were done again."""
    return trace.effects[(trace.effects.name == effect) & (trace.effects.occurrence > 1)]


def _missing(trace: Any, effect: str) -> list[str]:
    """Orders without this effect."""
    done = set(trace.effects.key[trace.effects.name == effect])
    rows = trace.scenario.inputs["orders"]
    return [row["value"]["order_id"] for row in rows if row["value"]["order_id"] not in done]


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
    """Break every step of three orders in every way; the shortest story that breaks a rule is the answer."""
    steps = (first, second, third)
    if sorted(map(str, steps)) != sorted(STEPS):
        return no("05-order", f"Three steps, each of them once: {', '.join(STEPS)}. You gave {steps}.")
    scenario = shop(in_this_order(steps), 3)
    result = explore(scenario, [laws.at_least_once("charge"), laws.at_most_once("mail")], progress=False)
    if result.counterexample:
        return _order_refused(result.counterexample, steps)
    price = explore(scenario, laws.at_least_once("mail"), only="crash", progress=False).counterexample
    assert price is not None
    text = f"{result.tried} accidents, all there are: every order is charged, and nobody gets two mails."
    return Verdict(True, f"05-order: yes. {text} The price: {first_line(price)} That customer gets no mail.")


def _order_refused(story: Any, steps: tuple[str, ...]) -> Verdict:
    yours, trace = f"You {', '.join(steps)}. {first_line(story)}", story.trace
    if missing := _missing(trace, "charge"):
        text = f"{yours} Order {missing[0]} is ticked off, and nobody charges it."
        return no("05-order", text, last_steps(trace), _last_moments(trace))
    again = _twice(trace, "mail")
    text = f"{yours} The customer of order {again.key.iloc[0]} gets two mails."
    return no("05-order", text, _rows(again), trace.plot.sequence(records=1))


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
    """Run it calmly, then kill it at every moment: `worst` of a ten is never exceeded, and reached."""
    scenario = shop(loop, ORDERS_IN_TENS)
    if refusal := _not_tens(run(scenario)):
        return refusal
    if not isinstance(worst, int) or worst < 0:
        return no("05-tens", f"How many orders at worst? A whole number from 0 up, please: worst={worst!r}.")
    limit = min(worst, 10)
    result = explore(scenario, [laws.at_least_once("charge"), _repeat_at_most(limit)], only="crash", progress=False)
    if result.counterexample:
        return _tens_refused(result.counterexample, worst)
    tried = f"Killed at {result.tried} moments, all there are:"
    if worst > limit:
        return no("05-tens", f"You say {worst}. {tried} never more than {limit} repeat. Count once more.")
    return Verdict(True, f"05-tens: yes. {tried} nothing is lost, and at worst {worst} repeat.")


def _repeat_at_most(number: int) -> Rule:
    """The learner's number as a law."""
    return lambda trace: len(_twice(trace, "charge")) <= number


def _not_tens(calm: Any) -> Verdict | None:
    """What is wrong before anybody is killed."""
    if error := own_exception(calm):
        return no("05-tens", f"Your loop stops before anybody kills it. {error}.")
    if skipped := skipped_at_first(calm):
        return no("05-tens", skipped)
    if missing := _missing(calm, "charge"):
        return no("05-tens", f"Nobody is killed, and {len(missing)} of {ORDERS_IN_TENS} orders are never charged.")
    if calm.commits.auto.any():
        text = "Kafka commits for you, every five seconds. Count orders, not time [K75]."
        return no("05-tens", text, _commits(calm))
    if len(calm.commits) != ORDERS_IN_TENS // 10:
        text = f"{ORDERS_IN_TENS} orders are one full ten. You commit {len(calm.commits)} times."
        return no("05-tens", text, _commits(calm))
    return _wrong_offset(calm)


def _wrong_offset(calm: Any) -> Verdict | None:
    offset, ticked = int(calm.commits.offset.iloc[0]), calm.commits.time.iloc[0]
    if offset == 10:
        return None
    if offset != 9 or len(calm.effects[calm.effects.time < ticked]) != 10:
        return no("05-tens", "You commit once, but not after the tenth charge. Count again.", _commits(calm))
    killed = run(replace(calm.scenario, "faults", [Crash("billing-0", after="commit", nth=1, restart_after=1)]))
    text = "Ten are charged, and your commit says 9: Kafka wants the next one to read [K72]."
    text += f" Killed right after it, order {_twice(killed, 'charge').key.iloc[0]} was ticked, and is charged twice."
    return no("05-tens", text, _rows(_twice(killed, "charge")), killed.plot.duplicates())


def _commits(trace: Any) -> Any:
    return trace.commits[["time", "offset", "member", "auto"]].head().round(3).set_index("time")


def _tens_refused(story: Any, worst: int) -> Verdict:
    trace, begins = story.trace, first_line(story)
    if missing := _missing(trace, "charge"):
        text = f"You commit before the tenth charge. {begins} Order {missing[0]} is ticked off, and nobody charges it."
        text += " You lose one instead of repeating ten."
        return no("05-tens", text, last_steps(trace), _last_moments(trace))
    again = _twice(trace, "charge")
    told = f"You say {worst}. {begins} {len(again)} orders are charged twice."
    return no("05-tens", told, _rows(again), trace.plot.duplicates())


def _in_tens(number: int | str, body: str, settings: str = "enable_auto_commit=False") -> str:
    return (
        "async def billing_in_tens(app):\n"
        f'    consumer = app.consumer("orders", group_id="billing", {settings},\n'
        '                            auto_offset_reset="earliest")\n'
        "    done = 0\n"
        f"    async for order in consumer:\n{indented(body, 2)}\n\n\n"
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
        Wrong("better safe than sorry", _in_tens(13, AFTER), "never more than 10 repeat"),
        Wrong("tick before the tenth", _in_tens(10, f"done += 1\n{TICK}{CHARGE}"), "You commit before the tenth"),
        Wrong("every order", _in_tens(1, f"{CHARGE}await consumer.commit()"), "You commit 13 times"),
        Wrong("let Kafka do it", _in_tens(10, CHARGE, "auto_commit_interval_ms=1_000"), "Count orders, not time"),
        Wrong("commit the last one", _in_tens(11, AFTER.replace("await consumer.commit()", LAST)), "commit says 9"),
        Wrong("half an order", _in_tens("5.5", AFTER), "A whole number from 0 up"),
        Wrong("less than none", _in_tens(-1, AFTER), "A whole number from 0 up"),
        Wrong("the eleventh", _in_tens(10, f"{CHARGE}{TICK}done += 1").replace("% 10 == 0", "% 10 == 0 and done"),
              "not after the tenth charge"),
        Wrong("earliest forgotten", _in_tens(10, AFTER).replace("earliest", "latest"), "begins behind what is there"),
        Wrong("never", _in_tens(10, f"{CHARGE}done += 1"), "You commit 0 times"),
    ),
)
