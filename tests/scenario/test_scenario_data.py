"""Scenario objects: frozen, comparable, hashable, picklable, and printed as they would be typed."""

import copy
import pickle
from dataclasses import FrozenInstanceError, fields

import numpy as np
import pytest
from hypothesis import given
from strategies import scenarios

import simlib.scenario as public
from simlib.scenario import (
    AddPartitions,
    Bursts,
    Change,
    ConfigError,
    ConsumerGroup,
    Crash,
    Exponential,
    LoseReply,
    NetworkCut,
    Producer,
    Scenario,
    Service,
    Topic,
    Weights,
)
from simlib.scenario.field_info import info_of


def shop():
    return Scenario(
        topics=[Topic("orders", partitions=3, replication_factor=3)],
        producers=[Producer("shop", topic="orders", rate=60, keys=30)],
        groups=[ConsumerGroup("billing", "orders", consumers=3, service_time=0.02, auto_commit_interval_ms=5_000)],
        faults=[Crash("billing-1", at=30, restart_after=30)],
        duration=90,
        seed=7,
    )


async def main(app):
    await app.sleep(1)


def test_equal_scenarios_are_equal_and_hash_alike():
    assert shop() == shop()
    assert hash(shop()) == hash(shop())
    assert shop() != public.replace(shop(), "seed", 8)


def test_lists_become_tuples_and_arrays_become_numbers():
    scenario = Scenario([Topic("orders")], producers=[Producer("shop", "orders", np.float64(3), keys=["a", "b"])])
    assert scenario.topics == (Topic("orders"),)
    assert type(scenario.producers[0].rate) is float
    assert scenario.producers[0].keys == ("a", "b")
    assert Weights(np.array([1, 2])).values == (1, 2)
    assert Scenario(iter([Topic("orders")])).topics == (Topic("orders"),)


def test_nothing_in_a_scenario_can_be_changed():
    scenario = Scenario([Topic("orders")], inputs={"orders": [{"value": 1}]}, broker_config={"min_insync_replicas": 2})
    with pytest.raises(FrozenInstanceError):
        scenario.seed = 3
    with pytest.raises(TypeError, match="replace\\(scenario, path, value\\)"):
        scenario.broker_config["min_insync_replicas"] = 1
    with pytest.raises(TypeError):
        scenario.inputs["orders"][0].update(value=2)
    with pytest.raises(TypeError):
        scenario.inputs.pop("orders")


def test_the_caller_s_own_lists_and_dicts_stay_apart():
    topics, config, row = [Topic("orders")], {"min_insync_replicas": 2}, {"value": 1}
    scenario = Scenario(topics, broker_config=config, inputs={"orders": [row]})
    topics.append(Topic("more"))
    config["min_insync_replicas"] = 3
    row["value"] = 2
    assert scenario.topics == (Topic("orders"),)
    assert scenario.broker_config == {"min_insync_replicas": 2}
    assert scenario.inputs == {"orders": ({"value": 1},)}


def test_only_what_was_given_is_shown():
    assert repr(Topic("orders")) == "Topic('orders')"
    assert repr(Crash("billing-1", at=30, restart_after=30)) == "Crash('billing-1', at=30, restart_after=30)"
    assert repr(ConsumerGroup("a", ["x", "y"], service_time=Exponential(0.02))) == (
        "ConsumerGroup('a', topic=['x', 'y'], service_time=Exponential(0.02))"
    )
    assert repr(Service("billing", main, instances=2)) == "Service('billing', main=main, instances=2)"


def test_a_value_that_equals_the_default_but_is_of_another_type_is_shown():
    assert repr(Topic("orders", partitions=True)) == "Topic('orders', partitions=True)"


def test_the_scenario_shows_one_object_a_line():
    assert repr(shop()).splitlines()[1:4] == [
        "    topics=[",
        "        Topic('orders', partitions=3, replication_factor=3),",
        "    ],",
    ]


