"""Lesson 06 B: no memory at all. The event says what is so, and the newest word stands."""

from functools import partial
from typing import Any

from simlib import Scenario, Service, Topic, explore, run
from simlib.course.exercise import Exercise, Verdict, Wrong
from simlib.course.exercises.final_tables import differences, ends_with
from simlib.course.exercises.refusals import no, refused_in_lines
from simlib.course.exercises.small_shop import loop
from simlib.course.trace_words import own_exception

TABLE = "CREATE TABLE addresses (customer TEXT PRIMARY KEY, city TEXT, version INTEGER);"
LIVES = "SELECT customer, city FROM addresses"


def moved(customer: str, city: str, version: int) -> dict[str, Any]:
    """One event of the topic."""
    return {"key": customer, "value": {"customer": customer, "city": city, "version": version}}


MOVES = (moved("Ada", "Bonn", 1), moved("Ben", "Kiel", 1), moved("Ada", "Cologne", 3), moved("Ada", "Trier", 2))


def _home(inputs: Any) -> dict[str, str]:
    """Where everybody lives: the newest version."""
    newest = sorted((row["value"] for row in inputs), key=lambda event: event["version"])
    return {event["customer"]: event["city"] for event in newest}


def writing(sql: str) -> Any:
    """A handler that answers each event with this one statement."""

    async def move(app: Any, event: Any) -> None:
        await app.database.execute(sql, (event.value["customer"], event.value["city"], event.value["version"]))

    return move


def judge_newest(sql: Any) -> Verdict:
    """Calmly, then every schedule with two instances: Ada must end where she lives."""
    if not isinstance(sql, str):
        return _no(f"Give one SQL statement as text. You gave {sql!r}.")
    service = Service("addresses", loop("addresses", writing(sql)), instances=2, database=TABLE)
    scenario = Scenario((Topic("orders"),), inputs={"orders": MOVES}, services=(service,))
    calm = run(scenario)
    if refusal := _not_even_calmly(calm):
        return refusal
    result = explore(scenario, ends_with("addresses", LIVES, _home), progress=False)
    if result.counterexample is None:
        text = f"{result.tried} schedules, two instances: Ada lives in Cologne, and nothing had to be remembered."
        return Verdict(True, f"06-newest: yes. {text}")
    return refused_in_lines("06-newest", "It holds while nobody dies.", result.counterexample)


def _not_even_calmly(calm: Any) -> Verdict | None:
    if error := own_exception(calm):
        once_more = " The program starts again, meets the same event, and stops again." if "UNIQUE" in error else ""
        return _no(f"Nobody is killed, and your statement stops the program. {error.rstrip('.')}.{once_more}")
    if not differences(calm, "addresses", LIVES, _home):
        return None
    city = {row[0]: row[1] for row in calm.databases["addresses"].execute(LIVES)}.get("Ada")
    return _no({
        None: "You change addresses that are there already. Nobody has one yet, and so it stays.",
        "Bonn": "You keep the first address. Ada has moved on, and her parcels go to Bonn.",
        "Trier": "You keep what comes last. Version 2 comes after version 3, and Ada's parcels go to Trier.",
    }.get(city, f"Ada's parcels go to {city}."))


_no = partial(no, "06-newest")


INSERT = "INSERT INTO addresses VALUES (?, ?, ?)"
UPSERT = f"{INSERT}\nON CONFLICT (customer) DO UPDATE SET city = excluded.city, version = excluded.version"


def _sql(text: str) -> str:
    return f'MOVE = """\n{text}\n"""'


NEWEST = Exercise(
    id="06-newest",
    starter="MOVE = ...",
    call='check("06-newest", MOVE)',
    hints=(
        "Which of two addresses is true, whichever comes first? The event knows.",
        "INSERT ... ON CONFLICT (customer) DO UPDATE SET ... WHERE excluded.version > ...",
    ),
    solution=_sql(f"{UPSERT}\nWHERE excluded.version > addresses.version"),
    remark="The sender has to number each customer's moves. A clock would do until two clocks differ.",
    judge=judge_newest,
    wrong=(
        Wrong("insert", _sql(INSERT), "stops the program"),
        Wrong("keep the first", _sql(f"{INSERT}\nON CONFLICT (customer) DO NOTHING"), "You keep the first address"),
        Wrong("the last one wins", _sql(UPSERT), "You keep what comes last"),
        Wrong("update only", _sql("UPDATE addresses SET city = ?2, version = ?3\nWHERE customer = ?1 AND version < ?3"),
              "You change addresses that are there"),
        Wrong("one version on", _sql(f"{UPSERT}\nWHERE excluded.version = addresses.version + 1"),
              "You keep what comes last"),
        Wrong("not a text", "MOVE = 3", "Give one SQL statement"),
    ),
)
