"""Lesson 04, second half: a packer is killed, and one till more."""

from typing import Any

from simlib import AddPartitions, Crash, Scenario, ScenarioError, Service, replace, run
from simlib.course.exercise import Exercise, Verdict, Wrong
from simlib.course.exercises.refusals import no
from simlib.course.exercises.tills import PICKY, evening, overtaken, sale
from simlib.data import orders

STANDSTILL, KILLS = 15, (15, 25)
A_SECOND = 1_000
MOVES = ("crashed", "evicted", "revoked", "assigned")


def judge_relief(settings: Any) -> Verdict:
    """pack-1 is killed at several moments: how long its till stands still, and who else has to move."""
    if not isinstance(settings, dict) or {"name", "topic", "consumers", "service_time"} & set(settings):
        return no("04-relief", "Give a dictionary of Kafka's settings; packers and their work stay as they are.")
    refusal = _tried(settings)
    if refusal:
        return refusal
    longer = settings["session_timeout_ms"] + A_SECOND
    if _tried(settings | {"session_timeout_ms": longer}) is None:
        return no("04-relief", f"In time, but hasty: with {longer} ms of patience it would be in time as well.")
    return Verdict(True, f"04-relief: yes. Killed at {len(KILLS)} moments: back in time, and nobody else moved.")


def _tried(settings: Any) -> Verdict | None:
    """What is wrong with these settings, if anything is."""
    for at in KILLS:
        faults = [Crash("pack-1", at=at)]
        try:
            trace = run(replace(sale(tuple(orders(300, rate=6)), 3, 4, duration=80, **settings), "faults", faults))
        except (ScenarioError, TypeError) as refused:
            return no("04-relief", _refused(str(refused)))
        refusal = _stood_still(trace, at) or _moved(trace, at)
        if refusal:
            return refusal
    return None


def _refused(why: str) -> str:
    trouble = why.splitlines()[-1].strip(" -")
    extra = " Kafka counts in milliseconds, and accepts sessions of 6000 or more." if "session" in why else ""
    return f"This does not run. {trouble}.{extra}"


def _stood_still(trace: Any, at: float) -> Verdict | None:
    later = trace.control[(trace.control.time > at) & (trace.control.partition == 1)]
    taken = later[later.kind == "assigned"].time.min()
    if taken - at <= STANDSTILL:
        return None
    how_long = f"for {taken - at:.0f} seconds" if taken == taken else "to the end"
    return no("04-relief", f"Killed at {at} s: orders-1 stands still {how_long}. {_why_so_long(trace)}", _moves(trace),
               trace.plot.assignment())


def _why_so_long(trace: Any) -> str:
    control = trace.control
    dead, evicted = control[control.kind == "crashed"], control[control.kind == "evicted"]
    if evicted.empty or evicted.time.iloc[0] - dead.time.iloc[0] > STANDSTILL - 2:
        return "The group waited for somebody who was dead. How long may a member be silent?"
    return "The dead one was given up in time. But the others must agree, and each says yes only when it polls again."


def _moved(trace: Any, at: float) -> Verdict | None:
    moved = trace.control[(trace.control.kind == "revoked") & (trace.control.time > at)]
    if moved.empty:
        return None
    who = ", ".join(sorted(set(moved.process)))
    text = f"Killed at {at} s: {who} were well, and gave up their tills all the same."
    if isinstance(trace.scenario.group("pack").partition_assignment_strategy, tuple):
        text += " All support the first name of your list, so the first is taken [K93]."
    elif _same_tills(trace):
        text += " They got the same ones back. Sticky is not cooperative: everybody lets go first [K91]."
    else:
        text += " Then all tills were dealt out anew [K91]."
    return no("04-relief", text, _moves(trace), trace.plot.assignment())


def _moves(trace: Any) -> Any:
    """Who died, who was given up, who gave back and who got which partition."""
    control = trace.control[(trace.control.time > 0) & trace.control.kind.isin(MOVES)]
    table = control[["time", "process", "kind", "partition"]].round(1).set_index("time")
    return table.assign(partition=table.partition.astype("string").fillna(""))


def _same_tills(trace: Any) -> bool:
    """Every living member got the tills that it had before."""
    given = trace.control[(trace.control.kind == "assigned") & (trace.control.process != "pack-1")]
    tills = given[given.process != "pack-3"].groupby("process", observed=True).partition.nunique()
    return bool((tills == 1).all())


JAVAS = ("range", "cooperative-sticky")


def _relief(**settings: Any) -> str:
    return f"relief = {settings!r}"


