"""Lesson 03 B: a copy that is right in whatever order the events come, and forgets for good."""

from typing import Any

from simlib import explore, run
from simlib.course.exercise import Exercise, Verdict, Wrong
from simlib.course.exercises.code import body
from simlib.course.exercises.refusals import no, refused_in_lines
from simlib.course.exercises.thin_or_fat import reader, teller, town
from simlib.course.trace_words import own_exception
from simlib.laws import Law
from simlib.laws import Verdict as Judgement
from simlib.laws.verdict import broken, holds, stuck

TABLE = "CREATE TABLE copies (id TEXT PRIMARY KEY, version INTEGER, city TEXT);"


def told(id: str, version: int, city: str | None) -> dict[str, Any]:
    """One event; without a city the customer is to be forgotten."""
    return {"id": id, "version": version, "state": {"city": city} if city else None}


STORY = (told("Ada", 1, "Bonn"), told("Ben", 1, "Kiel"), told("Ada", 2, "Trier"), told("Ada", 1, "Bonn"),
         told("Ben", 2, None), told("Ben", 1, "Kiel"), told("Cleo", 2, "Essen"), told("Cleo", 3, None))
"""Ada's first event comes again after her second; Ben and Cleo are forgotten, and Ben's first event comes again."""


def judge_copy(keep: Any) -> Verdict:
    """Calmly, then every schedule with two instances."""
    scenario = town(teller(STORY), reader("support", keep, instances=2, database=TABLE))
    calm = run(scenario)
    if error := own_exception(calm):
        return _stopped(error)
    if refusal := _not_even_calmly(_copies(calm)):
        return refusal
    short = town(teller(STORY[:4]), reader("support", keep, instances=2, database=TABLE))
    result = explore(short, _ends_right(), progress=False)
    if result.counterexample:
        text = "You look, then you write. A twin can write in between, and you overwrite what is newer."
        return refused_in_lines("03-copy", text, result.counterexample)
    text = f"{result.tried} schedules, two instances: Ada lives in Trier, and who is to be forgotten stays forgotten."
    return Verdict(True, f"03-copy: yes. {text}")


def _copies(trace: Any) -> dict[str, str | None]:
    return {row[0]: row[1] for row in trace.databases["support"].execute("SELECT id, city FROM copies")}


def _stopped(error: str) -> Verdict:
    if "NoneType" in error:
        return no("03-copy", "Ben is to be forgotten: his event has no state, and your code asks for its city. "
                             f"{error}. It starts again, meets the same event, and stops again.")
    if "UNIQUE" in error:
        return no("03-copy", f"Ada's second event finds her there already, and your statement stops the program. "
                             f"{error}.")
    return no("03-copy", f"Nobody is killed, and your code stops. {error}.")


def _not_even_calmly(found: dict[str, str | None]) -> Verdict | None:
    if not found:
        return no("03-copy", f"{len(STORY)} events came, and nothing is kept.")
    if found.get("Ada") == "Bonn":
        return no("03-copy", "Ada moved to Trier. Then her first event came once more, and she lives in Bonn again.")
    if found.get("Ada") != "Trier":
        return no("03-copy", f"Ada lives in Trier. Your copy says {found.get('Ada')}.")
    if found.get("Cleo"):
        return no("03-copy", f"Cleo is to be forgotten, and your copy still knows where she lives: {found['Cleo']}.")
    if found.get("Ben"):
        return no("03-copy", "Ben asked to be forgotten. Then his first event came once more, and he is back: with his "
                             "row you threw away the version that would have kept him out.")
    return None


def _ends_right() -> Law:
    """The law that Ada's copy has her highest version among those in the topic."""

    def judge(trace: Any) -> Judgement:
        if trace.ended == "stuck":
            return stuck("ends_right", trace)
        kept = trace.records[trace.records.copies > 0].value
        hers = [event for event in kept if event["id"] == "Ada"]
        newest = max(hers, key=lambda event: event["version"], default=None)
        city, found = newest and newest["state"]["city"], _copies(trace).get("Ada")
        if city != found:
            return broken("ends_right", f"Ada lives in {city}, and the copy says {found}")
        return holds("ends_right", "the copy is right")

    return judge


INSERT = "INSERT INTO copies VALUES (?, ?, ?)"
UPSERT = f"{INSERT} ON CONFLICT (id) DO UPDATE SET version = excluded.version, city = excluded.city"
NEWER = "WHERE excluded.version > copies.version"
UNPACK = 'id, version, state = event["id"], event["version"], event["state"]'
CITY = 'city = state["city"] if state else None'
LOOK = 'await app.database.execute("SELECT version FROM copies WHERE id = ?", [id])'


def _keep(*lines: str) -> str:
    return "async def keep(app, event):\n" + body(UNPACK, *lines)


def _run(sql: str, values: str = "id, version, city") -> str:
    return f'await app.database.execute("{sql}", [{values}])'


UPSERT_LINES = ('await app.database.execute(', f'    "{INSERT} ON CONFLICT (id) DO UPDATE "',
                '    "SET version = excluded.version, city = excluded.city "', f'    "{NEWER}", [id, version, city])')

COPY = Exercise(
    id="03-copy",
    starter=_keep("...     # your code"),
    call='check("03-copy", keep)',
    hints=(
        "An event that came late says so by its version. What must stay of Ben, so that you recognise his?",
        "INSERT ... ON CONFLICT (id) DO UPDATE SET ... WHERE excluded.version > copies.version, with no city for Ben.",
    ),
    solution=_keep(CITY, *UPSERT_LINES),
    remark="Of whoever is gone an id and a number stay. That row is called a tombstone; it can go when no old event "
           "can come any more.",
    judge=judge_copy,
    wrong=(
        Wrong("the last word", _keep(CITY, _run(UPSERT)), "she lives in Bonn again"),
        Wrong("only once", _keep(CITY, _run(INSERT)), "finds her there already"),
        Wrong("no state, no row", _keep("if state is None:", '    await app.database.execute("DELETE FROM copies WHERE '
              'id = ?", [id])', "    return", 'city = state["city"]', *UPSERT_LINES), "he is back"),
        Wrong("forgets to forget", _keep("if state is None:", "    return", 'city = state["city"]', *UPSERT_LINES),
              "still knows where she lives"),
        Wrong("there is always a state", _keep('city = state["city"]', *UPSERT_LINES), "his event has no state"),
        Wrong("look, then write", _keep(CITY, f"rows = {LOOK}", 'if not rows or version > rows[0]["version"]:',
              "    " + _run(UPSERT)), "You look, then you write"),
    ),
)
