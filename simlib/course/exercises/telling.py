"""Lesson 02 A: a bus of one's own, as a dictionary and two functions."""

from typing import Any

from simlib import Scenario, Service, Topic, run
from simlib.course.exercise import Exercise, Verdict, Wrong
from simlib.course.exercises.code import body
from simlib.course.exercises.refusals import no
from simlib.course.trace_words import own_exception

TOLD = "order placed"


def judge_bus(on: Any, publish: Any) -> Verdict:
    """Three listeners of two events, one of them slow; an event that nobody knows; who heard what, and when?"""
    trace = run(alone(_three_listeners(on, publish)))
    if error := own_exception(trace):
        return _stopped(error)
    heard = [name for name in trace.effects.name if name != "back"]
    if refusal := _not_heard(heard) or _not_in_turn(trace):
        return refusal
    return Verdict(True, "02-bus: yes. Who listens hears it, in turn; who publishes knows none of them.")


def _three_listeners(on: Any, publish: Any) -> Any:
    async def main(app: Any) -> None:
        listeners: dict[str, Any] = {}

        async def bill(app: Any, order: str) -> None:
            await app.sleep(1)
            await app.effect("bill", order)

        on(listeners, TOLD, bill)
        on(listeners, TOLD, acting("stock"))
        on(listeners, "order shipped", acting("invoice"))
        await publish(listeners, TOLD, app, "o-00001")
        await app.effect("back", "publish")
        await publish(listeners, "order cancelled", app, "o-00002")
        await app.sleep(2)

    return main


def _stopped(error: str) -> Verdict:
    if "KeyError" in error and "cancelled" in error:
        return no("02-bus", 'Somebody publishes "order cancelled", and nobody listens. That is no error: a publisher '
                             "does not know whether anybody does.")
    if "KeyError" in error:
        return no("02-bus", f"The first who listens to an event finds no list yet. {error}.")
    if "await" in error and "NoneType" in error:
        return no("02-bus", f"publish must be an `async def`: whoever publishes awaits it. {error}.")
    return no("02-bus", f"Your functions stop. {error}.")


def _not_heard(heard: list[str]) -> Verdict | None:
    if not heard:
        return no("02-bus", "Two listen, and neither is done: to call an `async def` gives a coroutine, and nothing "
                             "happens until it is awaited.")
    if "invoice" in heard:
        return no("02-bus", 'invoice listens to "order shipped", and is called for "order placed". Keep a list for '
                             "each event.")
    if heard.count("bill") == 1 and heard.count("stock") == 1:
        return None
    if len(heard) == 1:
        return no("02-bus", f"Bill and stock listen, and only {heard[0]} hears it. A dictionary keeps one thing for "
                             "each name: let that be a list.")
    return no("02-bus", f"Bill and stock listen, each once. What was done: {', '.join(heard)}.")


def _not_in_turn(trace: Any) -> Verdict | None:
    """Who came first is done first, and publish is back when all are done."""
    names = list(trace.effects.name)
    if names == ["bill", "stock", "back"]:
        return None
    if names[-1] != "back":
        return no("02-bus", f"publish is back before {names[-1]} is done. Whoever publishes believes that all is "
                            "well, and nobody hears of an error.")
    return no("02-bus", "You start them side by side: stock is done while bill still works. Who came first is done "
                         "first, or nobody can say what stands in the database when the second begins.")


LISTEN = "def on(listeners, event, handler):\n    listeners.setdefault(event, []).append(handler)\n\n\n"
PUBLISH = ("async def publish(listeners, event, *facts):\n"
           "    for handler in listeners.get(event, []):\n"
           "        await handler(*facts)\n")
MANY = "async def publish(listeners, event, *facts):\n"


def _listening(*lines: str) -> str:
    return "def on(listeners, event, handler):\n" + body(*lines) + "\n\n"


BUS = Exercise(
    id="02-bus",
    starter="def on(listeners, event, handler):\n    ...     # your code\n\n\n"
            "async def publish(listeners, event, *facts):\n    ...     # your code",
    call='check("02-bus", on, publish)',
    hints=(
        "What does the dictionary keep for an event that two listen to? And what for one that nobody listens to?",
        "listeners.setdefault(event, []).append(...); then: for handler in listeners.get(event, []): ...",
    ),
    solution=LISTEN + PUBLISH,
    remark="Four lines. The rest of this lesson is what they promise, and what they do not.",
    judge=judge_bus,
    wrong=(
        Wrong("one listener a name", _listening("listeners[event] = [handler]") + PUBLISH, "only stock hears it"),
        Wrong("everybody hears everything", _listening('listeners.setdefault("all", []).append(handler)')
              + PUBLISH.replace("(event, [])", '("all", [])'), "Keep a list for each event"),
        Wrong("nobody listens", LISTEN + PUBLISH.replace(".get(event, [])", "[event]"), "and nobody listens"),
        Wrong("call, not await", LISTEN + PUBLISH.replace("await ", ""), "nothing happens until it is awaited"),
        Wrong("start, do not wait", "import asyncio\n\n\n" + LISTEN + PUBLISH.replace(
            "await handler(*facts)", "asyncio.create_task(handler(*facts))"), "publish is back before"),
        Wrong("all at once", "import asyncio\n\n\n" + LISTEN + MANY
              + "    await asyncio.gather(*(handler(*facts) for handler in listeners.get(event, [])))\n",
              "side by side"),
        Wrong("no list yet", _listening("listeners[event].append(handler)") + PUBLISH, "finds no list yet"),
    ),
)


# -- the frame


def acting(name: str, raises: bool = False) -> Any:
    """A listener that does something of this name, or raises."""

    async def listener(app: Any, order: str) -> None:
        if raises:
            raise ConnectionError(f"{name} is down")
        await app.effect(name, order)

    return listener


def alone(main: Any) -> Scenario:
    """A shop that nobody visits."""
    return Scenario((Topic("orders"),), services=(Service("shop", main),), duration=30)
