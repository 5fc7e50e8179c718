"""Lesson 05 B: the broker dies after it said yes, or before it said anything."""

from typing import Any, NamedTuple

from simlib import (
    ConsumerGroup,
    Crash,
    LoseReply,
    LoseRequest,
    PowerLoss,
    Producer,
    Scenario,
    Service,
    SlowLink,
    Topic,
    replace,
    run,
)
from simlib.course.exercise import Exercise, Verdict, Wrong
from simlib.course.exercises.code import indented
from simlib.course.exercises.refusals import no
from simlib.course.trace_words import not_orders, own_exception
from simlib.data import orders
from simlib.scenario.faults import Fault

ALL = ("broker-0", "broker-1", "broker-2")
PATIENCE = 15           # seconds that the shop can wait for a yes
FAR = SlowLink("broker-0", ALL[1:], at=0, duration=600, latency=0.05)


def _gone(trace: Any) -> Any:
    """The orders that Kafka had said yes to, or that nobody will ever hear about."""
    return trace.lost[trace.lost.outcome.isin(["acked", "unacknowledged"])]


def _waited(trace: Any) -> float:
    """The longest time from an order to its yes, in seconds; those still without one have waited until the end."""
    asked = trace.records[trace.records.outcome != "unacknowledged"]
    return float((asked.acked.fillna(trace.ended_at) - asked.created).max()) if len(asked) else 0.0


def _lost_rows(trace: Any) -> Any:
    return _gone(trace)[["message", "created", "acked", "reason"]].head().round(3).set_index("message")


def _slowest_rows(trace: Any) -> Any:
    waited = trace.records.acked.fillna(trace.ended_at) - trace.records.created
    rows = trace.records.assign(waited=waited).nlargest(3, "waited")
    return rows[["message", "created", "acked", "waited", "outcome"]].round(2).set_index("message")


def _what_happened(trace: Any) -> Any:
    """Who died, who was elected for the orders, who came back; None where nobody did."""
    control = trace.control
    told = control[control.kind.isin(["crashed", "power_lost", "restarted", "paused", "resumed", "link_cut"])]
    elected = control[(control.kind == "elected") & (control.topic == "orders")]
    rows = control.loc[sorted([*told.index, *elected.index])]
    return rows[["time", "process", "kind"]].head(8).round(2).set_index("time") if len(rows) else None


# -- 05-safe: three settings, five accidents


class Accident(NamedTuple):
    """What happens, what it shows where orders are gone, and whether the shop must go on meanwhile."""

    words: str
    faults: tuple[Fault, ...]
    gone: str = ""
    must_go_on: bool = False


ACCIDENTS = (
    Accident("One request is lost on the way", (LoseRequest("checkout", "produce", nth=50),),
             "Nobody waited for an answer, so nobody sent it again [K01]."),
    Accident("broker-0 loses power", (PowerLoss("broker-0", at=20, restart_after=10),),
             "There was one copy of each order, in the memory of one machine [K59]."),
    Accident("broker-0 is killed", (FAR, Crash("broker-0", at=20, restart_after=10)),
             "The yes came before the copy [K02]."),
    Accident("broker-1 and broker-2 are down, then broker-0 loses power",
             (Crash("broker-1", at=5, restart_after=60), Crash("broker-2", at=5, restart_after=60),
              PowerLoss("broker-0", at=36, restart_after=5)),
             "'All' were the one that was left [K03]."),
    Accident("broker-1 is down for a minute", (Crash("broker-1", at=5, restart_after=60),), must_go_on=True),
)  # fmt: skip


def checkout(acks: Any, replication_factor: Any, min_insync_replicas: Any) -> Scenario:
    """Ten orders a second for 40 seconds, and time for everybody to come back."""
    topic = Topic("orders", replication_factor=replication_factor, config={"min_insync_replicas": min_insync_replicas})
    shop, billing = Producer("checkout", "orders", rate=10, stop=40, acks=acks), ConsumerGroup("billing", "orders")
    return Scenario((topic,), (shop,), (billing,), duration=120)


def judge_safe(acks: Any, copies: Any, needed: Any) -> Verdict:
    """Five accidents; the first that costs an order or too much time is the answer."""
    scenario = checkout(acks, copies, needed)
    for accident in ACCIDENTS:
        trace = run(replace(scenario, "faults", accident.faults))
        if len(gone := _gone(trace)):
            text = f"{accident.words}. Gone: {len(gone)} of 400 orders. {accident.gone}"
            return no("05-safe", text, _lost_rows(trace), trace.plot.timeline())
        if accident.must_go_on and _waited(trace) > PATIENCE:
            text = f"{accident.words}: an order waits {_waited(trace):.0f} seconds for its yes."
            text += f" {copies} copies, {needed} of them needed: nobody may be missing [K04]."
            return no("05-safe", text, _slowest_rows(trace), trace.plot.timeline())
    text = f"{len(ACCIDENTS)} accidents, and no order is gone. With one broker down no yes takes longer than"
    return Verdict(True, f"05-safe: yes. {text} {_waited(trace):.0f} seconds.")


