"""Lesson 10 B: a screen that never takes back what it has said; and one that has to."""

from typing import Any

from simlib import explore, laws, run
from simlib.course.exercise import Exercise, Verdict, Wrong
from simlib.course.exercises.code import body
from simlib.course.exercises.order_screens import last, law, listed, pending, shop
from simlib.course.exercises.refusals import no, refused_in_lines
from simlib.course.trace_words import own_exception

STAYS, PATIENT = laws.stays_on_screen("o-17"), laws.nobody_waits_longer_than(5)


def _in_the_end(trace: Any) -> bool:
    return listed(last(trace))


def _so(trace: Any) -> bool:
    if len(trace.records):
        return listed(last(trace))
    return "o-17" in last(trace) and not listed(last(trace)) and not pending(last(trace))


def _not_too_early(trace: Any) -> bool:
    """Listed as one that is there only when the window has written it."""
    control = trace.control
    written = control[(control.kind == "executed") & control.detail.str.startswith("INSERT INTO my_orders")].time.min()
    screens = trace.screens
    return all(time >= written for time in screens.time[[listed(text) for text in screens.text]])


LISTED = law("listed in the end", _in_the_end, "o-17 does not stand in her list like any other order")
NOT_EARLY = law("listed when it is there", _not_too_early, "her list has o-17 before the window has it")
SO = law("says what is so", _so, "her last screen says something else")
IDEAS = {
    STAYS: "She was told that it is saved, and now it is gone from her screen.",
    NOT_EARLY: "You list it as if the window had it. On her telephone she looks, and it is not there: mark it as "
               "pending until then.",
    LISTED: "Her list never shows it like any other order: you stop looking before the window has it.",
    PATIENT: "She waits, and nobody tells her what for.",
}


def judge_screen(screen: Any) -> Verdict:
    """Every schedule, by four rules: behind each that can be broken is an idea."""
    scenario = shop(screen)
    if refusal := _stops("10-screen", run(scenario)):
        return refusal
    result = explore(scenario, list(IDEAS), progress=False)
    if (found := result.counterexample) is not None:
        idea = next(idea for rule, idea in IDEAS.items() if rule(found.trace).broken)
        return _refused("10-screen", idea, found)
    return Verdict(True, f"10-screen: yes. {result.tried} schedules: what she was shown stays, she never waits longer "
                         "than five seconds, and in the end her list has it.")


def judge_refused(screen: Any) -> Verdict:
    """Sold out, then not: each time every schedule. press() asks once."""
    sold_out, there = shop(screen, patient=False, sold_out=True), shop(screen, patient=False)
    calm = run(sold_out)
    if "LookupError: sold out" in (own_exception(calm) or ""):
        text = "You do not catch the till's no. Her page dies of it and begins anew, again and again."
        return _no("10-refused", text)
    if refusal := _stops("10-refused", calm):
        return refusal
    if listed(last(calm)) or pending(last(calm)):
        return _no("10-refused", "The till has refused it, and her list goes on showing it.", calm)
    if "o-17" not in last(calm):
        text = "It is gone from her list without a word. She was shown it: say what became of it."
        return _no("10-refused", text, calm)
    for scenario in (there, sold_out):
        found = explore(scenario, SO, progress=False).counterexample
        if found is not None:
            return _refused("10-refused", _untrue(found.trace), found)
    return Verdict(True, "10-refused: yes. Saved or sold out, answered or not: her last screen says what is so.")


def _untrue(trace: Any) -> str:
    if pending(last(trace)):
        return "Nobody answered, and you leave it at that: it is pending for ever."
    if listed(last(trace)):
        return "Nobody answered, and you take that for a yes. It is not saved."
    return "Nobody answered, and you take that for a no. It is saved, and she buys again."


def _stops(id: str, calm: Any) -> Verdict | None:
    if error := own_exception(calm):
        return _no(id, f"Your code stops before anybody kills it. {error}.")
    return None if len(calm.screens) else _no(id, "Her screen stays dark: nothing is shown.")


def _no(id: str, text: str, trace: Any = None) -> Verdict:
    return no(id, text, picture=trace and trace.plot.screens(about="o-17"))


def _refused(id: str, idea: str, found: Any) -> Verdict:
    return refused_in_lines(id, idea, found, found.trace.plot.screens(about="o-17"))


def _page(*lines: str, imports: str = "covers, with_pending") -> str:
    head = f"from simlib.patterns.reading_your_writes import {imports}\n\n\n" if imports else ""
    return f"{head}async def screen(app, press, look):\n{body(*lines)}"


