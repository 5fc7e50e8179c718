"""Views built from a topic, and pages that show them: is what they say so?"""

from __future__ import annotations

from seeded.case import Flaw, Sound, shop
from simlib import RemoteError, Service, laws
from simlib.patterns import broken_projection as broken
from simlib.patterns.projection import POSITIONS, project

TABLES = "CREATE TABLE owed (customer TEXT PRIMARY KEY, amount INTEGER);" + POSITIONS
ADD = "INSERT INTO owed VALUES (?, ?) ON CONFLICT DO UPDATE SET amount = amount + excluded.amount"
ADDS_UP = laws.as_calm("SELECT customer, amount FROM owed")


async def add(db, order):
    await db.execute(ADD, (order.key, order.value["amount"]))


def window(form):
    async def main(app):
        await form(app, "orders", "owed", add)

    return shop(Service("window", main, database=TABLES))


# -- a page and the till behind it


async def till(app):
    producer = app.producer(request_timeout_ms=1_000)

    async def save(order):
        await producer.send_and_wait("orders", order)

    await app.serve(save)


def page(press):
    async def ada(app):
        await app.show("order-1 (pending)")
        try:
            await press(app)
            await app.show("order-1")
        except (RemoteError, OSError):
            await app.show("order-1 was not saved")

    return shop(Service("till", till), Service("ada", ada), inputs=[])


async def press_once(app):
    await app.call("till", {"order": "order-1"}, timeout=2)


async def press_until_answered(app):
    while True:
        try:
            return await app.call("till", {"order": "order-1"}, timeout=2)
        except OSError:
            await app.sleep(1)


def says_what_is_so(trace):
    last = trace.screens.text.tolist()[-1]
    return last == ("order-1" if len(trace.records) else "order-1 was not saved")


FLAWS = [
    Flaw("view, position by commit", window(broken.trusts_the_commit), ADDS_UP, "crash-after:window-0.0/execute#1"),
    Flaw("commit, view", window(broken.commits_first), ADDS_UP, "crash-after:window-0.0/commit#1"),
    Flaw("view, then position", window(broken.position_afterwards), ADDS_UP, "crash-after:window-0.0/execute#2"),
    Flaw("position, then view", window(broken.position_first), ADDS_UP, "crash-after:window-0.0/execute#1"),
    Flaw("silence taken for a no", page(press_once), says_what_is_so, "crash-after:till-0.0/send#1"),
]

SOUND = [
    Sound("view and position in one transaction", window(project), ADDS_UP, faults=2),
    Sound("pressed until somebody answers", page(press_until_answered), says_what_is_so),
]
