"""Lesson 01's shop for its judges: the same work, asked for by a call or told by an event."""

from asyncio import gather
from collections.abc import Callable, Sequence
from typing import Any

from simlib import Service, Topic

Main = Callable[[Any], Any]

ORDERS = Topic("orders")


def work(name: str, seconds: float, refuses: Callable[[Any], bool] = lambda order: False) -> Any:
    """An act that takes so long and has the effect of this name, unless it refuses the order."""

    async def act(app: Any, order: Any) -> str:
        await app.sleep(seconds)
        if refuses(order):
            return "refused"
        await app.effect(name, order["order_id"])
        return "done"

    return act


def answers(act: Any, **limits: Any) -> Main:
    """A service that is called."""

    async def main(app: Any) -> None:
        async def handle(order: Any) -> Any:
            return await act(app, order)

        await app.serve(handle, **limits)

    return main


def reads(act: Any, group: str) -> Main:
    """A service that reads events."""

    async def main(app: Any) -> None:
        consumer = app.consumer("orders", group_id=group, enable_auto_commit=False, auto_offset_reset="earliest")
        async for order in consumer:
            await act(app, order.value)
            await consumer.commit()

    return main


def customers(page: str, rows: Sequence[Any]) -> Main:
    """Everybody who asks the shop for this page; who is turned away goes elsewhere."""

    async def main(app: Any) -> None:
        async def come(row: Any) -> None:
            await app.sleep(row["at"] - app.now)
            await app.call("shop", {"page": page, **row["value"]})

        await gather(*(come(row) for row in rows if row["at"] >= app.now), return_exceptions=True)

    return main


def shop(buy: Any, announce: bool = False, **limits: Any) -> Main:
    """The shop's pages: `buy(app, order)` says what a buyer reads; what is thanked for is then announced."""

    async def main(app: Any) -> None:
        producer = app.producer() if announce else None

        async def page(request: Any) -> str:
            if request["page"] == "look":
                return "a page"
            said = await buy(app, request)
            if producer is not None and said == "thank you":
                await producer.send_and_wait("orders", request, key=request["order_id"])
            return str(said)

        await app.serve(page, **limits)

    return main


def asks(*names: str, **call: Any) -> Any:
    """A `buy` that calls these services one after the other; the first refusal ends it."""

    async def buy(app: Any, order: Any) -> str:
        for name in names:
            if await app.call(name, order, **call) == "refused":
                return "sorry"
        return "thank you"

    return buy


def service(name: str, main: Main, **more: Any) -> Service:
    """A service of this shop."""
    return Service(name, main, **more)


def pages(trace: Any, who: str) -> Any:
    """What the customers of one kind got: their calls, with the seconds they waited."""
    calls = trace.calls[trace.calls.caller == f"{who}-0"]
    return calls.assign(wait=calls.answered - calls.sent)


def rows_of(calls: Any) -> Any:
    """A few calls as a table."""
    return calls[["sent", "wait", "outcome"]].head().round(3).set_index("sent")
