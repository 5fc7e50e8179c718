"""Lesson 15: how many consumers, how long the queues, and where they stand."""

from simlib.course.exercise import Exercise
from simlib.course.exercises.after_the_outage import OUTAGE
from simlib.course.exercises.asking_twice import AGAIN
from simlib.course.exercises.enough_consumers import CONSUMERS
from simlib.course.exercises.room_in_hand import ROOM

WORDS = Exercise(
    id="15-words",
    starter="",
    call='check("15-words")',
    hints=(
        "Three numbers decide, and one of them nobody has told you yet. What do you ask your boss?",
        "There is work for ...; but at that number ...; so how long may ...? And after an outage ...",
    ),
    solution="""
There is work for four, but four would be busy all the time, and then every delay stays. How long
may an order wait, and how soon must we have caught up when the bank was away? For half a second
and twice as long as it was away, it is six, on twelve partitions. And wherever a queue may grow,
it gets an end: what we cannot do in time we say at once.
""",
    remark="If you answered with a question, you are right: without a limit for the wait there is no number.",
)

EXERCISES = (CONSUMERS, OUTAGE, ROOM, AGAIN, WORDS)
