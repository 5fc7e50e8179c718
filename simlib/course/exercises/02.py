"""Lesson 02: a bus, and what it is not."""

from simlib.course.exercise import Exercise
from simlib.course.exercises.now_or_later import WHERE
from simlib.course.exercises.one_raises import RAISE
from simlib.course.exercises.posting import MAIL
from simlib.course.exercises.telling import BUS

WORDS = Exercise(
    id="02-words",
    starter="",
    call='check("02-words")',
    hints=(
        "Three kinds of colleagues: who may say no, who must not be forgotten, and all others.",
        "`place` tells ... itself; whoever must never miss an order ...; and marketing ...",
    ),
    solution="""
The code that places an order should know nobody. It says what has happened. Whoever may
object, or must be right together with the order, listens in the same transaction. Whoever
must not miss one reads it from a topic, in a program of his own, when he can. Marketing
writes its own listener, and nobody asks for a line in `place`.
""",
    remark="If yours says who may object and who must not miss one, the rest follows.",
)

EXERCISES = (BUS, RAISE, MAIL, WHERE, WORDS)