@given(scenarios())
def test_what_is_shown_can_be_typed_back(scenario):
    assert eval(repr(scenario), vars(public).copy()) == scenario


@given(scenarios())
def test_a_scenario_travels_to_another_process(scenario):
    assert pickle.loads(pickle.dumps(scenario)) == scenario
    assert copy.deepcopy(scenario) == scenario


def test_bytes_keys_and_nested_values_are_shown_too():
    row = {"key": b"k", "value": {"items": [1, None, "x"]}, "headers": {"h": b"1"}}
    scenario = Scenario([Topic("t")], inputs={"t": [row]})
    assert eval(repr(scenario), vars(public).copy()) == scenario


def test_an_unknown_argument_is_refused_with_the_nearest_name():
    with pytest.raises(ConfigError, match="Producer has no field 'linger'; did you mean linger_ms?"):
        Producer("shop", "orders", 60, linger=5)
    with pytest.raises(ConfigError, match="Crash has no field 'restart'; did you mean restart_after?"):
        Crash("billing-0", at=3, restart=4)


def test_the_step_of_a_crash_must_be_named():
    with pytest.raises(TypeError):
        Crash("billing-0", None, None, "charge")


def test_a_producer_as_the_input_of_a_topic_is_one_of_the_producers():
    source = Producer("shop", "orders", rate=10, records=3)
    scenario = Scenario([Topic("orders")], inputs={"orders": source, "refunds": [{"value": 1}]})
    assert scenario == Scenario([Topic("orders")], producers=[source], inputs={"refunds": [{"value": 1}]})
    assert "producers=[" in repr(scenario) and eval(repr(scenario)) == scenario
    with pytest.raises(ConfigError, match='inputs\\[\'refunds\'\\]: Producer\\("shop"\\) sends to \'orders\''):
        Scenario([Topic("orders")], inputs={"refunds": source})


def test_names_of_processes():
    scenario = Scenario(
        [Topic("orders")],
        producers=[Producer("shop", "orders", 1)],
        groups=[ConsumerGroup("billing", "orders", consumers=2)],
        services=[Service("stock", main)],
        inputs={"orders": [{"value": 1}]},
        brokers=2,
    )
    assert scenario.members_of("billing") == ("billing-0", "billing-1")
    assert scenario.members_of("stock") == ("stock-0",)
    assert scenario.process_names() == (
        "billing-0", "billing-1", "stock-0", "shop", "inputs", "broker-0", "broker-1", "controller-0", "redis-0",
    )


def test_a_part_is_found_by_its_name_or_what_exists_is_said():
    assert shop().topic("orders").partitions == 3
    assert shop().group("billing").consumers == 3
    assert shop().producer("shop").rate == 60
    with pytest.raises(KeyError, match="no group 'biling'; did you mean billing?"):
        shop().group("biling")
    with pytest.raises(KeyError, match="no service 'x' \\(there is: none\\)"):
        shop().service("x")


def test_settings_given_explicitly_are_the_overrides():
    assert Producer("shop", "orders", 1, acks=0, linger_ms=0).overrides() == {"acks": 0, "linger_ms": 0}
    group = ConsumerGroup("billing", "orders", static_membership=True, enable_auto_commit=False)
    assert group.overrides() == {"enable_auto_commit": False}
    assert group.overrides("billing-0") == {"enable_auto_commit": False, "group_instance_id": "billing-0"}


KINDS = [Topic, Producer, ConsumerGroup, Service, Scenario, Crash, NetworkCut, LoseReply, AddPartitions, Change, Bursts]


@pytest.mark.parametrize("kind", KINDS)
def test_every_number_that_can_be_set_says_what_it_is(kind):
    for each in fields(kind):
        if str(each.type).split(" | ")[0] in ("int", "float", "bool"):
            info = info_of(each)
            assert info is not None and info.label, each.name
            assert info.kind in ("flag", "choice") or info.low is not None, each.name
