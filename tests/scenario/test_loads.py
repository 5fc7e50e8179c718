"""When records are created and with which keys."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simlib.scenario import (
    Bursts,
    Exponential,
    Given,
    InOrder,
    Producer,
    Replay,
    Stream,
    Uniform,
    Weights,
    Zipf,
    arrival_blocks,
    arrival_times,
    key_codes,
    key_names,
)
from simlib.units import SECOND

STREAM = Stream(7, "shop", "arrival")


def seconds(producer, until=10.0, stream=STREAM):
    return (arrival_times(producer, stream, until) / SECOND).tolist()


def shop(rate=None, **given):
    return Producer("shop", "orders", rate, **given)


def test_constant_arrivals_begin_at_the_start_and_are_exact():
    times = arrival_times(shop(60, start=1.0), STREAM, 91.0)
    assert len(times) == 5_400
    assert times.tolist() == [SECOND + round(i * SECOND / 60) for i in range(5_400)]


def test_a_load_ends_before_its_stop_and_after_its_records():
    assert seconds(shop(2, stop=2.0)) == [0, 0.5, 1, 1.5]
    assert seconds(shop(2, records=3)) == [0, 0.5, 1]
    assert seconds(shop(2, records=0)) == []
    assert seconds(shop(2, start=20)) == []


def test_poisson_arrivals_have_exponential_gaps_of_the_right_mean():
    times = arrival_times(shop(100, arrivals="poisson"), STREAM, 1_000.0)
    gaps = np.diff(times, prepend=0) / SECOND
    assert abs(len(times) - 100_000) < 4 * np.sqrt(100_000)
    expected = 1 - np.exp(-100 * np.sort(gaps))
    assert np.max(np.abs(expected - np.arange(1, len(gaps) + 1) / len(gaps))) < 1.63 / np.sqrt(len(gaps))


def test_no_two_records_are_drawn_into_one_instant():
    times = arrival_times(shop(1e8, arrivals="poisson"), STREAM, 0.001)
    assert len(times) > 90_000 and np.diff(times).min() == 1
    assert seconds(shop(arrivals=Given((0.0, 0.25)), records=4)) == [0, 0.25, 0.25, 0.5]  # what is given stays


def test_bursts_come_all_at_once():
    assert seconds(shop(arrivals=Bursts(3, every=4.0), start=1.0)) == [1, 1, 1, 5, 5, 5, 9, 9, 9]


def test_a_replay_gives_the_given_instants_and_ends():
    assert seconds(shop(arrivals=Replay([0.5, 0.5, 2, 30]), start=1.0)) == [1.5, 1.5, 3]
    assert seconds(shop(arrivals=Replay([]))) == []


def test_gaps_may_be_any_distribution():
    assert seconds(shop(arrivals=Given([1, 3]))) == [1, 4, 5, 8, 9]
    poisson = arrival_times(shop(5, arrivals="poisson"), STREAM, 50)
    assert arrival_times(shop(arrivals=Exponential(1 / 5)), STREAM, 50).tolist() == poisson.tolist()


def test_a_rate_may_be_drawn_for_each_gap():
    assert seconds(shop(Given([1, 4])), until=3) == [1, 1.25, 2.25, 2.5]
    gaps = np.diff(arrival_times(shop(Uniform(50, 100)), STREAM, 100)) / SECOND
    assert 1 / 100 <= gaps.min() and gaps.max() <= 1 / 50


@given(rate=st.floats(1, 5_000), cut=st.floats(0, 5))
def test_a_longer_run_only_adds_records(rate, cut):
    producer = shop(rate, arrivals="poisson")
    long, short = arrival_times(producer, STREAM, 5.0), arrival_times(producer, STREAM, cut)
    assert short.tolist() == long[: len(short)].tolist()
    assert np.all(long[len(short) :] >= round(cut * SECOND))


def test_blocks_are_small_and_together_the_whole():
    producer = shop(3_000, arrivals="poisson")
    blocks = list(arrival_blocks(producer, STREAM, 10.0))
    assert len(blocks) > 5 and all(0 < len(block) <= 4_096 for block in blocks)
    assert np.all(np.diff(np.concatenate(blocks)) >= 0)


def test_a_changed_rate_continues_the_numbering():
    blocks = arrival_blocks(shop(10, records=25), STREAM, 10.0, start=2.0, first=20)
    assert (np.concatenate(list(blocks)) / SECOND).tolist() == [2.0, 2.1, 2.2, 2.3, 2.4]


def test_key_names():
    assert key_names(3) == ("key-0", "key-1", "key-2")
    assert key_names(("a", b"b")) == ("a", b"b")
    assert key_names(None) == ()


def shares(producer, n=60_000):
    codes = key_codes(producer, Stream(7, "shop", "key"), 0, n)
    return {code: count / n for code, count in sorted(Counter(codes.tolist()).items())}


def test_no_keys_are_null_keys():
    assert shares(shop(1)) == {-1: 1.0}


def test_keys_are_uniform_unless_said_otherwise():
    assert shares(shop(1, keys=4)) == pytest.approx(dict.fromkeys(range(4), 0.25), abs=0.01)
    assert shares(shop(1, keys=["a", "b"])) == pytest.approx({0: 0.5, 1: 0.5}, abs=0.01)


def test_zipf_keys():
    harmonic = 1 + 1 / 2 + 1 / 3
    expected = {0: 1 / harmonic, 1: 1 / 2 / harmonic, 2: 1 / 3 / harmonic}
    assert shares(shop(1, keys=3, key_distribution=Zipf(1.0))) == pytest.approx(expected, abs=0.01)


def test_weighted_keys_and_a_weight_of_zero():
    assert shares(shop(1, keys=3, key_distribution=Weights([3, 0, 1]))) == pytest.approx({0: 0.75, 2: 0.25}, abs=0.01)


def test_keys_in_order():
    producer = shop(1, keys=["a", "b", "a"], key_distribution=InOrder())
    assert key_codes(producer, Stream(7, "x"), 2, 5).tolist() == [2, 0, 1, 2, 0]


@given(start=st.integers(0, 2_000), n=st.integers(0, 500))
def test_a_record_s_key_does_not_depend_on_the_block_it_is_drawn_in(start, n):
    producer, stream = shop(1, keys=17, key_distribution=Zipf(0.8)), Stream(7, "shop", "key")
    whole = key_codes(producer, stream, 0, 2_500)
    assert key_codes(producer, stream, start, n).tolist() == whole[start : start + n].tolist()


def test_endless_gaps_end_the_load_quietly():
    assert seconds(shop(1e-12)) == [0]
    assert seconds(shop(1e-12, arrivals="poisson")) == []
    assert seconds(shop(arrivals=Given([1e30]))) == []
