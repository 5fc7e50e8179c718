"""Lesson 04: tills and packers, crowded tills, a killed packer, one till more."""

from typing import Any

from simlib import run
from simlib.course.exercise import Exercise, Verdict, Wrong
from simlib.course.exercises.refusals import no
from simlib.course.exercises.shifts import GROW, RELIEF
from simlib.course.exercises.tills import PICKY, evening, longest_wait, packed_by, sale
from simlib.data import orders

# --- how many tills, how many packers ---------------------------------------------------------------------------------

MORNING_WAIT, WAGES = 10, 4


def judge_packers(partitions: Any, packers: Any) -> Verdict:
    """The morning of the sale with so many tills and packers."""
    if not all(isinstance(number, int) and 1 <= number <= 12 for number in (partitions, packers)):
        return no("04-packers", f"Whole numbers from 1 to 12, please: partitions={partitions!r}, packers={packers!r}.")
    trace = run(sale(tuple(orders(300, rate=6)), partitions, packers, **PICKY))
    wait = f"the longest wait is {longest_wait(trace):.1f} seconds"
    if packers > WAGES:
        return no("04-packers", f"You pay {packers} wages to shorten a queue; {WAGES} are allowed. Here {wait}.",
                   packed_by(trace), trace.plot.assignment())
    if packers > partitions:
        return no("04-packers", f"{packers - partitions} of your {packers} packers can only watch: more packers than "
                   f"partitions [K84]. So {wait}.", packed_by(trace), trace.plot.lag())
    if longest_wait(trace) > MORNING_WAIT:
        return no("04-packers", _crowded(trace, wait), packed_by(trace), trace.plot.lag())
    return Verdict(True, f"04-packers: yes. {partitions} tills, {packers} packers: {wait}.")


def _crowded(trace: Any, wait: str) -> str:
    table = packed_by(trace)
    tills = table.tills.str.count(",") + 1
    if tills.max() == tills.min():
        return f"{len(table)} packers are too few for 6 orders a second, however many tills they have: {wait}."
    busiest = table["orders packed"].idxmax()
    return (f"Your tills do not divide by {len(table)}: {tills.idxmax()} minds {tills.max()}, somebody else "
            f"{tills.min()}. {busiest} packs most, and {wait}.")


PACKERS = Exercise(
    id="04-packers",
    starter="partitions = ...\npackers = ...",
    call='check("04-packers", partitions=partitions, packers=packers)',
    hints=(
        "A packer without a till packs nothing; one with two tills has two queues. Who has how many, in your plan?",
        "Four packers, and for each of them equally many tills.",
    ),
    solution="partitions = 4\npackers = 4",
    remark="Eight tills do as well, and twelve: more partitions than packers are fine if everybody gets equally many. "
    "Choose before the topic fills: episode 4 is about changing your mind.",
    judge=judge_packers,
    wrong=(
        Wrong("one packer more is enough", "partitions = 3\npackers = 4", "can only watch"),
        Wrong("money is no object", "partitions = 6\npackers = 6", "You pay 6 wages"),
        Wrong("more tills can only help", "partitions = 6\npackers = 4", "do not divide by 4"),
        Wrong("one till to spare", "partitions = 5\npackers = 4", "do not divide by 4"),
        Wrong("more tills instead of packers", "partitions = 12\npackers = 3", "too few for 6 orders a second"),
        Wrong("half a till", "partitions = 4.5\npackers = 4", "Whole numbers"),
    ),
)

# --- who stands where -------------------------------------------------------------------------------------------------

TILLS, EVENING_WAIT = 4, 15


def judge_seats(seats: Any) -> Verdict:
    """The evening sale, each guest sent to the till that the learner chose."""
    visits = _visits()
    plan = seats(dict(visits))
    trouble = _plan_trouble(plan, visits)
    if trouble:
        return no("04-seats", trouble)
    rows = tuple({**row, "partition": plan[row["key"]]} for row in evening())
    trace = run(sale(rows, TILLS, TILLS, **PICKY))
    wait, table = longest_wait(trace), packed_by(trace)
    if wait > EVENING_WAIT:
        return no("04-seats", _seats_words(plan, visits, wait), table, trace.plot.lag())
    return Verdict(True, f"04-seats: yes. Nobody is overtaken, and the longest wait is {wait:.1f} seconds.")


def _visits() -> dict[str, int]:
    """How many orders each guest will send, in the order of arrival."""
    keys = [row["key"] for row in evening()]
    return {key: keys.count(key) for key in dict.fromkeys(keys)}


