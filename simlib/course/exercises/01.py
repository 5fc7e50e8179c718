"""Lesson 01: one shop by calls and by events: who waits for whom, and what it costs not to wait."""

from simlib.course.exercise import Exercise
from simlib.course.exercises.call_or_event import CHOOSE
from simlib.course.exercises.circuit_breaking import BREAKER
from simlib.course.exercises.fourth_service import POINTS
from simlib.course.exercises.worker_limits import LIMITS

WORDS = Exercise(
    id="01-words",
    starter="",
    call='check("01-words")',
    hints=(
        "Who held what while payment took ten seconds, and what did those who wanted no payment have to do with it?",
        "Each buyer held ...; after a few seconds ...; from now on the shop waits ..., and what can wait ...",
    ),
    solution="""
Each buyer held one of the shop's ten workers for as long as payment took, and after three seconds
none was left: not for buyers, and not for those who only looked. From now on a worker waits two
seconds for payment and no longer. What need not be answered at once is announced, not asked for.
""",
    remark="No word of a faster payment service. It will be slow again, and it is not yours.",
)

EXERCISES = (LIMITS, BREAKER, POINTS, CHOOSE, WORDS)
