"""Every search of a lesson (`explore`), as its cells make it, with settings that are short enough for a real Kafka."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

from real_shop import QUICK, SHORT

import simlib.course
from simlib import Scenario, explore, replace
from simlib.course.lesson_source import Cell, find_lessons, read_lesson
from simlib.data import orders

LESSONS = Path(__file__).resolve().parents[2] / "lessons"
SETTLED = 15.0
"""Seconds until two instances know each other."""

FIRST, GAP = 3.5, 8.0
"""Seconds until a shop's first customer comes, and between two: whoever died at one is back for the next."""

WITH_RELAY = ("at-least", "billing")
"""Cells of lesson 07 whose shop looks into its outbox each second. That numbers its steps: so one customer comes."""


class Search(NamedTuple):
    """One `explore` of a lesson; `shown`: the id of its counter-example."""

    lesson: str
    cell: str
    scenario: Scenario
    shown: str | None

    def deaths(self) -> list[str]:
        """The schedules of one death each. Left out: what a relay does while it waits for work, and deaths of the bank:
        how often billing comes back before the bank does is a matter of time."""
        tried = explore(self.scenario, lambda trace: True, only="crash", progress=False)
        idle = idle_steps(tried.calm) if self.cell in WITH_RELAY else set()
        return [each for each in tried.table["schedule"]
                if each.partition(":")[2] not in idle and ":bank-0." not in each]


def searches(lesson: str) -> list[Search]:
    """Carries out the cells that search, and those they build on."""
    (path,) = find_lessons(LESSONS, lesson)
    found: list[Search] = []
    names: dict[str, Any] = {"__name__": f"lesson_{lesson}"}
    with patch.multiple(simlib.course, start=_nothing, predict=_nothing, reveal=_nothing):
        for cell in needed(read_lesson(path).cells):
            names |= {"explore": _noting(found, lesson, cell.name)}
            names |= {"orders": _customers(cell.name)} if lesson == "07" else {}
            exec(compile(cell.text, f"{path.name}, cell {cell.name}", "exec"), names)
    once: dict[tuple[str, str], Search] = {}
    for each in found:
        once.setdefault((each.cell, repr(each.scenario)), each)
    return [*once.values()]


def _nothing(*_: Any, **__: Any) -> None:
    """Nobody guesses."""


def _noting(found: list[Search], lesson: str, cell: str) -> Callable[..., Any]:
    def noted(scenario: Scenario, law: Any, **options: Any) -> Any:
        result = explore(scenario, law, **{**options, "progress": False})
        shown = result.counterexample
        found.append(Search(lesson, cell, shortened(scenario), shown.schedule if shown else None))
        return result

    return noted


def idle_steps(calm: Any) -> set[str]:
    """Statements of a relay that found nothing to do: before its customer came, and after the note was out."""
    nth: Counter[tuple[str, str]] = Counter()
    found = set()
    for process, kind, _, began, _ in calm.data.meta["steps"]:
        nth[process, kind] += 1
        if kind == "execute" and process == "shop-0" and not FIRST <= began / 1e9 < FIRST + 1:
            found.add(f"{process}.0/{kind}#{nth[process, kind]}")
    return found


# -- which cells


def needed(cells: Iterable[Cell]) -> list[Cell]:
    """Those that search, and those that define what they use."""
    code = [cell for cell in cells if cell.kind == "code" and not {"claim", "solution", "exercise"} & {*cell.tags}]
    searching, found = {"explore"}, []
    for cell in code:
        if used(cell.text) & searching:
            searching |= {node.name for node in ast.parse(cell.text).body if isinstance(node, ast.FunctionDef)
                          and used(ast.unparse(node)) & searching}
            found.append(cell)
    wanted: set[str] = set()
    for cell in reversed(code):
        if cell in found or defined(cell.text) & wanted:
            found = [*found, cell]
            wanted |= used(cell.text)
    return [cell for cell in code if cell in found]


def used(text: str) -> set[str]:
    """The names that this code reads."""
    return {node.id for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Name)}


def defined(text: str) -> set[str]:
    """The names that this code gives to the cells after it."""
    tree = ast.parse(text)
    named = {node.name for node in tree.body if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))}
    stored = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    imported = {alias.name for node in tree.body if isinstance(node, (ast.Import, ast.ImportFrom))
                for alias in node.names}
    return named | stored | imported


# -- short enough


class Impatient:
    """An `app` whose consumers are missed soon."""

    def __init__(self, app: Any) -> None:
        self._app = app

    def __getattr__(self, name: str) -> Any:
        return getattr(self._app, name)

    def consumer(self, *topics: str, **config: Any) -> Any:
        return self._app.consumer(*topics, **{**QUICK, **config})


def impatient(main: Callable[..., Any]) -> Callable[..., Any]:
    async def soon(app: Any) -> None:
        await main(Impatient(app))

    return soon


def shortened(scenario: Scenario) -> Scenario:
    """The same numbers for both sides; two instances have met before the first order comes."""
    services = [replace(scenario, f"services.{each.name}.main", impatient(each.main)).service(each.name)
                for each in scenario.services]
    short = replace(scenario, {"services": services, "broker_config": SHORT})
    if any(each.instances > 1 for each in services):
        return replace(short, "inputs.orders", [{**row, "at": SETTLED} for row in scenario.inputs["orders"]])
    return short


def _customers(cell: str) -> Callable[..., Any]:
    """`orders` of lesson 07: whoever clicks while the shop is down is gone, so they come when it is up."""
    def spaced(count: int, rate: float = 1.0) -> list[dict[str, Any]]:
        rows = orders(1 if cell in WITH_RELAY else count)
        return [{**row, "at": FIRST + GAP * number} for number, row in enumerate(rows)]

    return spaced
