"""The deaths that `explore` tries in lessons 05 to 07, carried out on a real Kafka: the same came of each.

`lab.py test` carries out one of each search, the soak all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from typing import Any

import pytest
from differential import Facts, in_order
from lesson_searches import LESSONS, Search, searches
from real_shop import SIDE_BY_SIDE, run_for_real

from simlib import LocalKafka, Trace, run
from simlib.course.lesson_source import find_lessons, read_lesson
from simlib.real.errors import RealRunError
from simlib.scenario.schedules import ScheduleError

pytestmark = pytest.mark.slow
NUMBERS = ("05", "06", "07")
WHEN = ("published_at", "leased_until")
"""Columns with a time in them."""


@cache
def searches_of(lesson: str) -> list[Search]:
    return searches(lesson)


# -- which deaths


def shown(search: Search) -> list[str]:
    """The one that the lesson shows, if that is a death; otherwise one in the middle."""
    deaths = search.deaths()
    return [search.shown if search.shown in deaths else deaths[len(deaths) // 2]]


# -- what came of them


def outcome(trace: Trace) -> Facts:
    """What a schedule decides; when a note went out is a matter of time."""
    records = trace.records[trace.records["copies"] > 0]
    logs = records[["topic", "partition", "offset", "message", "copies"]].astype(str).values.tolist()
    return {**in_order(trace), "logs": logs,
            "tables": {name: sorted(_rows(database)) for name, database in trace.databases.items()}}


def _rows(database: Any) -> Iterator[str]:
    for table in database.tables():
        for row in database.execute(f'SELECT * FROM "{table}"'):
            yield f"{table} {[bool(row[name]) if name in WHEN else row[name] for name in row.keys()]}"


def differs(search: Search, schedule: str, real: Future[Trace]) -> str:
    """How the two sides differ; empty if they do not."""
    where = f"lesson {search.lesson}, cell {search.cell}, {schedule}"
    try:
        mine, theirs = outcome(real.result()), outcome(run(search.scenario, schedule=schedule, progress=False))
    except (ScheduleError, RealRunError) as error:
        return f"{where}: {error}"
    return "".join(f"{where}: {name}\n  real:      {mine[name]}\n  simulated: {theirs[name]}\n"
                   for name in mine if mine[name] != theirs[name])


# -- the runs

Which = Callable[[Search], list[str]]
Runs = dict[tuple[Which, str], list[tuple[Search, str, Future[Trace]]]]


@pytest.fixture(scope="module")
def real_runs(request: pytest.FixtureRequest, kafka: LocalKafka) -> Iterator[Runs]:
    """The runs of all chosen tests, some at a time."""
    chosen = [(item.callspec.params["which"], item.callspec.params["lesson"]) for item in request.session.items
              if getattr(item, "originalname", "") == test_each_death_has_the_same_outcome.__name__]
    with ThreadPoolExecutor(SIDE_BY_SIDE) as threads:
        yield {(which, lesson): [(search, schedule, threads.submit(run_for_real, search.scenario, kafka.url, schedule))
                                 for search in searches_of(lesson) for schedule in which(search)]
               for which, lesson in chosen}


@pytest.mark.real
@pytest.mark.parametrize("lesson", NUMBERS)
@pytest.mark.parametrize("which", [shown, pytest.param(Search.deaths, marks=pytest.mark.soak, id="all")])
def test_each_death_has_the_same_outcome(lesson: str, which: Which, real_runs: Runs) -> None:
    runs = real_runs[which, lesson]
    assert len(runs) >= 2
    if found := [told for each in runs if (told := differs(*each))]:
        pytest.fail(f"{len(found)} of {len(runs)} schedules differ:\n" + "\n".join(found), pytrace=False)


@pytest.mark.parametrize("lesson", NUMBERS)
def test_no_search_of_a_lesson_is_overlooked(lesson: str) -> None:
    (path,) = find_lessons(LESSONS, lesson)
    searching = {cell.name for cell in read_lesson(path).shown() if cell.kind == "code" and "explore(" in cell.text}
    assert searching and searching <= {search.cell for search in searches_of(lesson)}
