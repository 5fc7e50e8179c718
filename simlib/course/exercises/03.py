"""Lesson 03: an id and a question, or everything in the event."""

from simlib.course.exercise import Exercise
from simlib.course.exercises.asking_back import ASK_EXERCISE
from simlib.course.exercises.event_fields import CHOOSE_FIELDS
from simlib.course.exercises.keeping_copies import COPY

WORDS = Exercise(
    id="03-words",
    starter="",
    call='check("03-words")',
    hints=(
        "What does every reader need to do its work? What may never travel? What must be asked on the day?",
        "The event says what happened, and carries ...; it does not carry ...; before we ..., we still ask.",
    ),
    solution="""
The event says what has happened, and carries what its readers need for their work: items,
amount, address, and a version. Then the warehouse packs whether the shop is up or not. It
does not carry secrets, nor what is heavy and read by few: for that there is the id. And what
must be true at the moment of the act, such as a block, is asked at that moment.
""",
    remark="If yours says which question stays, you know both shapes.",
)

EXERCISES = (CHOOSE_FIELDS, COPY, ASK_EXERCISE, WORDS)
