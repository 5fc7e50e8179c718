"""The small cluster that the producer tests share: one producer, one partition, a copy on every broker."""

from functools import cache

from simlib import Producer, Scenario, Topic, run
from simlib.scenario.loads import Replay


def shop(times, *, brokers=1, partitions=1, faults=(), config=None, client="kafka-python", duration=60.0,
         latency=0.0005, groups=(), **settings):
    """A scenario in which `shop` creates one record at each of these instants (s) and sends it to the topic orders."""
    return Scenario(
        topics=[Topic("orders", partitions, replication_factor=brokers, config=config or {})],
        producers=[Producer("shop", "orders", arrivals=Replay(tuple(times)), **settings)],
        groups=groups, faults=faults, brokers=brokers, client=client, duration=duration, latency=latency)


@cache
def replicas(brokers):
    """(leader, follower, ...) of the partition: who appends in a calm run, and the others."""
    trace = run(shop([0.1], brokers=brokers, duration=1))
    leader = trace.data.code_table("actors")[trace.data.column("appends", "broker")[0]]
    return leader, *(f"broker-{n}" for n in range(brokers) if f"broker-{n}" != leader)


def log(trace):
    """What the partition holds at the end: the numbers of the messages, offset by offset."""
    numbers = trace.data.column("messages", "number")[trace.messages.of("log_end")]
    offsets = trace.messages.offsets("log_end")
    assert sorted(offsets) == list(range(len(offsets)))
    return [int(number) for _, number in sorted(zip(offsets, numbers, strict=True))]


def record(trace, number):
    """The row of one message in `trace.records`."""
    return trace.records.set_index("message").loc[f"shop:{number}"]


def outcomes(trace):
    """What the producer learned, message by message."""
    return [record(trace, number).outcome for number in range(len(trace.records))]


def events(trace, kind):
    """The control events of one kind."""
    return trace.control[trace.control.kind == kind]


def told(trace, number):
    """When the producer was told about a message (s), whatever it was told."""
    times = trace.messages.spread("acks", "time")[trace.messages.of("acks") == number]
    return times[0] / 1e9
