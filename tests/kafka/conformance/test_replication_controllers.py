"""K58: controllers that die, are cut off or stand still, alone and in a quorum."""

import pytest
from producer_scenarios import events, log, outcomes, record
from replication_scenarios import FIRST, LEADER, cluster, elections, in_sync

from simlib import Crash, NetworkCut, Pause, PowerLoss, Shutdown

OTHERS = ("controller-1", "controller-2")


def becomes_active(trace):
    """(time, controller) of each change of the active controller."""
    rows = events(trace, "note")
    rows = rows[rows.detail == "is the active controller now"]
    return list(zip(rows.time, rows.process, strict=True))


@pytest.mark.statement("K58")
def test_without_its_only_controller_nothing_is_decided_and_leaders_serve():
    faults = [Crash("controller-0", at=5, restart_after=60), Crash(LEADER, at=20)]
    trace = cluster([15, 30], duration=100, faults=faults)
    assert record(trace, 0).acked < 15.1
    assert all(time >= 65 + 9 for time, _ in [*elections(trace), *in_sync(trace)])  # a full session after its return
    assert record(trace, 1).acked >= 74


@pytest.mark.statement("K58")
def test_without_a_controller_the_isr_does_not_change_either():
    """A follower dies; acks=all waits for it until there is a controller to take it out of the ISR."""
    faults = [Crash("controller-0", at=5, restart_after=40), Crash(FIRST, at=10)]
    trace = cluster([9, 11], duration=100, faults=faults)
    assert record(trace, 0).acked < 9.1
    assert in_sync(trace)[0][0] > 45
    assert record(trace, 1).acked == pytest.approx(in_sync(trace)[0][0], abs=0.01)


@pytest.mark.statement("K58")
@pytest.mark.parametrize("fault", [Crash, Shutdown, PowerLoss])
def test_another_controller_of_the_quorum_takes_over(fault):
    trace = cluster([4, 19, 30], controllers=3, faults=[fault("controller-0", 5), Crash(LEADER, at=20)])
    ((time, who),) = becomes_active(trace)
    assert who in OTHERS and 5 < time < 5 + 4  # 2 s without a word, and an election
    fenced = events(trace, "fenced").iloc[0]
    assert fenced.process == LEADER and 27 <= fenced.time <= 29.01
    assert elections(trace)[0][1] == FIRST
    assert outcomes(trace) == ["acked"] * 3


@pytest.mark.statement("K58")
def test_a_take_over_fences_nobody_who_is_alive():
    trace = cluster([4, 30], controllers=3, faults=[Crash("controller-0", at=5)])
    assert events(trace, "fenced").empty and elections(trace) == [] and in_sync(trace) == []


@pytest.mark.statement("K58")
def test_leaders_serve_while_the_quorum_elects():
    times = [n / 10 for n in range(40, 100)]
    trace = cluster(times, controllers=3, faults=[Crash("controller-0", at=5)])
    assert (trace.records.acked - trace.records.created).max() < 0.1


@pytest.mark.statement("K58")
def test_a_broker_that_dies_between_controllers_gets_a_full_session_from_the_new_one():
    trace = cluster([4], controllers=3, faults=[Crash("controller-0", at=5), Crash(LEADER, at=5.5)])
    ((active_since, _),) = becomes_active(trace)
    assert events(trace, "fenced").time.iloc[0] == pytest.approx(active_since + 9, abs=0.01)


@pytest.mark.statement("K58")
def test_two_of_three_dead_are_no_majority():
    faults = [Crash("controller-0", at=5), Crash("controller-1", at=6), Crash(LEADER, at=10)]
    trace = cluster([4, 12], controllers=3, faults=faults)
    assert becomes_active(trace) == [] and elections(trace) == [] and events(trace, "fenced").empty


@pytest.mark.statement("K58")
def test_a_majority_that_is_back_decides_again():
    faults = [Crash("controller-0", at=5), Crash("controller-1", at=6, restart_after=30), Crash(LEADER, at=10)]
    trace = cluster([4, 12], controllers=3, faults=faults, duration=100)
    ((time, who),) = becomes_active(trace)
    assert 36 <= time < 41 and who in OTHERS
    assert elections(trace)[0][0] > time + 8.9


@pytest.mark.statement("K58")
def test_five_controllers_stand_the_loss_of_two_successors():
    faults = [Crash("controller-0", at=5), Crash("controller-1", at=6)]
    trace = cluster([4], controllers=5, faults=faults)
    ((time, who),) = becomes_active(trace)
    assert who in ("controller-2", "controller-3", "controller-4") and time < 11


@pytest.mark.statement("K58")
def test_a_former_active_controller_does_not_take_over_again_when_it_returns():
    trace = cluster([4], controllers=3, faults=[Crash("controller-0", at=5, restart_after=10)])
    assert [who for _, who in becomes_active(trace)] == ["controller-1"]


@pytest.mark.statement("K58")
@pytest.mark.parametrize("fault", [Pause("controller-0", at=5, duration=30),
                                   NetworkCut("controller-0", OTHERS, at=5, duration=30)])
def test_an_active_controller_without_its_majority_is_replaced_and_stays_so(fault):
    trace = cluster([4, 30], controllers=3, faults=[fault, Crash(LEADER, at=20)], duration=80)
    ((time, who),) = becomes_active(trace)
    assert who in OTHERS and 7 <= time < 9
    assert 27 <= elections(trace)[0][0] <= 29.1
    assert len(events(trace, "fenced")) == 1


@pytest.mark.statement("K58")
def test_a_standby_that_is_cut_off_changes_nothing():
    trace = cluster([4], controllers=3, faults=[NetworkCut("controller-1", "controller-0", at=5, duration=30)])
    assert becomes_active(trace) == []


@pytest.mark.statement("K58")
def test_a_cut_between_one_controller_and_a_broker_is_a_dead_broker_to_the_quorum():
    trace = cluster([4, 12], controllers=3, duration=100,
                    faults=[NetworkCut(LEADER, "controller-0", at=10, duration=30)])
    assert events(trace, "fenced").process.tolist() == [LEADER]
    assert events(trace, "unfenced").query("time > 40").process.tolist() == [LEADER]
    assert log(trace) == [0, 1]