def _plan_trouble(plan: Any, visits: dict[str, int]) -> str | None:
    if not isinstance(plan, dict):
        return f"seats gives {type(plan).__name__}; it must give a dictionary, {{customer: till}}."
    lost = [guest for guest in visits if guest not in plan]
    if lost:
        return f"{len(lost)} of {len(visits)} guests have no till, {lost[0]} first. Where do they go?"
    strange = {guest: till for guest, till in plan.items() if till not in range(TILLS) or isinstance(till, float)}
    if strange:
        guest, till = next(iter(strange.items()))
        return f"You send {guest} to till {till!r}; there are the tills 0, 1, 2 and 3."
    return None


def _seats_words(plan: dict[str, int], visits: dict[str, int], wait: float) -> str:
    guests = [sum(till == number for till in plan.values()) for number in range(TILLS)]
    sent = [sum(visits[guest] for guest in visits if plan[guest] == number) for number in range(TILLS)]
    full = sent.index(max(sent))
    if min(sent) == 0:
        empty = sent.index(0)
        return f"Till {empty} stays empty, {sent[full]} orders queue at till {full}. The longest wait: {wait:.1f} s."
    if max(guests) - min(guests) <= 1:
        return (f"You dealt out guests, and each till has as many. But the guests at till {full} send {sent[full]} of "
                f"the 300 orders, those at till {sent.index(min(sent))} only {min(sent)}. Longest wait: {wait:.1f} s.")
    return (f"Till {full} gets {sent[full]} orders, till {sent.index(min(sent))} gets {min(sent)}: a guest's name says "
            f"nothing about how much he buys. The longest wait: {wait:.1f} s.")


SEATS = Exercise(
    id="04-seats",
    starter="""
def seats(visits):      # {"19339": 55, "07592": 27, ...}: how many orders each guest will send
    ...                 # return {"19339": 0, ...}: the guest's till, 0 to 3
""",
    call='check("04-seats", seats)',
    hints=(
        "What must be equal at the four tills: the guests, or the orders they send?",
        "Begin with who sends most. Each guest goes to the till with the fewest orders so far: full.index(min(full)).",
    ),
    solution="""
def seats(visits):
    full, plan = [0, 0, 0, 0], {}
    for guest in sorted(visits, key=visits.get, reverse=True):
        plan[guest] = full.index(min(full))
        full[plan[guest]] += visits[guest]
    return plan
""",
    remark="A record that names its partition goes there, whatever its key [K40]. The price: now you know something "
    "that every other producer must know too, and tomorrow's guests are others.",
    judge=judge_seats,
    wrong=(
        Wrong("one after the other", "def seats(visits):\n    return {g: i % 4 for i, g in enumerate(visits)}",
              "You dealt out guests"),
        Wrong("by the customer's number", "def seats(visits):\n    return {g: int(g) % 4 for g in visits}",
              "a guest's name says nothing"),
        Wrong("a till for the best customer alone",
              "def seats(visits):\n    best = max(visits, key=visits.get)\n"
              "    return {g: 0 if g == best else 1 + int(g) % 3 for g in visits}", "a guest's name says nothing"),
        Wrong("all to one till", "def seats(visits):\n    return dict.fromkeys(visits, 0)", "Till 1 stays empty"),
        Wrong("tills counted from 1", "def seats(visits):\n    return {g: 1 + i % 4 for i, g in enumerate(visits)}",
              "there are the tills 0, 1, 2 and 3"),
        Wrong("only the best", "def seats(visits):\n    return {max(visits, key=visits.get): 0}", "have no till"),
        Wrong("says nothing", "def seats(visits):\n    print(len(visits))", "must give a dictionary"),
    ),
)

# --- the answer to the opening question -------------------------------------------------------------------------------

WORDS = Exercise(
    id="04-words",
    starter="",
    call='check("04-words")',
    hints=(
        "Three parts: why the fourth is idle, why it cannot help, what you would do.",
        "A group shares ..., not ...; each partition has ...; so ...",
    ),
    solution="""
Because a group shares out partitions, not orders. There are three, each has one reader, and
the fourth consumer has none. It cannot help at a crowded till either: a key stays in its
partition, and that is what keeps a customer's orders in order. More consumers need more
partitions, chosen before the rush, and keys that spread.
""",
    remark="If you also said what the fourth is good for - it takes over when one dies - you are ahead of us.",
)

EXERCISES = (PACKERS, SEATS, RELIEF, GROW, WORDS)
