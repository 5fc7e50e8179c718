"""Lesson 05: what a death costs, between the effect and the tick, and between the yes and the copy."""

from simlib.course.exercise import Exercise
from simlib.course.exercises.broker_dies import AGAIN, BREAK, SAFE
from simlib.course.exercises.consumer_dies import ORDER, TENS

MAIL = Exercise(
    id="05-mail",
    starter="",
    call='check("05-mail")',
    hints=("Two parts: what happened between 17:58 and 18:02, and what we change.", "The bank had ...; our tick ..."),
    solution="""
The bank had your money, and our machine lost power before it could tick your order off. When
it came back it did the order again. You get the second charge back today, and soon the bank
will know an order it has already charged.
""",
    remark="No word of Kafka in it, and no promise that the tick alone could keep.",
)

GONE = Exercise(
    id="05-gone",
    starter="",
    call='check("05-gone")',
    hints=("Who said yes, and who had a copy by then?", "One machine said yes; ...; the one that took over ..."),
    solution="""
Our shop thanked you as soon as one machine had your order. That machine died before another
one had copied it, and the one that took over had never seen it. From today we say thank you
when two have it.
""",
    remark="And if both lose power in the same second, we have to write this mail again.",
)

EXERCISES = (ORDER, TENS, MAIL, SAFE, BREAK, AGAIN, GONE)
