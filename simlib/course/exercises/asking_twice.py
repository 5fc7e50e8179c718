"""Lesson 15 E: when to ask a second time, so that a slow shelf is not waited for and the others are not bothered."""

from asyncio import gather
from functools import cache, partial
from typing import Any

from simlib import Scenario, Service, run
from simlib.course.exercise import Exercise, Verdict, Wrong
from simlib.course.exercises.refusals import no
from simlib.patterns.resilience import hedged

ID = "15-again"
PAGES, SHELVES = 300, 10
USUAL, SLOW, ONE_IN = (0.008, 0.012), 1.0, 100
SOON = 0.1              # seconds a page may take, for 99 of 100
MORE = 0.05             # questions that may be asked a second time


def judge_again(after: Any) -> Verdict:
    """Three hundred pages of ten shelves each, every shelf asked again after so many seconds."""
    if isinstance(after, bool) or not isinstance(after, int | float) or after < 0:
        return no(ID, f"after is a number of seconds, 0 or more. You gave {after!r}.")
    late, more = _measured(float(after))
    if more > MORE:
        return no(ID, _too_soon(more, after))
    if late > 0.01:
        return no(ID, f"Asked again after {after:g} s, {late:.0%} of the pages still take over {SOON:g} s: the first "
                      "question has been waited for too long before the second was asked.")
    return Verdict(True, f"{ID}: yes. {more:.1%} more questions, and {late:.1%} of the pages take over {SOON:g} s.")


def _too_soon(more: float, after: float) -> str:
    if more > 0.95:
        return f"You ask every shelf twice: {more:.0%} more questions, and the shelves are as busy as with two shops."
    return (f"After {after:g} s many shelves that are well have not answered yet: {more:.0%} more questions. Ask again "
            "only those that are slower than almost all.")


@cache
def _measured(after: float) -> tuple[float, float]:
    """The share of pages that take too long, and how many questions more there are than shelves on the pages."""
    trace = run(Scenario((), services=(Service("shelf", _shelf), Service("shop", partial(_pages, after))),
                         duration=PAGES * 0.2 + 10), progress=False)
    took = trace.effects[trace.effects.name == "page"].key.str["took"]
    return float((took > SOON).mean()), len(trace.calls) / (PAGES * SHELVES) - 1


async def _shelf(app: Any) -> None:
    async def handle(request: Any) -> str:
        await app.sleep(SLOW if app.random.random() < 1 / ONE_IN else app.random.uniform(*USUAL))
        return "a CD"

    await app.serve(handle)


async def _pages(after: float, app: Any) -> None:
    """One page after the other is begun, whether or not the last is done."""
    async def page(n: int) -> None:
        await app.sleep(0.2 * n)
        begun = app.now
        await gather(*(hedged(app, after, *[partial(app.call, "shelf", (n, shelf))] * 2) for shelf in range(SHELVES)))
        await app.effect("page", {"page": n, "took": app.now - begun})

    await gather(*(page(n) for n in range(PAGES)))


AGAIN = Exercise(
    id=ID,
    starter="after = ...     # seconds",
    call=f'check("{ID}", after=after)',
    hints=(
        "A shelf that is well has answered after how long at the latest? And how many are slower than that?",
        "Longer than 12 milliseconds, so that only one in a hundred is asked twice; short enough that it and the "
        "second answer fit into 100.",
    ),
    solution="after = 0.02",
    remark="One question in a hundred is asked twice. A page is slow only where both are: one in ten thousand, ten "
    "times. (A read may be asked twice. For a charge see lesson 06.)",
    judge=judge_again,
    wrong=(
        Wrong("both at once", "after = 0", "You ask every shelf twice"),
        Wrong("when half have answered", "after = 0.01", "many shelves that are well"),
        Wrong("half a second of patience", "after = 0.5", "waited for too long"),
        Wrong("milliseconds", "after = 20", "waited for too long"),
        Wrong("before it begins", "after = -1", "0 or more"),
    ),
)
