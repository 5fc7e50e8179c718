"""Share groups in random scenarios (K102-K102d): what holds whatever befalls them, read from the raw columns."""

from collections import defaultdict
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, event, given, settings
from raw_checks import column, events, unclean
from strategies import share_scenarios

from simlib import laws, run
from simlib.scenario import resolve_broker
from simlib.trace.trace_data import ANSWERS

pytestmark = pytest.mark.slow
AFTERWARDS = 400.0
ALWAYS = (laws.conservation, laws.no_acked_write_lost, laws.commit_never_ahead_of_delivery)
DECIDED = ("accepted", "rejected")

random_scenarios = settings(max_examples=60, derandomize=True, deadline=None, database=None,
                            suppress_health_check=[HealthCheck.too_slow])
many = settings(random_scenarios, max_examples=3_000, derandomize=False, print_blob=True)


def holds_that_ended(trace):
    """(group, tp, offset) -> how each hold on a copy ended: (time, how, deliveries, archived)."""
    found = defaultdict(list)
    for group, tp, offset, time, how, number, archived in column(
            trace, "acknowledgements", "group", "tp", "base_offset", "time", "how", "deliveries", "archived"):
        found[group, tp, offset].append((time, ANSWERS[how], number, bool(archived)))
    return found


def hand_overs(trace):
    """(group, tp, offset) -> when it was handed over."""
    found = defaultdict(list)
    handed = trace.handed
    for row in zip(handed.group.tolist(), handed.tp.tolist(), handed.offset.tolist(), handed.time.tolist(),
                   strict=True):
        found[row[:3]].append(row[3])
    return found


def check_each_hold(trace):
    """Nobody has a record while it is another's, nor once it is done with; nobody has it too often."""
    limit = resolve_broker(trace.scenario.broker_config).group_share_delivery_count_limit
    elected = [(tp, time) for time, _, _, tp, _ in events(trace, "elected")]
    for (group, tp, offset), holds in holds_that_ended(trace).items():
        numbers = [number for _, _, number, _ in holds]
        since_election = [any(where == tp and one[0] <= when <= two[0] for where, when in elected)
                          for one, two in zip(holds, holds[1:], strict=False)]
        for one, two, moved in zip(holds, holds[1:], since_election, strict=False):
            assert one[1] not in DECIDED and not one[3], f"{(group, tp, offset)} was done with: {holds}"
            assert two[2] > one[2] or moved, f"{(group, tp, offset)}: {holds}"
        assert max(numbers) <= limit and all(archived == (how == "rejected" or number >= limit)
                                             for _, how, number, archived in holds if how != "accepted")


def check_each_repeat(trace):
    """Between two hand-overs of a copy somebody's hold on it ended, or was forgotten with its leader."""
    ended = holds_that_ended(trace)
    changes = [(tp, time) for time, _, _, tp, _ in events(trace, "elected", "leaderless")]
    for place, times in hand_overs(trace).items():
        for before, after in zip(times, times[1:], strict=False):
            free = any(before <= time <= after for time, *_ in ended[place])
            earlier = [time for time, *_ in ended[place] if time <= after]
            forgotten = any(tp == place[1] and time <= after for tp, time in changes)
            assert free or forgotten or earlier, f"{place} handed over at {times}: {ended[place]}"


def check_laws(scenario):
    trace = run(scenario, progress=False)
    for law in ALWAYS:
        verdict = law(trace)
        assert not verdict.broken, verdict
    if not unclean(trace):
        check_each_hold(trace)
        check_each_repeat(trace)
    event(" ".join(sorted({how for holds in holds_that_ended(trace).values() for _, how, *_ in holds})))
    for view in (trace.acknowledgements, trace.lag, trace.duplicates, trace.passed_over, trace.commits, trace.events):
        assert list(view.columns)


def longest_work(scenario):
    """Seconds: one member works on every record as often as it may be delivered, and no lock is long enough."""
    limit = resolve_broker(scenario.broker_config).group_share_delivery_count_limit
    slowest = max((group.service_time for group in scenario.groups if isinstance(group.service_time, float)), default=0)
    return sum(producer.records for producer in scenario.producers) * slowest * limit


def check_liveness(scenario):
    """In the end every record was accepted or given up, and the lag is 0."""
    producers = tuple(replace(producer, stop=scenario.duration) for producer in scenario.producers)
    afterwards = AFTERWARDS + longest_work(scenario)
    trace = run(replace(scenario, producers=producers, duration=scenario.duration + afterwards), progress=False)
    summary = trace.summary()
    if unclean(trace):
        event("not judged")
        return
    assert {name: (group.backlog, group.lag) for name, group in summary.groups.items()} == dict.fromkeys(
        summary.groups, (0, 0)), repr(summary)
    for group in trace.groups.codes:
        for log in trace.groups.logs_of(group):
            open_ones = ~log.finished & ~log.skipped & ~log.passed_over & (log.removed < 0)
            assert not open_ones.any(), log.offset[open_ones]


@pytest.mark.statement("K102", "K102a", "K102b", "K102c", "K102d")
@random_scenarios
@given(share_scenarios())
def test_every_law_of_share_groups_holds(scenario):
    check_laws(scenario)


@pytest.mark.statement("K102")
@settings(random_scenarios, max_examples=30)
@given(share_scenarios())
def test_everything_is_done_with_in_the_end(scenario):
    check_liveness(scenario)


@settings(random_scenarios, max_examples=8)
@given(share_scenarios())
def test_share_groups_are_repeatable(scenario):
    assert run(scenario, progress=False).same_as(run(scenario, progress=False))


@pytest.mark.soak
@many
@given(share_scenarios(most_faults=6))
def test_every_law_of_share_groups_holds_in_thousands(scenario):
    check_laws(scenario)


@pytest.mark.soak
@many
@given(share_scenarios())
def test_everything_is_done_with_in_the_end_in_thousands(scenario):
    check_liveness(scenario)
