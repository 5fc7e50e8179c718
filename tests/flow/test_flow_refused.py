"""What the flow engine cannot do it says by name, all of it at once; the readable engine runs the same scenario."""

import pytest

from simlib import (
    Bursts,
    ConfigError,
    ConsumerGroup,
    Crash,
    EngineError,
    Exponential,
    NetworkCut,
    Pause,
    Producer,
    Replay,
    Scenario,
    ScenarioError,
    Service,
    ShareGroup,
    Topic,
    replace,
    run,
)

ORDERS = {"orders": [{"value": 1}]}


async def nothing(app):
    await app.sleep(1)


def shop(topic=(), producer=(), group=(), **more):
    return Scenario(**{
        "topics": [Topic("orders", **{"partitions": 4, "replication_factor": 3, **dict(topic)})],
        "producers": [Producer("shop", "orders", **{"rate": 10, "keys": 9, **dict(producer)})],
        "groups": [ConsumerGroup("billing", "orders", 2, **dict(group))], "duration": 5.0, **more})


REFUSED = {
    "services": shop(services=[Service("clock", nothing)]),
    "inputs": shop(inputs=ORDERS),
    "latency=": shop(latency=Exponential(0.001)),
    "replica_lag_time_max_ms=1000": shop(latency=0.2, broker_config={"replica_lag_time_max_ms": 1_000}),
    "NetworkCut": shop(faults=[NetworkCut("billing-0", "broker-0", 1, 1)]),
    "no brokers": shop(faults=[Crash("broker-0", at=1)]),
    "no controllers": shop(faults=[Pause("controller-0", at=1, duration=1)]),
    "no producers": shop(faults=[Pause("shop", at=1, duration=1)]),
    "aimed at a step": shop(faults=[Crash("billing-0", after="receive", nth=3)]),
    "cleanup_policy": shop(topic={"config": {"cleanup_policy": "compact"}}),
    "retention": shop(topic={"config": {"retention_ms": 1_000}}),
    "transactional_id": shop(producer={"transactional_id": "shop"}),
    "keys=None": shop(producer={"keys": None}, client="java"),
    "max_message_bytes=2000": shop(topic={"config": {"max_message_bytes": 2_000}}),
    "enable_auto_commit=False": shop(group={"enable_auto_commit": False}),
    "isolation_level='read_committed'": shop(group={"isolation_level": "read_committed"}),
    "group_protocol='consumer'": shop(group={"group_protocol": "consumer"}),
    "group 'sharers', a ShareGroup": replace(shop(), "groups", [ShareGroup("sharers", "orders")]),
    "fetch_min_bytes=1000": shop(group={"fetch_min_bytes": 1_000}),
    "fetch_max_wait_ms=0": shop(group={"fetch_max_wait_ms": 0}),
    "records of one instant": shop(producer={"rate": None, "arrivals": Bursts(20, 1)}),
}


@pytest.mark.parametrize("name", REFUSED)
def test_it_is_refused_by_name(name):
    with pytest.raises(EngineError, match=r'engine="events" can:\n.*' + name) as refused:
        run(REFUSED[name], engine="flow")
    assert len(refused.value.problems) == 1


@pytest.mark.parametrize("name", REFUSED)
def test_the_readable_engine_runs_it(name):
    assert run(REFUSED[name], engine="events").ended in ("duration", "quiet")


def test_everything_is_said_at_once():
    scenario = shop(group={"enable_auto_commit": False}, faults=[Crash("broker-0", at=1)], inputs=ORDERS)
    with pytest.raises(EngineError) as refused:
        run(scenario, engine="flow")
    assert len(refused.value.problems) == 3


def test_one_partition_takes_records_of_one_instant():
    scenario = shop(topic={"partitions": 3}, producer={"rate": None, "arrivals": Replay((1.0, 1.0, 1.0, 2.0))})
    assert len(run(scenario, engine="flow").deliveries) == 4


def test_a_buffer_that_would_have_filled():
    fast = shop(producer={"rate": 20_000, "keys": 1, "batch_size": 1_000, "delivery_timeout_ms": 3_000,
                          "request_timeout_ms": 1_000}, latency=0.01)
    with pytest.raises(EngineError, match="delivery_timeout_ms"):
        run(fast, engine="flow")
    assert len(run(fast, engine="events").lost) > 0


def test_a_broken_scenario_is_refused_as_ever():
    with pytest.raises(ScenarioError):
        run(shop(duration=-1.0), engine="flow")


@pytest.mark.parametrize("option", [{"wire": True}, {"schedule": "calm"}, {"on": "kafka://localhost:9092"}])
def test_options_of_the_readable_engine_are_refused(option):
    with pytest.raises((EngineError, ValueError)):
        run(shop(), engine="flow", **option)


def test_there_is_no_other_engine():
    with pytest.raises(ConfigError, match="did you mean flow"):
        run(shop(), engine="flows")
