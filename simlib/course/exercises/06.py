"""Lesson 06: where the memory of an event stands, and what needs none."""

from simlib.course.exercise import Exercise
from simlib.course.exercises.idempotency_keys import KEY
from simlib.course.exercises.inbox import GIVE_POINTS
from simlib.course.exercises.natural_keys import NEWEST
from simlib.course.exercises.redis_marks import BREAK

MAIL = Exercise(
    id="06-mail",
    starter="",
    call='check("06-mail")',
    hints=(
        "What did the table know, and when? And what has to be one step from today?",
        "Our list was written ...; from today the charge and the list ...",
    ),
    solution="""
We kept a list of the orders we had charged, and wrote it just after the charge. Between the
two our machine stopped, so the list did not know yours. From today both are written in one
step: they are both there, or neither is. An order that comes twice is charged once.
""",
    remark="It does not promise that nothing comes twice. Twice will come; it only has to equal once.",
)

EXERCISES = (BREAK, GIVE_POINTS, NEWEST, KEY, MAIL)