def _settings(acks: str, copies: int, needed: int) -> str:
    return f"acks = {acks}\ncopies = {copies}\nneeded = {needed}"


SAFE = Exercise(
    id="05-safe",
    starter="acks = ...\ncopies = ...\nneeded = ...",
    call='check("05-safe", acks=acks, copies=copies, needed=needed)',
    hints=(
        "Who may be missing when Kafka says yes? Who may be missing while the shop goes on?",
        "All of the copies that are left must have it; one of three may be missing. Then how many are needed?",
    ),
    solution=_settings('"all"', 3, 2),
    remark="You paid with time: each yes waits for the copies, and with two brokers down the shop stands still.",
    judge=judge_safe,
    wrong=(
        Wrong("ask nobody", _settings("0", 3, 2), "nobody sent it again"),
        Wrong("the leader is enough", _settings("1", 3, 2), "The yes came before the copy"),
        Wrong("one copy", _settings('"all"', 1, 1), "in the memory of one machine"),
        Wrong("all is all", _settings('"all"', 3, 1), "the one that was left"),
        Wrong("more is safer", _settings('"all"', 3, 3), "3 copies, 3 of them needed"),
        Wrong("two are cheaper", _settings('"all"', 2, 2), "2 copies, 2 of them needed"),
    ),
)

# -- 05-break: one fault against the safest settings


def judge_break(fault: Any) -> Verdict:
    """One fault; it must cost an order that Kafka said yes to."""
    if not isinstance(fault, Fault):
        example = 'Crash("broker-0", at=20, restart_after=10)'
        return no("05-break", f"Give one fault, such as {example}. You gave {fault!r}.")
    trace = run(replace(checkout("all", 3, 2), "faults", [fault]))
    said_yes = int(trace.records.acked.notna().sum())
    if gone := len(trace.lost[trace.lost.outcome == "acked"]):
        text = f"Kafka said yes to {said_yes} orders, and {gone} of them are gone. No setting of yours was wrong."
        return Verdict(True, f"05-break: yes. {text}", _lost_rows(trace))
    text = f"Kafka said yes to {said_yes} orders, and they are all there. {_why_not(fault)}"
    return no("05-break", text, _what_happened(trace), trace.plot.timeline())


def _why_not(fault: Fault) -> str:
    if isinstance(fault, PowerLoss):
        if len(set(fault.whos if isinstance(fault.whos, tuple) else (fault.whos,))) == len(ALL):
            return "By then they were on the disks. Strike while orders are young."
        return "A machine that kept its power had a copy of each."
    if isinstance(fault, Crash):
        return "A killed program leaves its files to the machine, and a machine that lives writes them down [K59]."
    return "Late is not lost: nobody who had said yes forgot anything."


def _fault(fault: str) -> str:
    return f"fault = {fault}"


SOON = "at=20, restart_after=10"

BREAK = Exercise(
    id="05-break",
    starter="fault = ...",
    call='check("05-break", fault=fault)',
    hints=(
        "A killed program loses nothing that the machine still holds. What makes a machine forget?",
        "One fault may strike several: PowerLoss((..., ..., ...), at=20, restart_after=10)",
    ),
    solution=_fault('PowerLoss(("broker-0", "broker-1", "broker-2"), at=20, restart_after=10)'),
    remark="A yes means: in the memory of every copy in sync. Kafka does not wait for the disks [K59]. Three copies in "
    "one room with one fuse are one copy.",
    judge=judge_break,
    wrong=(
        Wrong("kill the leader", _fault(f'Crash("broker-0", {SOON})'), "A killed program leaves its files"),
        Wrong("the leader's power", _fault(f'PowerLoss("broker-0", {SOON})'), "A machine that kept its power"),
        Wrong("two of three", _fault(f"PowerLoss({ALL[:2]}, {SOON})"), "had a copy of each"),
        Wrong("cut the leader off", _fault('NetworkCut("broker-0", "broker-1", at=20, duration=30)'), "Late is not"),
        Wrong("when all is quiet", _fault(f"PowerLoss({ALL}, at=100, restart_after=5)"), "Strike while orders are"),
        Wrong("a name", _fault('"broker-0"'), "Give one fault"),
    ),
)

