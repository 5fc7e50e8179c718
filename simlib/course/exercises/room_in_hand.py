"""Lesson 15 D: a consumer that works on ten orders at a time, and takes no more than it has room for."""

from typing import Any

import numpy as np

from simlib import Scenario, Service, Topic, run
from simlib.course.exercise import Exercise, Verdict, Wrong
from simlib.course.exercises.refusals import no
from simlib.data import orders

ID = "15-room"
ORDERS, AT_ONCE = 200, 10
MEAN = 0.5              # seconds a mail takes
MOST_IN_HAND = 25
SECONDS = 20            # for all of them


def judge_room(mailer: Any) -> Verdict:
    """A burst of real orders: all mailed, quickly, and never many in the program's own hands."""
    trace = run(_burst(mailer), progress=False)
    turned_away = (trace.calls.outcome == "overloaded").sum()
    if turned_away:
        return no(ID, f"The post takes {AT_ONCE} at a time. You gave it more: {turned_away} mails were turned away.")
    sent = trace.effects[trace.effects.name == "mail"].key
    if sent.nunique() < ORDERS:
        return no(ID, _missing(trace, sent.nunique()))
    if (most := _most_in_hand(trace)) > MOST_IN_HAND:
        return no(ID, f"All are mailed, {AT_ONCE} at a time. But {most} orders lay in your program's memory, taken "
                      "from the log and not yet mailed. With a million waiting it would be a million; and in the log "
                      "they were safe.")
    took = trace.calls.answered.max() - trace.deliveries.time.min()
    if took > SECONDS:
        return no(ID, _slow(took, most))
    return Verdict(True, f"{ID}: yes. {ORDERS} mails in {took:.0f} s, and never more than {most} orders in hand. The "
                         "others waited in the log, or in what the last poll had brought.")


def _burst(mailer: Any) -> Scenario:
    return Scenario((Topic("orders"),), inputs={"orders": tuple(orders(ORDERS, rate=200))}, brokers=1, duration=400,
                    services=(Service("post", _post), Service("mailer", mailer)))


async def _post(app: Any) -> None:
    """Takes ten at a time, each for another while; an eleventh is turned away."""
    async def handle(order: Any) -> str:
        await app.sleep(app.random.expovariate(1 / MEAN))
        await app.effect("mail", order["order_id"])
        return "sent"

    await app.serve(handle, workers=AT_ONCE, queue=0)


def _most_in_hand(trace: Any) -> int:
    """The most orders that were handed over and not yet mailed."""
    handed, mailed = np.sort(trace.deliveries.time), np.sort(trace.calls.answered.dropna())
    return int((np.arange(1, len(handed) + 1) - np.searchsorted(mailed, handed)).max())


def _missing(trace: Any, sent: int) -> str:
    if not sent:
        return "Nobody gets a mail. `await app.call(\"post\", order.value)` sends one."
    return f"Only {sent} of {ORDERS} orders are mailed, and the run is over. Where are the others?"


def _slow(took: float, most: int) -> str:
    if most > 2:
        return (f"It takes {took:.0f} s. You begin {AT_ONCE}, and then wait for the slowest of them before the next "
                "may begin: the others' places stand empty.")
    return f"It takes {took:.0f} s: one mail at a time. The post has {AT_ONCE} clerks, and nine are idle."


def _loop(body: str, before: str = "", names: str = "Semaphore, create_task") -> str:
    """A mailer: what its loop does with an order, what stands before the loop, and what it imports."""
    return f"""
from asyncio import {names}


async def mailer(app):
    consumer = app.consumer("orders", group_id="mail", auto_offset_reset="earliest")
{before}    async for order in consumer:
{body}"""


SEND = """    room = Semaphore({room})

    async def send(order):
{send}
"""

TAKE = """        await room.acquire()
        create_task(send(order))
"""
GIVE_BACK = """        await app.call("post", order.value)
        room.release()"""

ROOM = Exercise(
    id=ID,
    starter=_loop("""        ...                                     # ten at a time
        await app.call("post", order.value)     # sends a mail
""", names="Semaphore, TaskGroup"),
    call=f'check("{ID}", mailer)',
    hints=(
        "A task for each order lets them overlap. Who makes the loop wait when ten are under way?",
        "room = Semaphore(10). The loop awaits room.acquire() before it begins a task; the task calls room.release() "
        "when it is done. `async with TaskGroup() as tasks:` around the loop keeps hold of the tasks.",
    ),
    solution="""
from asyncio import Semaphore, TaskGroup


async def mailer(app):
    consumer = app.consumer("orders", group_id="mail", auto_offset_reset="earliest")
    room = Semaphore(10)

    async def send(order):
        try:
            await app.call("post", order.value, timeout=30)
        finally:
            room.release()

    async with TaskGroup() as tasks:
        async for order in consumer:
            await room.acquire()
            tasks.create_task(send(order))
""",
    remark="The loop stops, so it does not ask for more, so the orders stay in the log: that is all backpressure is. "
    "(Dead now, ten orders are ticked off and not mailed. Commit what is done, not what is taken: lesson 05.)",
    judge=judge_room,
    wrong=(
        Wrong("one after the other", _loop('        await app.call("post", order.value)\n'), "one mail at a time"),
        Wrong("a task for each", _loop('        create_task(app.call("post", order.value))\n'), "were turned away"),
        Wrong("room for a hundred", _loop(TAKE, SEND.format(room=100, send=GIVE_BACK)), "were turned away"),
        Wrong("the tasks wait for room", _loop("        create_task(send(order))\n", SEND.format(
            room=10, send='        async with room:\n            await app.call("post", order.value)')),
            "in your program's memory"),
        Wrong("a queue without an end", _loop("        queue.put_nowait(order)\n", """    queue = Queue()

    async def clerk():
        while True:
            order = await queue.get()
            await app.call("post", order.value)

    clerks = [create_task(clerk()) for _ in range(10)]
""", "Queue, create_task"), "in your program's memory"),
        Wrong("ten, and then ten more", _loop("""        ten.append(app.call("post", order.value))
        if len(ten) == 10:
            await gather(*ten)
            ten.clear()
""", "    ten = []\n", "gather"), "wait for the slowest"),
        Wrong("room is never given back", _loop(TAKE, SEND.format(
            room=10, send='        await app.call("post", order.value)')), "Where are the others"),
    ),
)
