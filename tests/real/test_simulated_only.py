"""What only virtual time has is refused by name; no Kafka is needed to say so."""

import pytest

from simlib import ConsumerGroup, LoseRequest, Scenario, Service, ShareGroup, Topic
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


async def sharer(app):
    async for _ in app.share_consumer("orders", group_id="billing"):
        pass


@pytest.mark.parametrize(("scenario", "said"), [
    (Scenario([Topic("orders")], groups=[ShareGroup("workers", "orders")]),
     r"ShareGroup\('workers'\): share groups \(KIP-932\) are simulated only.* Use a ConsumerGroup"),
    (Scenario([Topic("orders")], services=[Service("billing", sharer)]),
     r"uses app\.share_consumer: share groups \(KIP-932\) are simulated only"),
    (Scenario([Topic("orders")], services=[Service("billing", sharer)],
              faults=[LoseRequest("billing-0", "share_acknowledge", nth=1)]),
     "requests of kind share_acknowledge cannot be lost on a real run")])
def test_a_real_run_refuses_share_groups(scenario: Scenario, said: str) -> None:
    with pytest.raises(RealRunError, match=said):
        refuse_impossible(scenario, (), Cluster(), None)


def test_an_input_that_kafka_python_would_not_send_is_refused_before_anything_starts() -> None:
    rows = [{"value": None, "key": "a"}, {"value": None}]
    with pytest.raises(RealRunError, match=r"inputs\['orders'\]: .* without a value and without a key. Give it a key"):
        refuse_impossible(Scenario([Topic("orders")], inputs={"orders": rows}), (), Cluster(), None)
    refuse_impossible(Scenario([Topic("orders")], inputs={"orders": rows[:1]}), (), Cluster(), None)


def test_a_real_consumer_is_not_given_settings_kafka_python_does_not_have() -> None:
    with pytest.raises(ConfigError, match="simulated only: real runs use kafka-python"):
        consumer_config({"group_protocol": "consumer", "group_remote_assignor": "range"})
    assert consumer_config({"group_protocol": "classic", "max_poll_records": 5}) == {"max_poll_records": 5}
