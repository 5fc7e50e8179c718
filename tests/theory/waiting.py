"""What the tests of waiting times share: a load, and from a trace how long everybody waited and how sure that is."""

import math

import numpy as np

from simlib import Producer, Scenario, Topic

UNIT = 0.1
"""Mean work in seconds; formulas and results count in it."""

BATCHES = 20
T_99 = 2.861  # Student's t, 19 degrees of freedom, 99 % two-sided


def load(rate, records, partitions=1, seed=11, **more):
    """Poisson arrivals, `rate` in a unit, on a network so quick that it does not count beside the work."""
    seconds = records / rate * UNIT
    return Scenario(topics=[Topic("orders", partitions)], brokers=1, latency=1e-6, duration=seconds, seed=seed,
                    producers=[Producer("shop", "orders", rate=rate / UNIT, arrivals="poisson")], **more)


def waits_of(started, trace):
    """How long each message waited in the log, in units: from its append to the start of its work."""
    return ((started - trace.records.set_index("message").appended) / UNIT).dropna()


def confidence(values):
    """(mean, half width of its 99 % interval), by the means of twenty stretches of the run."""
    means = [stretch.mean() for stretch in np.array_split(np.asarray(values), BATCHES)]
    return np.mean(means), T_99 * np.std(means, ddof=1) / math.sqrt(BATCHES)
