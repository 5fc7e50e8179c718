"""Lesson 07: saved and announced, or neither; and who carries the note."""

from simlib.course.exercise import Exercise
from simlib.course.exercises.claiming import CLAIMING
from simlib.course.exercises.placing import PLACE
from simlib.course.exercises.relaying import AIM, RELAY

MAIL = Exercise(
    id="07-mail",
    starter="",
    call='check("07-mail")',
    hints=("Two parts: what happened on Friday, and what we change.", "Our shop had ..., and before it could ..."),
    solution="""
Our shop had written your order down, and was restarted before it could tell the warehouse. Nobody there
ever heard of it. It ships today. From now on the message to the warehouse is written down together with
the order, and one of us carries it there, again and again, until it has arrived.
""",
    remark="It may arrive twice. Then the warehouse sees that it knows the order, and ships once.",
)

EXERCISES = (PLACE, RELAY, AIM, CLAIMING, MAIL)
