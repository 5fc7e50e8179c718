"""Lesson 16 C: six sentences somebody wants to say at work, and what the ledger has to say about them."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from simlib.course.exercise import Exercise, Verdict, Wrong
from simlib.course.exercises.refusals import no
from simlib.statements import Statement, statements

ID = "16-trust"
ANSWERS = {"yes": "agrees", "simulated": "simulated only", "no": ""}


class Saying(NamedTuple):
    """A sentence, the row it leans on, the right answer, and why."""

    text: str
    row: str
    answer: str
    why: str


SAYINGS = (
    Saying("Kafka notices a killed consumer when its session timeout is over.", "K86", "yes",
           "Its test runs on a real Kafka, too"),
    Saying("With acks=1 a leader's death costs us 40 orders.", "K02", "no",
           "The row says that acknowledged orders are gone; how many, a clock decides. Say: some"),
    Saying("With acks='all' and min_insync_replicas=2, nothing is written while only one broker is in sync.", "K04",
           "yes", "Its test runs on a real Kafka, too"),
    Saying("If all brokers in sync lose power at once, orders with acks='all' can be gone.", "K59", "simulated",
           "Nobody cuts a real machine's power in a test; the row leans on Kafka's documentation"),
    Saying("Our C++ shop (librdkafka) keeps the order, with one request in flight.", "K26", "no",
           "It is another client, which is not modelled; and the row says the opposite"),
    Saying("If a record is refused, our Python shop (kafka-python) loses only this one.", "K68a", "no",
           "So it is for Java's client, and in virtual time. Yours is the client of which the row says: differs"),
)


def judge_trust(may_say: Any) -> Verdict:
    """One answer for each sentence, held against its row of the register."""
    if not isinstance(may_say, Mapping) or sorted(may_say, key=str) != list(range(1, len(SAYINGS) + 1)):
        return no(ID, f"One answer for each number, please: 1 to {len(SAYINGS)}.")
    register = statements()
    for number, saying in enumerate(SAYINGS, start=1):
        answer = may_say[number]
        if answer not in ANSWERS:
            return no(ID, f"{number}: {answer!r}? Answer 'yes', 'simulated' or 'no'.")
        if answer != saying.answer:
            return no(ID, _refused(number, answer, saying, register[saying.row]))
    return Verdict(True, f"{ID}: yes. Two you may say, one as the simulator's word; three the ledger does not carry.")


def _refused(number: int, answer: str, saying: Saying, row: Statement) -> str:
    said = {"yes": "You would say it", "simulated": "You would say it of the simulator", "no": "You would not say it"}
    return f'{number}: "{saying.text}" {said[answer]}. {saying.row} ({row.verdict}): {row.heading}. {saying.why}.'


def _answers(answers: str) -> str:
    rows = (f'{number}: "{answer}"' for number, answer in enumerate(answers.split(), start=1))
    return f"may_say = {{{', '.join(rows)}}}"


TRUST = Exercise(
    id=ID,
    starter="may_say = {1: ..., 2: ..., 3: ..., 4: ..., 5: ..., 6: ...}",
    call=f'check("{ID}", may_say=may_say)',
    hints=(
        "For each sentence two questions: does the row say just this, and no more? And what is its verdict?",
        "One sentence claims a number that no row has, one speaks of a client that is not modelled, one of a client "
        "that does otherwise. Of the other three, one has never been tried on a real Kafka.",
    ),
    solution=_answers(" ".join(saying.answer for saying in SAYINGS)),
    remark="A row carries what it says and no more: no number that a clock decides, and nothing about a client that it "
    "does not name.",
    judge=judge_trust,
    wrong=(
        Wrong("all of it was in the course", _answers("yes yes yes yes yes yes"), "how many, a clock decides"),
        Wrong("nothing is real", _answers("simulated no simulated simulated no no"), "K86 (agrees)"),
        Wrong("tried is tried", _answers("yes no yes yes no no"), "Nobody cuts a real machine's power"),
        Wrong("a Kafka is a Kafka", _answers("yes no yes simulated yes no"), "another client"),
        Wrong("the simulator is the client", _answers("yes no yes simulated no simulated"), "differs"),
        Wrong("trust nobody", _answers("no no no no no no"), "You would not say it"),
        Wrong("perhaps", _answers("yes perhaps yes simulated no no"), "Answer 'yes', 'simulated' or 'no'"),
        Wrong("not all", 'may_say = {1: "yes"}', "One answer for each number"),
    ),
)
