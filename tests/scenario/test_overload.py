"""A group that cannot keep up is allowed, and said; Little's law and the simulation agree on what is left."""

import pytest

from simlib import Bursts, ConsumerGroup, Exponential, Producer, Replay, Scenario, ShareGroup, Topic, replace, run
from simlib.scenario import warnings


def shop(service_time=0.03, consumers=2, partitions=4, **load):
    return Scenario([Topic("orders", partitions)], [Producer("shop", "orders", **{"rate": 80, "keys": 400, **load})],
                    [ConsumerGroup("billing", "orders", consumers, service_time)], duration=60.0)


@pytest.mark.parametrize("scenario", [
    shop(0.02), shop(stop=50), shop(records=3_000), shop(rate=None, arrivals=Replay((1.0, 2.0))), shop(consumers=3)])
def test_who_keeps_up_or_is_given_time_is_not_warned(scenario):
    assert warnings(scenario) == []


@pytest.mark.parametrize("scenario, busy", [
    (shop(), "1.2"), (shop(Exponential(0.05)), "2"), (shop(0.02, partitions=1), "1.6"),
    (shop(rate=None, arrivals=Bursts(160, 2.0)), "1.24"), (shop(arrivals="poisson"), "1.2")])
def test_who_cannot_is_told_how_busy(scenario, busy):
    (said,) = warnings(scenario)
    assert 'ConsumerGroup("billing")' in said and f"(utilisation {busy})" in said


def test_what_is_left_in_the_end_is_said_beforehand():
    trace = run(shop(0.05))
    (said,) = trace.summary().warnings
    assert "about 2,400 will be waiting" in said
    assert trace.summary().backlog == pytest.approx(2_400, rel=0.03)


def test_every_member_of_a_share_group_works_whatever_partitions_there_are():
    groups = [ShareGroup("workers", "orders", 4, service_time=0.04)]
    assert warnings(replace(shop(), "groups", groups)) == []
    (said,) = warnings(replace(shop(), "groups", [ShareGroup("workers", "orders", 2, service_time=0.04)]))
    assert 'ShareGroup("workers")' in said and "(utilisation 1.6)" in said
