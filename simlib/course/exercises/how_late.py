"""Lesson 10 C: eventually, in seconds."""

from functools import cache, partial
from typing import Any

from simlib import ConsumerGroup, Producer, Scenario, Topic, run
from simlib.course.exercise import Exercise, Verdict, Wrong
from simlib.course.exercises.refusals import no

WANTED = 0.99
LONGER = 1.15
"""How much longer than need be is still a good answer."""


@cache
def lateness() -> Any:
    """Seconds from "saved" to "in the window", order by order, of the shop with six orders a second."""
    saturday = Scenario((Topic("orders"),), seed=7, duration=200,
                        producers=(Producer("till", topic="orders", rate=6, arrivals="poisson"),),
                        groups=(ConsumerGroup("window", topic="orders", service_time=0.15),))
    trace = run(saturday)
    saved = trace.records.set_index("message").acked
    done = trace.deliveries.set_index("message").done.dropna()
    return done - saved[done.index]


def judge_seconds(seconds: Any) -> Verdict:
    """As short as can be, and 99 of 100 find their order."""
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        return _no(f"Give a number of seconds. You gave {seconds!r}.")
    late = lateness()
    found, least = float((late <= seconds).mean()), float(late.quantile(WANTED))
    if found >= WANTED and seconds <= LONGER * least:
        return Verdict(True, f"10-seconds: yes. After {seconds:.3g} s, {found:.1%} find their order.")
    if seconds >= 100 * least:
        return _no("That is a long thank-you. Seconds, please, not milliseconds.")
    if found >= WANTED:
        longest = "; the last one is what a single unlucky order took" if found > 0.9995 else ""
        return _no(f"{found:.2%} find their order. You let everybody wait longer than need be{longest}.")
    if abs(seconds - late.mean()) < 0.02:
        return _no(f"That is the mean. Only {found:.0%} have their order by then: a few wait long, and most do not.")
    return _no(f"After {seconds:g} s, {found:.0%} find their order. {1 - found:.0%} write to you.")


_no = partial(no, "10-seconds")


SECONDS = Exercise(
    id="10-seconds",
    starter="seconds = ...",
    call='check("10-seconds", seconds)',
    hints=(
        "Run the shop with six orders a second. Which part of the orders is there after one second, after two?",
        "lateness(run(replace(friday, \"producers.till.rate\", ...))).quantile(...)",
    ),
    solution="seconds = 2.3",
    remark="Your number is another: measure p and t where you work, at the busiest hour, and again when traffic grows.",
    judge=judge_seconds,
    wrong=(
        Wrong("the mean", "seconds = 0.68", "the mean"),
        Wrong("half of them", "seconds = 0.5", "write to you"),
        Wrong("nine of ten", "seconds = 1.35", "90% find"),
        Wrong("Friday's number", "seconds = 1.13", "write to you"),
        Wrong("the longest", "seconds = 60", "longer than need be"),
        Wrong("milliseconds", "seconds = 2_400", "not milliseconds"),
        Wrong("a word", 'seconds = "soon"', "Give a number"),
    ),
)
