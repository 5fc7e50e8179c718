"""`run(scenario)`: from plain data to a trace."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache, partial
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from simlib.engines import checked_engine
from simlib.memory import refuse_too_large
from simlib.scenario.cautions import warnings
from simlib.scenario.errors import EngineError
from simlib.scenario.folds import BATCHES
from simlib.scenario.scenario import Scenario
from simlib.scenario.schedules import Schedule, ScheduleError, parse_schedule
from simlib.scenario.validation import check
from simlib.supervision import STEP_LIMIT, Job
from simlib.units import SECOND
from simlib.world.garbage import automatic_collection_off
from simlib.world.module_state import ModuleState

if TYPE_CHECKING:  # only the first run needs them: a lesson's first cell, which just imports names, is done sooner
    from simlib.trace.trace import Trace
    from simlib.trace.trace_data import TraceData
    from simlib.world.world import World

def run(scenario: Scenario, *, on: str | None = None, schedule: str | None = None, wire: bool = False,
        progress: bool = True, engine: str | None = None, fold: bool | str = False) -> Trace:
    """Run a scenario in virtual time, or `on="kafka://host:port"` on a real Kafka, and return its trace.

    Declared load runs on `engine="flow"`: its records are columns, which is much faster and tells the same. Everything
    else runs on `engine="events"`. Who names an engine gets that one, or EngineError for what flow cannot do.
    `fold=True` keeps sums, and what is out of the ordinary, instead of every record: a run of any length in bounded
    memory. Without it TooLarge says beforehand what cannot fit. `fold="batches"` looks at batches and polls and at no
    record: for many millions a second, if they come evenly and nothing is drawn for each (CohortError says what is).
    `schedule` is the id of a schedule that `explore` tried: its faults come on top of the scenario's. `wire=True` also
    keeps every request and reply. Ctrl-C ends the run and returns what there is (`trace.ended == "interrupted"`).
    Raises ScenarioError, with everything that is wrong with the scenario at once, and ScheduleError;
    a real run RealRunError too.
    """
    from simlib.trace.folded import trace_of

    check(scenario)
    chosen = checked_engine(engine, scenario, on, schedule, wire, fold)
    hits = None if schedule is None else parse_schedule(schedule)
    if on is not None:
        return _for_real(scenario, on, hits or (), wire, progress)
    if not fold:
        refuse_too_large(scenario)
    with automatic_collection_off():  # until the world can go: once looked at alive, its remains are kept for long
        return trace_of(_happened(scenario, chosen, engine, hits, wire, progress, fold))


def _happened(scenario: Scenario, chosen: str, asked: str | None, schedule: Schedule | None, wire: bool,
              progress: bool, fold: bool | str) -> TraceData:
    """What a world of its own has written down; nothing of it is left but that."""
    state = ModuleState([service.main for service in scenario.services])
    try:
        world = _in_a_thread(_maker(chosen, scenario, wire, schedule, fold), scenario, progress)
    except EngineError:  # what only the records themselves show
        if asked is not None or fold:
            raise
        world = _in_a_thread(_maker("events", scenario, wire, schedule), scenario, progress)
    state.refuse_changes()
    if schedule:
        _refuse_unreached(world)
    return world.trace_data(simlib_version(), warnings(scenario))


def _for_real(scenario: Scenario, on: str, schedule: Schedule, wire: bool, progress: bool) -> Trace:
    from simlib.real.errors import RealRunError
    from simlib.real.real_run import real_run
    from simlib.trace.trace import Trace

    if wire:
        raise RealRunError("wire=True: requests are seen in virtual time only; leave it out of a real run")
    data, unreached = real_run(scenario, on, schedule, progress, simlib_version(), warnings(scenario))
    if unreached:
        told = "; ".join(data.meta["warnings"])
        raise ScheduleError(f"schedule: on this Kafka the scenario never took the step that {unreached[0]} aims at"
                            + (f". {told}" if told else ""))
    return Trace(data)


def _maker(engine: str, scenario: Scenario, wire: bool, schedule: Schedule | None, fold: bool | str = False
           ) -> Callable[[], World]:
    if fold == BATCHES:
        from simlib.flow.cohort_world import CohortWorld

        return partial(CohortWorld, scenario)
    if fold:
        from simlib.flow.folded_world import FoldedWorld

        return partial(FoldedWorld, scenario)
    if engine == "flow":
        from simlib.flow.world import FlowWorld

        return partial(FlowWorld, scenario)
    from simlib.world.world import World

    return partial(World, scenario, wire, schedule)


def _in_a_thread(make: Callable[[], World], scenario: Scenario, progress: bool) -> World:
    worlds: list[World] = []

    def body(job: Job) -> None:
        worlds.append(make())

        def watch(world: World) -> None:
            job.done = world.clock.now / SECOND
            job.watch(world)

        worlds[0].run(watch)

    job = Job(body, _bar(scenario), STEP_LIMIT if scenario.services else math.inf)  # else all steps are our own
    job.run(progress)
    if job.interrupted and not (worlds and worlds[0].ended == "interrupted"):
        raise KeyboardInterrupt  # it was over before it could be stopped; a loop of short runs must not go on
    return worlds.pop()  # the traceback of a service's exception may hold the list


def _bar(scenario: Scenario) -> dict[str, Any]:
    return {"total": scenario.duration, "unit": "s", "unit_scale": True, "desc": "virtual time",
            "bar_format": "{desc}: {n:.0f} of {total:.0f} s |{bar}| {elapsed}"}


def _refuse_unreached(world: World) -> None:
    if world.unreached:
        there = [str(step.id) for step in world.taken]
        raise ScheduleError(f"schedule: this scenario never takes the step {world.unreached[0]} aims at; it took "
                            + (", ".join(there[:12]) + (" ..." if len(there) > 12 else "") or "no step at all"))


@cache
def simlib_version() -> str:
    """The version of the installed package; "source" where it is none."""
    try:
        return version("event-driven-lab")
    except PackageNotFoundError:
        return "source"
