"""Lesson 16: what a simulator and a real Kafka share, what they cannot share, and what may be said of it."""

from simlib.course.exercise import Exercise
from simlib.course.exercises.from_the_ledger import TRUST
from simlib.course.exercises.on_both_sides import BOTH
from simlib.course.exercises.which_differs import DIFFERS

WORDS = Exercise(
    id="16-words",
    starter="",
    call='check("16-words")',
    hints=(
        "Three things: what is the same to the last record, what is not, and how anybody can see it.",
        "What steps decide ...; what clocks decide ...; and where it is only a model, ...",
    ),
    solution="""
I drew it, and a real Kafka did the same: the same order twice, the same orders gone, because an
accident between two steps leaves one thing to do next. It did not do it in the same milliseconds,
and nobody may learn milliseconds from me. Where I have only a model, a list says so, row by row.
""",
    remark="If your answer has a number in it, ask who decided it: a step or a clock?",
)

EXERCISES = (DIFFERS, BOTH, TRUST, WORDS)
