"""What a real run cannot give is refused before anything starts, all at once, with what would work instead."""

import re
import socket
import threading

import pytest
from real_shop import SHORT, shop

from simlib import (
    Change,
    ConsumerGroup,
    Crash,
    LocalKafka,
    LoseReply,
    LoseRequest,
    NetworkCut,
    Pause,
    PowerLoss,
    Producer,
    SlowLink,
    Topic,
    run,
)
from simlib.real import RealRunError, broker_files, cluster, local_kafka, real_run
from simlib.real.address import security
from simlib.scenario import ScenarioError

pytestmark = pytest.mark.slow


async def reads_by_the_new_protocol(app) -> None:
    app.consumer("orders", group_id="billing", group_protocol="consumer")


@pytest.mark.parametrize("on", ["localhost:9092", "kafka://", "kafka://localhost", "http://localhost:9092", 9092,
                                "kafka://host:port", "amqp://localhost:5672"])
def test_what_is_no_address_is_refused_with_one_that_is(on) -> None:
    with pytest.raises(RealRunError, match=r"on=.*'kafka://localhost:9092'.*leave it out to run in virtual time"):
        run(shop(), on=on)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two seconds are enough for an answer that never comes."""
    monkeypatch.setattr(cluster, "CONNECT_WITHIN_MS", 2_000)


def test_no_broker_at_the_address(impatient: None) -> None:
    with pytest.raises(RealRunError, match=r"no Kafka answers at 127\.0\.0\.1:1 .*lab\.py kafka\. Without any: run"):
        run(shop(), on="kafka://127.0.0.1:1")


def test_something_else_at_the_address(impatient: None) -> None:
    """It takes the connection, and never answers."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        threading.Thread(target=other.accept, daemon=True).start()
        with pytest.raises(RealRunError, match="no Kafka answers at"):
            run(shop(), on=f"kafka://127.0.0.1:{other.getsockname()[1]}")


def test_a_wrong_scenario_is_still_told_first(kafka: LocalKafka) -> None:
    with pytest.raises(ScenarioError, match="nobody"):
        run(shop(faults=[Crash("nobody", at=1)]), on=kafka.url)


@pytest.mark.parametrize("changes, said", [
    ({"topics": [Topic("orders", replication_factor=4)], "brokers": 4},
     r"replication_factor=4\): this cluster has 3 brokers in service.*LocalKafka\(brokers=4\)"),
    ({"client": "java"}, "client='java': real runs use kafka-python"),
    ({"groups": [ConsumerGroup("audit", "orders", group_protocol="consumer")]},
     r"ConsumerGroup\('audit'\): group_protocol='consumer' \(KIP-848\) is simulated only.*classic protocol alone"),
    ({"latency": 0.2}, r"latency=0\.2: a real network has its own.*replace\(scenario, 'latency', 0\.0005\)"),
    ({"broker_config": {**SHORT, "replica_lag_time_max_ms": 7_000}},
     r"replica_lag_time_max_ms=7000: these brokers have 30000.*LocalKafka\(broker_config=scenario\.broker_config\)"),
    ({"faults": [PowerLoss("broker-0", at=1)]}, "PowerLoss.*Use Crash .*or virtual time"),
    ({"faults": [NetworkCut("billing-0", "broker-0", at=1, duration=2)]}, "NetworkCut.*Use Pause"),
    ({"faults": [SlowLink("billing-0", "broker-0", at=1, duration=2, latency=1)]}, "SlowLink.*virtual time"),
    ({"faults": [Change("topics.orders.config", at=1, value={"min_insync_replicas": 2})]}, "Change.*Use two runs"),
    ({"faults": [LoseRequest("broker-1", "replica_fetch", nth=1)]}, "requests of kind replica_fetch cannot be lost"),
    ({"faults": [LoseReply("broker-1", "write_txn_markers", nth=1)]}, "requests of kind write_txn_markers cannot be"),
    ({"faults": [Crash("broker-4", at=1)], "brokers": 5}, "this cluster has broker-0, .*, controller-0"),
])
def test_what_this_run_cannot_do_is_refused_by_name(kafka: LocalKafka, changes: dict, said: str) -> None:
    with pytest.raises(RealRunError, match=said):
        run(shop(**changes), on=kafka.url)


def test_everything_is_said_at_once(kafka: LocalKafka) -> None:
    faults = [PowerLoss("broker-0", at=1), Pause("broker-5", at=1, duration=1)]
    with pytest.raises(RealRunError) as refused:
        run(shop(latency=0.1, faults=faults, brokers=6), on=kafka.url)
    assert len(re.findall("^- ", str(refused.value), re.MULTILINE)) == 3


@pytest.mark.parametrize("schedule", ["hold:billing-0.0/charge#1~billing-1.0/charge#1", "twice:billing-0.0/receive#1",
                                      "kill-before-ack:billing-0.0/send#1", "lose-reply:billing-0.0/execute#1"])
