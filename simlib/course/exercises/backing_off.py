"""Lesson 12: how often to try, how long to wait, and all at once or not."""

from typing import Any

from simlib import Scenario, Service, Topic, replace, run
from simlib.course.exercise import Exercise, Verdict, Wrong
from simlib.course.exercises.refusals import no
from simlib.data import orders

TILLS = 50
HERD = 15
OUTAGE = 30
LIMIT = 300


def judge_wait(attempts: Any, base: Any, cap: Any, jitter: Any) -> Verdict:
    """A bank that is away for half a minute, one that is away for long, and fifty tills that wait for it."""
    if refusal := _no_numbers(attempts, base, cap, jitter):
        return refusal
    worst = sum(_limit(attempt, base, cap) for attempt in range(attempts - 1))
    again = _again(attempts, base, cap, jitter)
    if len(given_up := _given_up(again)):
        text = f"Your {attempts} attempts are over {given_up.time.iloc[0] - 10:.1f} seconds into an outage of {OUTAGE}"
        lost = "a good order is" if len(given_up) == 1 else f"{len(given_up)} good orders are"
        return no("12-wait", f"{text}: {lost} put aside.", _rows(given_up))
    return _too_patient(again, worst) if worst > LIMIT else _at_once(again, worst)


def _given_up(again: Any) -> Any:
    """What an outage puts aside, in the unluckiest of a few runs."""
    traces = [run(replace(_away(again, OUTAGE), "seed", seed)) for seed in range(3)]
    return max((trace.effects[trace.effects.name == "put aside"] for trace in traces), key=len)


def _no_numbers(attempts: Any, base: Any, cap: Any, jitter: Any) -> Verdict | None:
    if not isinstance(attempts, int) or isinstance(attempts, bool) or not 1 <= attempts <= 10_000:
        return no("12-wait", f"attempts is a whole number, 1 or more. You gave {attempts!r}.")
    if not all(isinstance(one, int | float) and one > 0 for one in (base, cap)) or base > cap:
        return no("12-wait", f"base and cap are seconds above 0, base not above cap. You gave {base!r} and {cap!r}.")
    if not isinstance(jitter, bool):
        return no("12-wait", f"jitter is True or False. You gave {jitter!r}.")
    return None


def _limit(attempt: int, base: float, cap: float) -> float:
    return min(cap, base * 2.0 ** min(attempt, 60))


def _again(attempts: int, base: float, cap: float, jitter: bool) -> Any:
    async def again(app: Any, act: Any) -> bool:
        for attempt in range(attempts):
            await app.effect("attempt", f"{app.name}/{attempt}")
            if act():
                return True
            if attempt + 1 < attempts:
                limit = _limit(attempt, base, cap)
                await app.sleep(app.random.uniform(0, limit) if jitter else limit)
        return False

    return again


def _away(again: Any, outage: float, instances: int = 1) -> Scenario:
    async def billing(app: Any) -> None:
        consumer = app.consumer("orders", group_id="billing", enable_auto_commit=False, auto_offset_reset="earliest")
        async for order in consumer:
            back = await again(app, lambda: not 10 <= app.now < 10 + outage)
            await app.effect("charge" if back else "put aside", order.value["order_id"])
            await consumer.commit()

    inputs = {"orders": tuple(orders(20, rate=1, start=0.5))}
    services = (Service("billing", billing, instances),)
    return Scenario((Topic("orders"),), inputs=inputs, services=services, duration=3_000)


def _too_patient(again: Any, worst: float) -> Verdict:
    for seed in range(20):
        trace = run(replace(_away(again, 2 * worst, 2), "seed", seed))
        given_up = trace.control[trace.control.detail == "max_poll_interval_ms"]
        if len(given_up):
            break
    else:
        given_up = trace.control[:0]
    text = f"Unlucky draws make one order wait up to {worst:,.0f} seconds. After {LIMIT} without a poll the group gives"
    rows = given_up[["time", "process", "kind", "detail"]].round(0).set_index("time")
    return no("12-wait", f"{text} you up [K88], and your twin begins the same order.", rows)


def _at_once(again: Any, worst: float) -> Verdict:
    async def till(app: Any) -> None:
        await again(app, lambda: app.now > OUTAGE)

    trace = run(Scenario((), services=(Service("till", till, TILLS),), duration=1_000))
    asked = trace.effects.time[trace.effects.time > OUTAGE]
    crowd = asked.round(1).value_counts()
    if crowd.max() > HERD:
        text = f"{TILLS} tills meet the same outage. When the bank is back, {crowd.max()} of them stand there within a"
        return no("12-wait", f"{text} tenth of a second.", crowd.head().rename("attempts").to_frame())
    text = f"{OUTAGE} seconds are survived, no draw waits longer than {worst:.0f}, and of {TILLS} tills at most"
    return Verdict(True, f"12-wait: yes. {text} {crowd.max()} ask in one tenth of a second. The last one is served "
                         f"{asked.max() - OUTAGE:.0f} seconds after the bank is back.")


def _rows(effects: Any) -> Any:
    return effects[["time", "name", "key"]].head().round(1).set_index("time")


def _wait(attempts: Any, base: Any, cap: Any, jitter: Any) -> str:
    return f"attempts = {attempts}\nbase = {base}\ncap = {cap}\njitter = {jitter}"


WAIT = Exercise(
    id="12-wait",
    starter="attempts = ...\nbase = ...\ncap = ...\njitter = ...",
    call='check("12-wait", attempts=attempts, base=base, cap=cap, jitter=jitter)',
    hints=(
        "All limits added up must stay below what the group allows. Half of that, the average draw, must outlast the "
        "bank's absence.",
        "With a cap of 20, the limits are 0.1, 0.2, 0.4 ... 12.8, and then 20 each time. jitter = True",
    ),
    solution=_wait(16, 0.1, 20, True),
    remark="Sixteen attempts: on average 83 seconds, at worst 166. What lasts longer is no hiccup: let the order wait "
    "elsewhere.",
    judge=judge_wait,
    wrong=(
        Wrong("three strikes", _wait(3, 0.1, 20, True), "Your 3 attempts are over"),
        Wrong("never give up", _wait(1_000, 0.1, 20, True), "gives you up"),
        Wrong("doubling is enough", _wait(16, 0.1, 20, False), "stand there within"),
        Wrong("once a second", _wait(60, 1, 1, False), "stand there within"),
        Wrong("no attempt", _wait(0, 0.1, 20, True), "1 or more"),
    ),
)
