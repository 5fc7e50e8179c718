"""Lesson 10: a view that comes later, and what somebody sees meanwhile."""

from simlib.course.exercise import Exercise
from simlib.course.exercises.counting_view import VIEW
from simlib.course.exercises.honest_screens import REFUSAL, SCREEN
from simlib.course.exercises.how_late import SECONDS

MAIL = Exercise(
    id="10-mail",
    starter="",
    call='check("10-mail")',
    hints=(
        "What did the till know, and the window? And what does she see from today?",
        "Your order was saved at ...; the page you looked at ...; from today ...",
    ),
    solution="""
Your order was saved when we said so. The page with your orders is made by another service,
and that one was two seconds behind. From today the page shows what you have just done,
marked as pending, until it has caught up. You bought once: we have taken back the second.
""",
    remark="It does not promise that the page is never behind. It promises that she can see where she stands.",
)

EXERCISES = (VIEW, SCREEN, REFUSAL, SECONDS, MAIL)
