"""Distributions: inverse transforms that are right, the same for one number as for many, and fixed."""

import math
from statistics import NormalDist

import numpy as np
import pytest

from simlib.scenario import Constant, Exponential, Given, Lognormal, Stream, Uniform, as_distribution
from simlib.scenario.normal import normal_quantile

U = Stream(7, "test", "distributions").block(0, 200_000)
RANDOM = [Exponential(0.02), Lognormal(0.05, 1.5), Uniform(0.01, 0.03)]
ALL = [*RANDOM, Constant(3.0), Given([5, 1, 3])]


def distribution_function(distribution, x):
    """P(X <= x), written down apart from the code under test."""
    if isinstance(distribution, Exponential):
        return 1 - np.exp(-x / distribution.mean)
    if isinstance(distribution, Uniform):
        return (x - distribution.low) / (distribution.high - distribution.low)
    sigma2 = math.log(1 + distribution.cv**2)
    normal = NormalDist(math.log(distribution.mean) - sigma2 / 2, math.sqrt(sigma2))
    return np.array([normal.cdf(math.log(each)) for each in x])


@pytest.mark.parametrize("distribution", RANDOM, ids=repr)
def test_the_mean_is_met(distribution):
    draws = distribution.scaled(U)
    standard_error = draws.std() / math.sqrt(len(draws))
    assert abs(draws.mean() - distribution.mean) < 4 * standard_error


@pytest.mark.parametrize("distribution", RANDOM, ids=repr)
def test_the_shape_is_met(distribution):
    draws = np.sort(distribution.scaled(U[:20_000]))
    steps = np.arange(1, len(draws) + 1) / len(draws)
    assert np.max(np.abs(distribution_function(distribution, draws) - steps)) < 1.63 / math.sqrt(len(draws))


def test_lognormal_meets_its_coefficient_of_variation():
    draws = Lognormal(0.05, 0.5).scaled(U)
    assert draws.std() / draws.mean() == pytest.approx(0.5, rel=0.02)


@pytest.mark.parametrize("distribution", ALL, ids=repr)
def test_one_number_gives_what_an_array_gives(distribution):
    values = distribution.scaled(U[:1_000])
    single = [distribution.scaled(float(u)) for u in U[:1_000]]
    assert isinstance(single[0], float)
    assert values.tolist() == single


@pytest.mark.parametrize("distribution", ALL, ids=repr)
def test_a_larger_uniform_never_gives_a_smaller_draw(distribution):
    assert np.all(np.diff(distribution.scaled(np.sort(U[:10_000]))) >= 0)


@pytest.mark.parametrize("distribution", ALL, ids=repr)
def test_no_draw_is_below_the_lowest(distribution):
    assert distribution.scaled(U).min() >= distribution.lowest()


def test_the_normal_quantile_agrees_with_the_standard_library():
    edges = [2.0**-53, 1e-300, 1e-12, 0.075, 0.0749999, 0.5, 0.925, 0.9250001, 1 - 2.0**-53]
    places = np.concatenate([U[:5_000], edges])
    expected = [NormalDist().inv_cdf(float(u)) for u in places]
    assert normal_quantile(places) == pytest.approx(expected, rel=2e-15, abs=2e-15)


def test_given_values_come_in_order_and_again_from_the_beginning():
    assert Given([5, 1, 3]).draws(Stream(1, "a"), 2, 5).tolist() == [3, 5, 1, 3, 5]
    assert Given([5, 1, 3]).mean == 3


def test_constant_and_given_need_no_draw():
    class NoStream:
        def block(self, start, n):
            raise AssertionError("a draw was made")

    assert Constant(2).draws(NoStream(), 0, 3).tolist() == [2, 2, 2]
    assert Given([2, 4]).draws(NoStream(), 0, 2).tolist() == [2, 4]


def test_a_plain_number_is_a_constant():
    assert as_distribution(0.02) == Constant(0.02)
    assert as_distribution(Exponential(1)) == Exponential(1)


@pytest.mark.parametrize("distribution", ALL, ids=repr)
def test_every_distribution_says_what_it_is(distribution):
    assert f"{distribution.mean:g}" in distribution.describe() or isinstance(distribution, Uniform)
    assert eval(repr(distribution)) == distribution


FIXED_DRAWS = {
    Exponential(0.02): [22113121, 1807335, 26989341, 9215827, 87851546],
    Lognormal(0.05, cv=1.5): [44581281, 6313471, 55881350, 19301063, 317512049],
    Uniform(0.01, high=0.03): [23380127, 11728079, 24812431, 17384315, 29752624],
}


@pytest.mark.parametrize("distribution", RANDOM, ids=repr)
def test_draws_never_change(distribution):
    """To the nanosecond: the last bit of a logarithm may differ between machines."""
    nanoseconds = np.rint(distribution.draws(Stream(7, "fixed"), 0, 5) * 1e9).astype(int)
    assert nanoseconds.tolist() == FIXED_DRAWS[distribution]
