"""Which partition a record goes to, against the vectors of the real clients."""

import json
import struct
from collections import Counter
from math import gcd
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simlib.kafka.murmur2 import murmur2
from simlib.kafka.partitioner import (
    StickyPartitioner,
    crc32_partition,
    keyed_partition,
    random_partition,
    weighted_partition,
)

GOLDEN = json.loads((Path(__file__).parents[2] / "data" / "golden_vectors.json").read_text(encoding="utf-8"))
EVENLY = [(step + 0.5) / 1200 for step in range(1200)]


@pytest.mark.statement("K39", "peer-T11")
@pytest.mark.parametrize("vector", GOLDEN["murmur2"], ids=lambda vector: vector["key"] or "empty")
def test_keys_land_where_the_java_client_puts_them(vector):
    key = vector["key"].encode()
    assert murmur2(key) == vector["murmur2"]
    assert {count: keyed_partition(key, int(count)) for count in vector["partition"]} == vector["partition"]


@pytest.mark.statement("K39")
def test_bytes_that_are_not_text_are_hashed_too():
    assert keyed_partition(b"\x00 ", 1000) == 742


@pytest.mark.statement("K41")
def test_the_empty_key_is_a_key():
    assert murmur2(b"") == 275646681
    assert keyed_partition(b"", 4) == 1


@pytest.mark.statement("K45a", "peer-T11")
def test_librdkafka_puts_keys_elsewhere():
    vectors = {key: where for key, where in GOLDEN["crc32_consistent_random_4_partitions"].items() if key}
    assert {key: crc32_partition(key.encode(), 4, uniform=0.999) for key in vectors} == vectors
    assert crc32_partition(b"order-1", 4, uniform=0.0) != keyed_partition(b"order-1", 4)


@pytest.mark.statement("K45a")
def test_librdkafka_draws_a_partition_for_an_empty_key():
    assert [crc32_partition(b"", 4, uniform) for uniform in (0.1, 0.3, 0.6, 0.9)] == [0, 1, 2, 3]


@pytest.mark.statement("K47a")
def test_the_serialised_bytes_decide_not_the_value():
    keys = {"str": b"42", "int32": struct.pack(">i", 42), "int64": struct.pack(">q", 42)}
    assert {name: keyed_partition(key, 6) for name, key in keys.items()} == GOLDEN["serialised_42_mod6"]
    assert [murmur2(key) for key in keys.values()] == [417700972, 1606757304, 506863552]


@pytest.mark.statement("K46a")
@pytest.mark.parametrize(("before", "after"), [(3, 4), (6, 8), (6, 12), (10, 11), (50, 51)])
def test_few_keys_keep_their_partition_when_a_topic_grows(before, after):
    stay = sum(keyed_partition(b"key-%d" % n, before) == keyed_partition(b"key-%d" % n, after) for n in range(10_000))
    share = before / (before * after // gcd(before, after))
    assert stay / 10_000 == pytest.approx(share, abs=4 * (share * (1 - share) / 10_000) ** 0.5)


@pytest.mark.statement("K44a")
def test_kafka_python_draws_anew_for_each_record_without_a_key():
    chosen = Counter(random_partition([0, 2, 5], uniform) for uniform in EVENLY)
    assert chosen == {0: 400, 2: 400, 5: 400}


@pytest.mark.statement("K42")
def test_records_without_a_key_stay_on_one_partition_for_a_batch():
    sticky = StickyPartitioner(batch_size=1000)
    sticky.choose([0, 1, 2], uniform=0.5)
    sticky.produced(999)
    assert sticky.partition == 1
    sticky.produced(1)
    assert sticky.partition is None
    assert sticky.choose([0, 2], uniform=0.9) == 2
    assert sticky.choices == 2


@pytest.mark.statement("K42")
def test_a_batch_that_is_not_ready_keeps_the_partition_up_to_twice_its_size():
    sticky = StickyPartitioner(batch_size=1000)
    sticky.choose([0, 1], uniform=0.0)
    sticky.produced(1999, batch_is_ready=False)
    assert sticky.partition == 0
    sticky.produced(1, batch_is_ready=False)
    assert sticky.partition is None


@pytest.mark.statement("K42")
def test_the_count_of_bytes_starts_anew_on_each_partition():
    sticky = StickyPartitioner(batch_size=1000)
    sticky.choose([0, 1], uniform=0.0)
    sticky.produced(1500)
    sticky.choose([0, 1], uniform=0.7)
    sticky.produced(999)
    assert sticky.partition == 1


@pytest.mark.statement("K43")
def test_partitions_with_short_queues_are_likelier():
    chosen = Counter(weighted_partition([7, 8, 9], [0, 3, 1], uniform) for uniform in EVENLY)
    assert chosen == {7: 600, 8: 150, 9: 450}


@pytest.mark.statement("K43")
def test_the_sticky_partitioner_looks_at_queues_when_it_is_given_them():
    chosen = Counter(StickyPartitioner(1).choose([0, 1, 2], uniform, [0, 3, 1]) for uniform in EVENLY)
    assert chosen == {0: 600, 1: 150, 2: 450}


@pytest.mark.statement("K43")
@given(st.integers(1, 20), st.integers(0, 9), st.floats(0, 1, exclude_max=True))
def test_equal_queues_are_a_uniform_choice(partitions, length, uniform):
    available = list(range(partitions))
    assert weighted_partition(available, [length] * partitions, uniform) == random_partition(available, uniform)
