"""Lesson 10 A: a view and how far it has come."""

from functools import partial
from typing import Any

from simlib import Scenario, Service, Topic, explore, run
from simlib.course.exercise import Exercise, Verdict, Wrong
from simlib.course.exercises.code import body
from simlib.course.exercises.final_tables import differences, ends_with, more
from simlib.course.exercises.refusals import no, refused_in_lines
from simlib.course.exercises.small_shop import picked
from simlib.course.trace_words import own_exception
from simlib.patterns.projection import POSITIONS

TABLES = "CREATE TABLE bought (customer TEXT PRIMARY KEY, cds INTEGER);" + POSITIONS
BOUGHT = "SELECT customer, cds FROM bought"
TO_COUNT = picked("o-00000", "o-00001", "o-00122", "o-00123")


def judge_view(take: Any) -> Verdict:
    """First calmly, then every schedule, on two partitions: the view adds up, and the position says so."""
    scenario = _window(take)
    calm = run(scenario)
    if refusal := _not_even_calmly(calm):
        return refusal
    result = explore(scenario, ends_with("window", BOUGHT, _cds), redeliver=True, progress=False)
    if result.counterexample is None:
        return Verdict(True, f"10-view: yes. {result.tried} schedules: the view is what its orders add up to, and "
                             "knows how far it has come.")
    return refused_in_lines("10-view", _idea(calm, result.counterexample), result.counterexample)


def _window(take: Any) -> Scenario:
    async def main(app: Any) -> None:
        consumer = app.consumer("orders", group_id="bought", enable_auto_commit=False, auto_offset_reset="earliest")
        async for order in consumer:
            await take(app.database, order)
            await consumer.commit()

    return Scenario((Topic("orders", partitions=2),), inputs={"orders": TO_COUNT},
                    services=(Service("window", main, database=TABLES),))


def _cds(inputs: Any) -> dict[str, int]:
    total: dict[str, int] = {}
    for row in inputs:
        total[row["key"]] = total.get(row["key"], 0) + row["value"]["cds"]
    return total


def _not_even_calmly(calm: Any) -> Verdict | None:
    if error := own_exception(calm):
        return _no(f"Your code stops before anybody kills it. {error}.")
    wrong, known = differences(calm, "window", BOUGHT, _cds), _positions(calm)
    if wrong and len(known) == 1:
        text = "You keep one position for two partitions. Each counts its own records from 0"
        return _no(f"{text}: customer {wrong[0]}.")
    if wrong:
        return _no(f"Nobody is killed, and customer {wrong[0]}.")
    ends = calm.records.groupby("partition").offset.max()
    if any(known[partition] == last for partition, last in ends.items() if partition in known):
        return _no("Your position is the last order that the view has seen. As in Kafka it is the next one: "
                   "`order.offset + 1` [K72].")
    return None


def _idea(calm: Any, found: Any) -> str:
    wrong = differences(found.trace, "window", BOUGHT, _cds)
    if not wrong:
        return "It goes on for ever."
    if not more(wrong[0]):
        return "You move, then count. Killed in between, the position says that the order is in the view."
    if not _positions(calm):
        return "You count what comes, and keep no position."
    if (calm.control.kind == "transaction").any():
        return "You move the position, and do not ask whether it moved."
    return "You count, then move. Killed in between, the position says that the order is still to come."


def _positions(trace: Any) -> dict[int, int]:
    return dict(trace.databases["window"].execute("SELECT partition, next_offset FROM positions"))


_no = partial(no, "10-view")


COUNT = "INSERT INTO bought VALUES (?, ?) ON CONFLICT DO UPDATE SET cds = cds + excluded.cds"


def _taking(*lines: str) -> str:
    return ("from simlib.patterns.projection import MOVE\n\n"
            f'COUNT = "{COUNT}"\n\n\n'
            f"async def take(db, order):\n{body(*lines)}")


ADD = 'await db.execute(COUNT, [order.value["customer"], order.value["cds"]])'
PLACE = 'place = ["bought", order.topic, order.partition, order.offset + 1]'
BEGIN, IF_MOVED = "async with db.transaction():", "if await db.execute(MOVE, place):"
ASK = ('new = not await db.execute("SELECT 1 FROM positions WHERE partition = ? AND next_offset > ?", '
       "[order.partition, order.offset])")


def _moved(place: str) -> str:
    return _taking(place, BEGIN, f"    {IF_MOVED}", f"        {ADD}")


VIEW = Exercise(
    id="10-view",
    starter=_taking("...     # your code"),
    call='check("10-view", take)',
    hints=(
        "Two things must be true at the same instant: what the view says, and how far it has come (lesson 06).",
        'async with ...: if await db.execute(MOVE, ["bought", order.topic, ..., ...]): await db.execute(COUNT, ...)',
    ),
    solution=_moved(PLACE),
    remark="It needs one row for each partition, not one for each order: an inbox for what comes in order.",
    judge=judge_view,
    wrong=(
        Wrong("count what comes", _taking(ADD), "keep no position"),
        Wrong("count, then move", _taking(PLACE, ASK, "if new:", f"    {ADD}", "    await db.execute(MOVE, place)"),
              "You count, then move"),
        Wrong("move, then count", _taking(PLACE, IF_MOVED, f"    {ADD}"), "You move, then count"),
        Wrong("do not ask", _taking(PLACE, BEGIN, "    await db.execute(MOVE, place)", f"    {ADD}"),
              "do not ask whether it moved"),
        Wrong("one position", _moved('place = ["bought", order.topic, 0, order.offset + 1]'), "one position for two"),
        Wrong("the last one", _taking(PLACE.replace(" + 1", ""), BEGIN, f"    {IF_MOVED}", f"        {ADD}"),
              "it is the next one"),
        Wrong("no key", _moved('place = ["bought", order.partition]'), "Your code stops"),
        Wrong("only move", _taking(PLACE, "await db.execute(MOVE, place)"), "Nobody is killed"),
    ),
)