# -- 05-again: no answer

SILENCES = (
    ("Three answers in a row are lost", tuple(LoseReply("checkout-0", "produce", nth=nth) for nth in (30, 31, 32))),
    ("One request is lost", (LoseRequest("checkout-0", "produce", nth=20),)),
    ("broker-0 is killed", (Crash("broker-0", at=0.05, restart_after=20),)),
)


def judge_again(program: Any) -> Verdict:
    """Three kinds of silence; every order must stand in the log once."""
    topic = Topic("orders", replication_factor=3, config={"min_insync_replicas": 2})
    scenario = Scenario((topic,), services=(Service("checkout", program),))
    for words, faults in SILENCES:
        trace = run(replace(scenario, "faults", faults))
        if error := own_exception(trace):
            return no("05-again", f"{words}, and your program stops. {error}.")
        if strange := not_orders(trace):
            return no("05-again", f"You send {strange[0]!r}. What goes into the log is the order: order[\"value\"].")
        if refusal := _counted(words, trace):
            return refusal
    text = f"{len(SILENCES)} kinds of silence: all 60 orders are in the log, each of them once."
    return Verdict(True, f"05-again: yes. {text}")


def _counted(words: str, trace: Any) -> Verdict | None:
    records = trace.records[trace.records.copies > 0]
    ids = records.value.map(lambda value: value["order_id"])
    missing = [row["value"]["order_id"] for row in orders(60) if row["value"]["order_id"] not in set(ids)]
    if missing:
        text = f"{words}: order {missing[0]} is not in the log ({len(missing)} of 60 are missing)."
        return no("05-again", f"{text} You went on without a yes.", _retries(trace))
    if (records.copies > 1).any():
        double = records[records.copies > 1].iloc[0]
        text = f"{words}: order {double.value['order_id']} was sent once and stands in the log twice."
        text += " The producer sent it again, and nothing told the broker that it had seen it [K09]."
        return no("05-again", text, _retries(trace), trace.plot.sequence(records=3))
    again = records[ids.duplicated(keep=False)]
    if len(again):
        text = f"{words}: order {ids[again.index[0]]} stands in the log twice."
        text += " No answer did not mean no [K11]; and what you sent again is a new record [K19]."
        return no("05-again", text, _again_rows(again))
    return None


def _retries(trace: Any) -> Any:
    told = trace.control[trace.control.kind.isin(["request_lost", "reply_lost", "send_retry", "crashed", "elected"])]
    return told[["time", "kind", "process", "detail"]].head(6).round(3).set_index("time")


def _again_rows(again: Any) -> Any:
    order = again.value.map(lambda value: value["order_id"])
    return again.assign(order=order)[["order", "message", "offset", "created", "acked", "outcome"]].head().round(3)


def _checkout(settings: str, body: str) -> str:
    return (
        f"async def checkout_once(app):\n    producer = app.producer({settings})\n"
        f"    for order in orders(60):\n{indented(body, 2)}\n"
    )


SEND = 'await producer.send_and_wait("orders", order["value"], key=order["key"])'
OWN = "request_timeout_ms=1_000"
QUICK = f"{OWN}, delivery_timeout_ms=3_000"
LOOP = f"while True:\n    try:\n        {SEND}\n        break\n    except Exception:\n        pass"
ONCE = f"try:\n    {SEND}\nexcept Exception:\n    pass"

AGAIN = Exercise(
    id="05-again",
    starter="async def checkout_once(app):\n    ...     # your code",
    call='check("05-again", checkout_once)',
    hints=(
        "Two of you send again: the producer and your loop. Only one of them can tell the broker that it is the same.",
        "Take the loop away, and the setting that made the producer give up so soon.",
    ),
    solution=_checkout(OWN, SEND),
    remark="You paid with patience: the producer now tries for two minutes [K10]. If your program dies meanwhile, you "
    "are back where you were: only a key that the reader checks helps (lesson 06).",
    judge=judge_again,
    wrong=(
        Wrong("the same loop", _checkout(QUICK, LOOP), "No answer did not mean no"),
        Wrong("go on without", _checkout(QUICK, ONCE), "You went on without a yes"),
        Wrong("idempotence off", _checkout(f"{OWN}, enable_idempotence=False", SEND), "nothing told the broker"),
        Wrong("ask for no answer", _checkout("acks=0", SEND), "is not in the log"),
        Wrong("the whole row", _checkout(OWN, SEND.replace('order["value"]', "order")), "What goes into the log is"),
        Wrong("do not try again", _checkout(f"retries=0, {OWN}, enable_idempotence=False", SEND), "your program stops"),
    ),
)
