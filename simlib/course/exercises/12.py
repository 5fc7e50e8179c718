"""Lesson 12: one record that cannot be handled, and everybody behind it."""

from simlib.course.exercise import Exercise
from simlib.course.exercises.backing_off import WAIT
from simlib.course.exercises.dead_letters import TRAY
from simlib.course.exercises.parked_customers import PARK
from simlib.course.exercises.worth_again import SORT

MAIL = Exercise(
    id="12-mail",
    starter="",
    call='check("12-mail")',
    hints=("What was stuck, why did it stay stuck, and what happens to such an order from now on?",
           "One order had no amount, and billing ...; from now on ...; each morning somebody ..."),
    solution="""
One order came without an amount. Billing tried it again and again, and took no other order
meanwhile. From now on such an order is put aside with its reason, later orders of the same
customer wait behind it, and each morning somebody looks at what was put aside.
""",
    remark="No word of skipping it: a skipped order is one that nobody will ever ask about.",
)

EXERCISES = (SORT, TRAY, PARK, WAIT, MAIL)
