"""Named draws: the numbers themselves are fixed, and nothing but (seed, names, i) decides them."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simlib.scenario import Exponential, Sampler, Stream

ROOT = Path(__file__).parents[2]

# A change of any of these numbers changes every run of every lesson: it must be meant.
PLACES = (0, 1, 2, 511, 512, 10**9)
SHOP_7 = [
    0.27806349560866706,
    0.3894967720294592,
    0.1775004757991393,
    0.19563058329851712,
    0.6248981571562972,
    0.688113587359266,
]


def test_the_stream_of_one_role_never_changes():
    stream = Stream(7, "shop", "arrival")
    assert [stream.uniform(i) for i in PLACES] == SHOP_7


def test_another_process_and_hash_seed_give_the_same_numbers():
    code = f"from simlib.scenario import Stream; print([Stream(7, 'shop', 'arrival').uniform(i) for i in {PLACES}])"
    for hash_seed in ("0", "1234"):
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(ROOT)}
        done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
        assert done.stdout.strip() == str(SHOP_7)


@given(start=st.integers(0, 5_000), n=st.integers(0, 1_200), seed=st.integers(-(2**70), 2**70))
def test_a_block_is_the_single_draws(start, n, seed):
    block = Stream(seed, "billing-0", "service", 3).block(start, n)
    one_by_one = Stream(seed, "billing-0", "service", 3)
    assert block.tolist() == [one_by_one.uniform(i) for i in range(start, start + n)]


@given(st.lists(st.integers(0, 3_000), min_size=1, max_size=20))
def test_the_order_of_asking_does_not_matter(places):
    forwards, backwards = Stream(1, "a"), Stream(1, "a")
    assert [forwards.uniform(i) for i in places] == [backwards.uniform(i) for i in reversed(places)][::-1]


def test_streams_differ_by_seed_actor_role_and_by_how_names_are_cut():
    names = [(1, "ab", "c"), (1, "a", "bc"), (2, "ab", "c"), (1, "ab", "c", 0), (1, "ab", "d")]
    streams = [Stream(*each) for each in names]
    assert len({stream.uniform(0) for stream in streams}) == len(streams)


def test_draws_lie_strictly_between_zero_and_one():
    from simlib.scenario.draws import unit_interval

    ends = unit_interval(np.array([0, 2**64 - 1], dtype=np.uint64))
    assert 0.0 < ends[0] < ends[1] < 1.0


def test_draws_are_uniform_and_independent_of_their_neighbours():
    u = Stream(3, "any").block(0, 100_000)
    steps = np.arange(1, len(u) + 1) / len(u)
    assert np.max(np.abs(np.sort(u) - steps)) < 1.63 / np.sqrt(len(u))  # Kolmogorov-Smirnov at 1 %
    assert abs(np.corrcoef(u[:-1], u[1:])[0, 1]) < 3 / np.sqrt(len(u))


def test_two_streams_are_not_correlated():
    a, b = Stream(3, "shop").block(0, 50_000), Stream(4, "shop").block(0, 50_000)
    assert abs(np.corrcoef(a, b)[0, 1]) < 4 / np.sqrt(50_000)


def test_a_sampler_gives_the_distribution_s_draws_one_by_one():
    sampler = Sampler(Exponential(0.02), Stream(7, "billing", "service"))
    assert [sampler.at(i) for i in range(1_100)] == sampler.block(0, 1_100).tolist()
    assert sampler.at(3) == pytest.approx(Exponential(0.02).scaled(Stream(7, "billing", "service").uniform(3)))