RELIEF = Exercise(
    id="04-relief",
    starter='relief = ...     # {"a_setting": its_value, ...}: settings of the group `pack`',
    call='check("04-relief", relief)',
    hints=(
        "Two things went wrong, and each has a setting: one says how long a silent member is waited for.",
        "partition_assignment_strategy: a name with two words. session_timeout_ms: from 6000 on, in whole seconds.",
    ),
    solution='relief = {"session_timeout_ms": 8_000, "partition_assignment_strategy": "cooperative-sticky"}',
    remark="Nobody lets go of a till that he keeps [K92]. The price: a packer who stalls for 8 seconds counts as "
    "dead, and where tills do move it takes two rebalances instead of one.",
    judge=judge_relief,
    wrong=(
        Wrong("only a shorter silence", _relief(session_timeout_ms=8_000), "dealt out anew"),
        Wrong("only cooperative", _relief(partition_assignment_strategy="cooperative-sticky"), "somebody who was dead"),
        Wrong("as on the page",
              _relief(session_timeout_ms=10_000, partition_assignment_strategy="cooperative-sticky"),
              "the others must agree"),
        Wrong("as short as can be",
              _relief(session_timeout_ms=6_000, partition_assignment_strategy="cooperative-sticky"), "but hasty"),
        Wrong("sticky is enough", _relief(session_timeout_ms=8_000, partition_assignment_strategy="sticky"),
              "Sticky is not cooperative"),
        Wrong("Java's list", _relief(session_timeout_ms=8_000, partition_assignment_strategy=JAVAS),
              "the first is taken"),
        Wrong("more heartbeats", _relief(heartbeat_interval_ms=500, partition_assignment_strategy="cooperative-sticky"),
              "How long may a member be silent"),
        Wrong("seconds for milliseconds", _relief(session_timeout_ms=10), "accepts sessions of 6000 or more"),
        Wrong("hire more", _relief(consumers=12), "stay as they are"),
    ),
)

# --- one till more ----------------------------------------------------------------------------------------------------

STEPS = {"close": 2.0, "empty": 20.0, "add": 4.0, "open": 2.0}      # how long each takes, in seconds
BEGIN, END = 20.0, 110.0
NEVER_OPENED = 10_000.0


def judge_grow(plan: Any) -> Verdict:
    """Carry out the plan in the middle of the evening."""
    if not isinstance(plan, (list, tuple)) or sorted(map(str, plan)) != sorted(STEPS):
        return no("04-grow", f"The plan has each of these four words once: {', '.join(STEPS)}. Yours: {plan!r}.")
    trace = run(growing(list(plan)))
    missing = len(evening()) - len(trace.records)
    if missing:
        text = f"{missing} orders are never taken: you open before you close, and the website stays shut."
        return no("04-grow", text, None, trace.plot.timeline())
    late = overtaken(trace)
    if len(late):
        return no("04-grow", _mixed_up(list(plan), late), _who_overtook(trace, late.iloc[0]), trace.plot.timeline())
    return Verdict(True, "04-grow: yes. A till more, all 300 orders packed, and no customer's orders out of order.")


def growing(plan: list[str]) -> Scenario:
    """The evening, and in its middle the four steps in this order."""
    starts = {step: BEGIN + sum(STEPS[before] for before in plan[:place]) for place, step in enumerate(plan)}
    closed = starts["close"]
    opened = starts["open"] if starts["open"] > closed else NEVER_OPENED

    async def website(app: Any) -> None:
        producer = app.producer(metadata_max_age_ms=1_000)
        for order in evening():
            await app.sleep(max(0.0, order["at"] - app.now))
            if closed <= app.now < opened:
                await app.sleep(opened - app.now)
            await producer.send("orders", order["value"], key=order["key"])
        await app.sleep(END)            # a website does not end because nobody orders

    shop = sale((), 3, 4, duration=END, metadata_max_age_ms=1_000, auto_offset_reset="earliest", **PICKY)
    changes = {"services": [Service("website", website)], "faults": [AddPartitions("orders", at=starts["add"], to=4)]}
    return replace(shop, {"inputs": {}, **changes})


def _mixed_up(plan: list[str], late: Any) -> str:
    told = f"{len(late)} orders are packed after a later one of the same customer."
    if plan.index("open") < plan.index("add") or plan.index("add") < plan.index("close"):
        return f"You add the till while orders come in. {told}"
    if plan.index("empty") < plan.index("close"):
        return f"As long as the website is open, you wait in vain: there are always new orders. {told}"
    return f"You open while old orders still wait at the old tills. {told}"


def _who_overtook(trace: Any, late: Any) -> Any:
    """The overtaken order, and those of the same customer around it, as they were packed."""
    rows = trace.deliveries[trace.deliveries.key == late.key].merge(trace.records[["message", "created"]])
    near = rows.index[rows.message == late.message][0]
    shown = rows.loc[max(0, near - 2): near, ["created", "time", "partition", "member", "key"]]
    return shown.rename(columns={"created": "ordered", "time": "picked up"}).round(1).set_index("key")


def _plan(*steps: str) -> str:
    return f"plan = {list(steps)!r}"


GROW = Exercise(
    id="04-grow",
    starter='plan = ...     # the four steps in your order: ["add", "close", "empty", "open"]',
    call='check("04-grow", plan)',
    hints=(
        "An order is overtaken if an older one of its customer still waits elsewhere. When does none wait anywhere?",
        "Two steps must be done before `open`, and one before everything else.",
    ),
    solution='plan = ["close", "empty", "add", "open"]',
    remark="Adding the till before the old ones are empty is as good, as long as the website is shut. The price is the "
    "shut website. Without it: a new topic with more partitions, and a day on which both are read.",
    judge=judge_grow,
    wrong=(
        Wrong("as found", _plan("add", "close", "empty", "open"), "You add the till while orders come in"),
        Wrong("wait, then close", _plan("empty", "close", "add", "open"), "you wait in vain"),
        Wrong("quickly", _plan("close", "add", "open", "empty"), "You open while old orders still wait"),
        Wrong("open first, then add", _plan("close", "empty", "open", "add"), "You add the till while orders come in"),
        Wrong("shut for good", _plan("open", "add", "close", "empty"), "never taken"),
        Wrong("one step forgotten", _plan("close", "add", "open"), "each of these four words once"),
    ),
)
