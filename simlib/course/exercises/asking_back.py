"""Lesson 03 C: what the event carries is used, and one question is asked at the source, when it counts."""

from typing import Any

from simlib import Crash, Service, explore, run
from simlib.course.exercise import Exercise, Verdict, Wrong
from simlib.course.exercises.code import body
from simlib.course.exercises.final_tables import nothing_forgotten
from simlib.course.exercises.refusals import no, refused
from simlib.course.exercises.thin_or_fat import START, reader, teller, town
from simlib.course.trace_words import own_exception

ORDERS = ("o-00001", "o-00002", "o-00003")
CUSTOMERS = ("Ada", "Ben", "Cleo")
BLOCKED, BLOCKED_AT = "Ben", START + 0.6
TABLE = "CREATE TABLE blocked (customer TEXT PRIMARY KEY, since REAL);"
EVENTS = tuple({"id": order, "version": 1, "state": {"order_id": order, "customer": customer, "city": "Bonn",
                                                     "blocked": False}}
               for order, customer in zip(ORDERS, CUSTOMERS, strict=True))
AWAY = (Crash("shop-0", at=START + 0.7, restart_after=20),)
"""The shop dies just after it has blocked the customer, and before anybody packs."""


async def shop(app: Any) -> None:
    """Blocks one customer, and answers who is blocked."""

    async def is_blocked(request: Any) -> Any:
        rows = await app.database.execute("SELECT 1 FROM blocked WHERE customer = ?", [request["customer"]])
        return {"blocked": bool(rows)}

    app.start_task(app.serve(is_blocked))
    await app.sleep(max(0.0, BLOCKED_AT - app.now))
    await app.database.execute("INSERT OR IGNORE INTO blocked VALUES (?, ?)", [BLOCKED, app.now])
    await app.sleep(300)


def judge_ask(pack: Any) -> Verdict:
    """Calmly; with a shop that is away when shipping asks; then every schedule."""
    calm = run(_scenario(pack))
    if refusal := _not_even_calmly(calm):
        return refusal
    away = run(_scenario(pack, faults=AWAY))
    if wrong := _anomaly(away):
        said = "No answer is not a no." if BLOCKED in wrong else "No answer is not a yes."
        return no("03-ask", f"The shop is away for twenty seconds when you ask: {wrong}. {said} {_why(wrong)}")
    result = explore(_scenario(pack), nothing_forgotten(_anomaly), progress=False)
    if found := result.counterexample:
        return refused("03-ask", _why(_anomaly(found.trace)), found)
    text = f"{result.tried} accidents, and a shop that is away: {BLOCKED} gets nothing, all others get their parcel."
    return Verdict(True, f"03-ask: yes. {text}")


def _scenario(pack: Any, **more: Any) -> Any:
    async def busy(app: Any, event: Any) -> None:
        await app.sleep(1)          # the parcel before this one
        await pack(app, event)

    services = teller(EVENTS), Service("shop", shop, database=TABLE), reader("shipping", busy)
    return town(*services, duration=600, **more)


def _not_even_calmly(calm: Any) -> Verdict | None:
    if error := own_exception(calm):
        return no("03-ask", f"Nobody is killed, and your code stops. {error}.")
    if not len(calm.effects):
        return no("03-ask", f"{len(ORDERS)} orders came, and no parcel leaves.")
    if (wrong := _anomaly(calm)) and not len(calm.calls):
        return no("03-ask", f"{wrong[0].upper()}{wrong[1:]}. The event says that {BLOCKED} is not blocked, and that "
                            "was true when it was written.")
    if wrong:
        return no("03-ask", f"Nobody is killed, and {wrong}. {_why(wrong)}")
    if len(calm.calls) > len(ORDERS):
        return no("03-ask", f"{len(calm.calls)} questions for {len(ORDERS)} orders. All else is in the event.")
    return None


def _anomaly(trace: Any) -> str:
    """What went wrong, as half a sentence."""
    parcels = set(trace.effects.key[trace.effects.name == "parcel"])
    told = {event["id"]: event["state"]["customer"] for event in trace.records.value[trace.records.copies > 0]}
    if any(told.get(order) == BLOCKED for order in parcels):
        return f"a parcel leaves for {BLOCKED}, whom the shop has blocked"
    if waiting := sorted(order for order, customer in told.items() if customer != BLOCKED and order not in parcels):
        return f"{told[waiting[0]]} is not blocked, and never gets a parcel"
    return ""


def _why(wrong: str) -> str:
    if BLOCKED in wrong:
        return "You pack before you know."
    return "You put the order aside, and nobody takes it up again."


PACK = 'await app.effect("parcel", order["order_id"])'
ASK = 'await app.call("shop", {"customer": order["customer"]}, timeout=2)'
ORDER = 'order = event["state"]'


def _pack(*lines: str) -> str:
    return "async def pack(app, event):\n" + body(ORDER, *lines)


def _unless(on_error: str) -> str:
    return _pack("try:", f"    answer = {ASK}", "except (ConnectionError, TimeoutError):", f"    {on_error}",
                 'if not answer["blocked"]:', f"    {PACK}")


ASK_EXERCISE = Exercise(
    id="03-ask",
    starter=_pack("...     # your code"),
    call='check("03-ask", pack)',
    hints=(
        "Which of the things you need can have changed since the event was written, so that it matters? Who knows?",
        'answer = await app.call("shop", {"customer": ...}, timeout=2); and no answer: then you do not know yet.',
    ),
    solution=_pack(f"answer = {ASK}", 'if not answer["blocked"]:', f"    {PACK}"),
    remark="Without an answer it raises, nothing is committed, and the order comes again. That is safe, and slow: "
           "`ask` waits and asks again. And even so a moment lies between answer and parcel. No code takes that away.",
    judge=judge_ask,
    wrong=(
        Wrong("the event knows", _pack('if not order["blocked"]:', f"    {PACK}"), "was true when it was written"),
        Wrong("pack, come what may", _pack(PACK), "was true when it was written"),
        Wrong("no answer, no block", _unless('answer = {"blocked": False}'), "No answer is not a no"),
        Wrong("no answer, no parcel", _unless("return"), "No answer is not a yes"),
        Wrong("pack, then ask", _pack(PACK, ASK), "You pack before you know"),
        Wrong("ask for all of it", _pack(f"answer = {ASK}", f"answer = {ASK}", 'if not answer["blocked"]:',
              f"    {PACK}"), "questions for 3 orders"),
        Wrong("nothing", _pack("return"), "no parcel leaves"),
    ),
)