def test_schedules_that_only_virtual_time_can_carry_out(kafka: LocalKafka, schedule: str) -> None:
    with pytest.raises(RealRunError, match=f"schedule {schedule}.*use virtual time"):
        run(shop(), on=kafka.url, schedule=schedule)


def test_wire_rows_are_for_virtual_time(kafka: LocalKafka) -> None:
    with pytest.raises(RealRunError, match="wire=True"):
        run(shop(), on=kafka.url, wire=True)


def test_what_only_the_code_says_is_refused_when_it_is_used(kafka: LocalKafka) -> None:
    with pytest.raises(RealRunError, match=r"billing-0 uses app\.consumer\(group_protocol='consumer'\)"):
        run(shop(reads_by_the_new_protocol), on=kafka.url, progress=False)


def test_a_topic_that_exists_already(kafka: LocalKafka, monkeypatch: pytest.MonkeyPatch) -> None:
    from kafka import KafkaAdminClient

    monkeypatch.setattr(real_run.secrets, "token_hex", lambda count: "taken")
    admin = KafkaAdminClient(bootstrap_servers=kafka.bootstrap)
    admin.create_topics({"simlib-taken-orders": {"num_partitions": 1, "replication_factor": 1}})
    try:
        with pytest.raises(RealRunError, match="begins with 'simlib-taken-' exists already.*run once more"):
            run(shop(), on=kafka.url)
        assert "simlib-taken-orders" in admin.list_topics()  # it is not ours to delete
    finally:
        admin.delete_topics(["simlib-taken-orders"])
        admin.close()


@pytest.mark.parametrize("faults, said", [
    ((Crash("broker-1", at=1, restart_after=1),), "nodes of a cluster that is not ours.*python lab.py kafka"),
    ((LoseReply("shop", "produce", nth=1),), "a cluster that is not ours is not ours to lose.*LocalKafka"),
])
def test_a_cluster_that_is_not_ours_is_not_harmed(kafka: LocalKafka, monkeypatch, faults: tuple, said: str) -> None:
    monkeypatch.setattr(real_run.LocalKafka, "at", classmethod(lambda cls, address: None))
    scenario = shop(faults=faults, producers=[Producer("shop", topic="orders", rate=1)],
                    groups=[ConsumerGroup("readers", topic="orders")])
    with pytest.raises(RealRunError, match=said):
        run(scenario, on=kafka.url)


LOGIN = 'org.apache.kafka.common.security.plain.PlainLoginModule required username="lab" password="{0}" user_lab="{0}";'
SASL_PORT = 3_000
"""How far above a broker's own port the one that asks who is there is."""


@pytest.fixture(scope="module")
def guarded(java_and_maven: None):
    """One broker that asks for a password on a second port."""
    def with_a_guard(node, nodes, broker_config) -> None:
        broker_files.write_config(node, nodes, broker_config)
        if node.is_broker:
            address = f"127.0.0.1:{node.port + SASL_PORT}"
            listeners = f"PLAINTEXT://{node.address},SASL_PLAINTEXT://{address}"
            with node.config.open("a", encoding="utf-8") as config:
                config.write(f"listeners={listeners}\nadvertised.listeners={listeners}\n"
                             "listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,"
                             "SASL_PLAINTEXT:SASL_PLAINTEXT\nsasl.enabled.mechanisms=PLAIN\n"
                             f"listener.name.sasl_plaintext.plain.sasl.jaas.config={LOGIN.format('right')}\n")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(local_kafka, "write_config", with_a_guard)
        with LocalKafka(brokers=1, broker_config=SHORT) as kafka:
            host, port = kafka.bootstrap[0].split(":")
            yield f"kafka://{host}:{int(port) + SASL_PORT}"


def credentials(monkeypatch: pytest.MonkeyPatch, password: str) -> None:
    for name, value in {"SECURITY_PROTOCOL": "SASL_PLAINTEXT", "SASL_MECHANISM": "PLAIN", "SASL_USERNAME": "lab",
                        "SASL_PASSWORD": password}.items():
        monkeypatch.setenv(f"KAFKA_{name}", value)


def test_authentication_from_the_environment(guarded: str, monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    credentials(monkeypatch, "right")
    trace = run(shop(topics=[Topic("orders")]), on=guarded, progress=False)
    assert len(trace.effects) == 3
    trace.save(tmp_path / "trace")
    assert b"right" not in (tmp_path / "trace").read_bytes() and "right" not in repr(trace.summary())


def test_authentication_refused(guarded: str, impatient: None, monkeypatch: pytest.MonkeyPatch) -> None:
    credentials(monkeypatch, "wrong")
    with pytest.raises(RealRunError, match="KAFKA_SASL_PASSWORD") as refused:
        run(shop(topics=[Topic("orders")]), on=guarded)
    assert "wrong" not in str(refused.value)


def test_only_what_the_environment_says_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not security()
    monkeypatch.setenv("KAFKA_SSL_CAFILE", "ca.pem")
    assert security() == {"ssl_cafile": "ca.pem"}
