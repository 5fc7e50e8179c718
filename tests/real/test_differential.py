"""Random scenarios with random deaths and lost messages: a real Kafka and virtual time agree.

docs/real-kafka.md says what is compared. A failure shows its seed, its scenario and both sides.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
from differential import differences, facts, out_of_bounds
from differential_cases import FORMS, Case, case, one_reader, several_partitions, twins
from differential_services import charge, one_by_one
from real_shop import SIDE_BY_SIDE, run_for_real

from simlib import Crash, LocalKafka, Trace, replace, run
from simlib.scenario import Exponential

pytestmark = pytest.mark.slow
IN_TEST, IN_SOAK = 30, 300
OTHER_LATENCIES = (0.02, Exponential(0.01))
SEEDS = [pytest.param(seed, marks=[pytest.mark.real] if seed < IN_TEST else [pytest.mark.real, pytest.mark.soak])
         for seed in range(IN_SOAK)]


def simulated(case: Case) -> Trace:
    return run(case.scenario, schedule=case.schedule, progress=False)


@pytest.fixture(scope="module")
def real_runs(request: pytest.FixtureRequest, kafka: LocalKafka) -> Iterator[dict[int, Future[tuple[Case, Trace]]]]:
    """The real runs of all chosen seeds, some at a time."""
    def carried_out(seed: int) -> tuple[Case, Trace]:
        drawn = case(seed)
        return drawn, run_for_real(drawn.scenario, kafka.url, drawn.schedule)

    chosen = [item.callspec.params["seed"] for item in request.session.items
              if getattr(item, "originalname", "") == "test_both_sides_agree"]
    with ThreadPoolExecutor(SIDE_BY_SIDE) as threads:
        yield {seed: threads.submit(carried_out, seed) for seed in chosen}


@pytest.mark.parametrize("seed", SEEDS)
def test_both_sides_agree(seed: int, real_runs: dict[int, Future[tuple[Case, Trace]]]) -> None:
    drawn, real = real_runs[seed].result()
    if told := differences(drawn, real, simulated(drawn)):
        pytest.fail(told, pytrace=False)


@pytest.mark.parametrize("seed", range(2 * len(FORMS)))
def test_what_is_called_decided_does_not_depend_on_how_long_messages_take(seed: int) -> None:
    drawn = case(seed)
    usual = facts(drawn, simulated(drawn))
    for latency in OTHER_LATENCIES:
        slow = simulated(drawn._replace(scenario=replace(drawn.scenario, "latency", latency)))
        assert facts(drawn, slow) == usual
        assert not [*out_of_bounds(drawn, slow)]


def first_of(form: Any, wanted: str) -> Case:
    """The first case of a form whose schedule has that in it."""
    seeds = range(FORMS.index(form), IN_SOAK, len(FORMS))
    return next(drawn for drawn in map(case, seeds) if wanted in drawn.schedule)


@pytest.mark.parametrize("form, wanted", [(one_reader, "crash-after:billing-0.0/charge"),
                                          (several_partitions, "crash")])
def test_another_outcome_is_told_with_all_that_is_needed_to_see_it_again(form: Any, wanted: str) -> None:
    """The calm run stands for a side that is wrong."""
    drawn = first_of(form, wanted)
    right = simulated(drawn)
    told = differences(drawn, simulated(drawn._replace(schedule="calm")), right)
    for part in (f"seed {drawn.seed}", f"test_both_sides_agree[{drawn.seed}]", drawn.schedule, "Scenario(", "real: ",
                 "simulated: ", "steps"):
        assert part in told
    assert differences(drawn, right, right) == ""


def test_what_lies_out_of_its_bounds_is_told() -> None:
    """A side whose twins commit first, and lose the order in hand."""
    drawn = first_of(twins, "calm")
    careless = replace(drawn.scenario, {"services.billing.main": one_by_one(charge, "first"),
                                        "faults": [Crash("billing-0", after="commit", nth=2, restart_after=1)]})
    trace = simulated(drawn)
    assert differences(drawn, trace, trace) == ""
    told = differences(drawn, run(careless, progress=False), trace)
    assert "real: never charged: [2]" in told and "simulated: never" not in told