SAVING, PRESS = 'await app.show("Saving o-17 ...")', "wanted = await press()"
LOOK, LIST = "answer = await look()", 'await app.show("My orders:", *answer["orders"])'
MARKED = 'await app.show("My orders:", *with_pending(answer["orders"], ["o-17"]))'
ENOUGH = 'if covers(answer["version"], wanted):'

SCREEN = Exercise(
    id="10-screen",
    starter=_page(SAVING, PRESS, "...     # your code"),
    call='check("10-screen", screen)',
    hints=(
        "You know of the order, and the window does not yet. What can you show her, again and again, until it does?",
        "while True: answer = await look() - show with_pending(...) - if covers(...): return - await app.sleep(1)",
    ),
    solution=_page(SAVING, PRESS, "while True:", f"    {LOOK}", f"    {MARKED}", f"    {ENOUGH}", "        return",
                   "    await app.sleep(1)"),
    remark="A page that asks again and again is load for the window. Ask less often the longer it takes.",
    judge=judge_screen,
    wrong=(
        Wrong("hope", _page(SAVING, PRESS, LOOK, LIST), "gone from her screen"),
        Wrong("wait for it", _page(SAVING, PRESS, 'await app.show("Loading o-17 ...")', LOOK,
                                   f"while not {ENOUGH[3:-1]}:", "    await app.sleep(1)", f"    {LOOK}", LIST),
              "She waits"),
        Wrong("a deadline, and that is all", _page(SAVING, PRESS, LOOK.replace("()", "(after=wanted, within=3)"),
                                                   MARKED), "you stop looking"),
        Wrong("pending for ever", _page(SAVING, PRESS, 'await app.show("My orders:", "o-17 (pending)")'),
              "you stop looking"),
        Wrong("as if it were there", _page(SAVING, PRESS, 'await app.show("My orders:", "o-17")'), "as if the window"),
        Wrong("nothing shown", _page(PRESS), "stays dark"),
        Wrong("the answer is no list", _page(SAVING, PRESS, LOOK, 'await app.show(*with_pending(answer, ["o-17"]))',
                                             'await app.show(answer["list"])'), "Your code stops"),
    ),
)


def _early(*lines: str) -> str:
    return _page('await app.show("My orders:", "o-17 (pending)")', *lines, imports="")


TRY, THERE = ("try:", "    await press()"), 'await app.show("My orders:", "o-17")'
REFUSED, GONE = "except RemoteError:", 'await app.show("o-17 was not saved: sold out.")'
UNKNOWN = "except (TimeoutError, ConnectionError):"

REFUSAL = Exercise(
    id="10-refused",
    starter=_early(*TRY, f"    {THERE}", REFUSED, "    ...     # your code"),
    call='check("10-refused", screen)',
    hints=(
        "Three things can come of press(): a yes, a no, and nothing. What does she know after each?",
        "except RemoteError: say so. except (TimeoutError, ConnectionError): wait a second, and press again.",
    ),
    solution=_early("while True:", "    try:", "        await press()", f"        return {THERE}",
                    f"    {REFUSED}", f"        return {GONE}", f"    {UNKNOWN}", "        await app.sleep(1)"),
    remark="It may press as often as it likes: an order has one id, and the window keeps one row for it (lesson 06).",
    judge=judge_refused,
    wrong=(
        Wrong("keep it", _early(*TRY, f"    {THERE}", REFUSED, "    pass"), "goes on showing it"),
        Wrong("without a word", _early(*TRY, f"    {THERE}", REFUSED, '    await app.show("My orders:", "none")'),
              "without a word"),
        Wrong("every error is a no", _early(*TRY, f"    {THERE}", "except Exception:", f"    {GONE}"),
              "you take that for a no"),
        Wrong("silence is a yes", _early(*TRY, f"    {THERE}", REFUSED, f"    {GONE}", UNKNOWN, f"    {THERE}"),
              "you take that for a yes"),
        Wrong("leave it", _early(*TRY, f"    {THERE}", REFUSED, f"    {GONE}", UNKNOWN, "    pass"),
              "pending for ever"),
        Wrong("catch nothing", _early("await press()", THERE), "do not catch"),
        Wrong("once more, then give up", _early("for attempt in range(2):", "    try:", "        await press()",
              f"        return {THERE}", f"    {REFUSED}", f"        return {GONE}", f"    {UNKNOWN}", "        pass",
              GONE), "you take that for a no"),
    ),
)
