"""K40-K46a as runs: which partition a record lands in, whoever sends it."""

import math

import pytest

from simlib import AddPartitions, Producer, Scenario, Service, Topic, run
from simlib.kafka.partitioner import keyed_partition

KEYS = ["order-1", "order-2", "bob", "alice"]
MURMUR2 = {"order-1": 2, "order-2": 3, "bob": 2, "alice": 1}  # of four; Kafka's own Java method
CRC32 = {"order-1": 3, "order-2": 1, "bob": 0}  # of four; librdkafka


def places(trace):
    """The partition of each key."""
    rows = trace.records.dropna(subset="key")
    return {key: set(column.tolist()) for key, column in rows.groupby("key", observed=True).partition}


def sending(*records, partitions=4, client="kafka-python", **settings):
    """A service that sends these (key, partition) pairs, one after the other."""

    async def shop(app):
        producer = app.producer(**settings)
        for key, partition in records:
            await producer.send_and_wait("orders", "x" * 100, key=key, partition=partition)

    return run(Scenario(topics=[Topic("orders", partitions)], services=[Service("shop", shop)], brokers=1,
                        client=client, duration=120))


@pytest.mark.statement("K39", "peer-T11")
@pytest.mark.parametrize("client", ["kafka-python", "java"])
def test_services_inputs_and_declared_producers_put_a_key_in_the_same_place(client):
    declared = Scenario(topics=[Topic("orders", 4)], brokers=1, client=client, duration=5,
                        producers=[Producer("shop", "orders", rate=100, keys=KEYS, records=200)])
    inputs = Scenario(topics=[Topic("orders", 4)], brokers=1, client=client,
                      inputs={"orders": [{"key": key, "value": 1} for key in KEYS]})
    expected = {key: {partition} for key, partition in MURMUR2.items()}
    assert places(run(declared)) == places(run(inputs)) == expected
    assert places(sending(*((key, None) for key in KEYS), client=client)) == expected


@pytest.mark.statement("K45a", "peer-T11")
def test_librdkafkas_hash_puts_the_same_keys_elsewhere():
    declared = Scenario(topics=[Topic("orders", 4)], brokers=1, duration=5, producers=[
        Producer("shop", "orders", rate=100, keys=list(CRC32), records=200, partitioner="consistent_random")])
    expected = {key: {partition} for key, partition in CRC32.items()}
    assert places(run(declared)) == expected
    assert places(sending(*((key, None) for key in CRC32), partitioner="consistent_random")) == expected


@pytest.mark.statement("K40")
def test_a_named_partition_wins_over_the_key():
    assert places(sending(("order-1", 0), ("order-1", 3), ("order-1", None))) == {"order-1": {0, 2, 3}}
    inputs = {"orders": [{"key": "order-1", "value": 1, "partition": 1}]}
    assert places(run(Scenario(topics=[Topic("orders", 4)], inputs=inputs, brokers=1))) == {"order-1": {1}}


@pytest.mark.statement("K44a", "K42")
def test_null_keys_scatter_with_kafka_python_and_stick_with_java():
    def changes(client):
        partitions = sending(*[(None, None)] * 100, client=client).records.sort_values("created").partition.tolist()
        return sum(a != b for a, b in zip(partitions, partitions[1:], strict=False)), len(set(partitions))

    assert changes("java") == (0, 1)  # 100 records of about 100 bytes: less than one batch
    scattered, used = changes("kafka-python")
    assert used == 4 and 55 <= scattered <= 95  # three of four on average


@pytest.mark.statement("K44a", "K42")
@pytest.mark.parametrize(("client", "used"), [("java", 1), ("kafka-python", 4)])
def test_inputs_without_a_key_go_the_way_of_their_client(client, used):
    inputs = {"orders": [{"value": "x" * 50} for _ in range(100)]}
    trace = run(Scenario(topics=[Topic("orders", 4)], inputs=inputs, brokers=1, client=client))
    assert trace.records.partition.nunique() == used


@pytest.mark.statement("K42")
def test_java_leaves_a_partition_after_a_batch_of_bytes():
    trace = sending(*[(None, None)] * 500, client="java", batch_size=1_000)
    partitions = trace.records.sort_values("created").partition
    runs = (partitions != partitions.shift()).cumsum()
    lengths = partitions.groupby(runs).size()
    assert len(lengths) > 20
    assert (lengths[:-1] >= 9).all()  # ten records of just over 100 bytes are a batch


@pytest.mark.statement("K46a", "T24")
def test_a_topic_that_grows_moves_keys_and_breaks_their_order():
    scenario = Scenario(topics=[Topic("orders", 3)], brokers=1, duration=40, faults=[AddPartitions("orders", 15, to=4)],
                        producers=[Producer("shop", "orders", rate=50, keys=200, stop=39, metadata_max_age_ms=1_000)])
    where = places(run(scenario))
    stayed = sum(len(partitions) == 1 for partitions in where.values()) / len(where)
    assert stayed == pytest.approx(3 / math.lcm(3, 4), abs=0.1)


@pytest.mark.statement("T24")
@pytest.mark.parametrize(("before", "after", "share"), [(3, 4, 0.25), (6, 8, 0.25), (6, 12, 0.5), (10, 11, 1 / 11)])
def test_the_share_of_keys_that_stay(before, after, share):
    keys = [f"order-{n}".encode() for n in range(20_000)]
    stayed = sum(keyed_partition(key, before) == keyed_partition(key, after) for key in keys) / len(keys)
    assert stayed == pytest.approx(share, abs=0.01)
    assert share == pytest.approx(before / math.lcm(before, after))
