"""What only virtual time has is refused by name; no Kafka is needed to say so."""

import pytest

from simlib import ConsumerGroup, Scenario, Topic
from simlib.real.client_settings import consumer_config
from simlib.real.demands import refuse_impossible
from simlib.real.errors import RealRunError
from simlib.scenario import ConfigError


class Cluster:
    """Three brokers with Kafka's defaults."""

    brokers = 3

    def settings(self) -> dict[str, str]:
        return {}


def test_a_real_run_refuses_the_protocol_kafka_python_does_not_have() -> None:
    scenario = Scenario([Topic("orders")], groups=[ConsumerGroup("billing", "orders", group_protocol="consumer")])
    with pytest.raises(RealRunError, match=r"ConsumerGroup\('billing'\): group_protocol='consumer' .* simulated only"):
        refuse_impossible(scenario, (), Cluster(), None)


def test_a_real_consumer_is_not_given_settings_kafka_python_does_not_have() -> None:
    with pytest.raises(ConfigError, match="simulated only: real runs use kafka-python"):
        consumer_config({"group_protocol": "consumer", "group_remote_assignor": "range"})
    assert consumer_config({"group_protocol": "classic", "max_poll_records": 5}) == {"max_poll_records": 5}
