"""Random scenarios that the flow engine takes: a load, groups, and consumers that die, leave or stand still."""

from collections.abc import Iterator
from contextlib import contextmanager

from hypothesis import assume
from hypothesis import strategies as st
from strategies import ASSIGNORS, deaths_while_it_stands_still, given_some, keyed, one_of, rounded, service_times

from simlib import EngineError
from simlib.scenario import ConsumerGroup, Crash, Exponential, Pause, Producer, Scenario, Shutdown, Topic

PLAIN = st.fixed_dictionaries({"enable_idempotence": st.just(False), "acks": one_of(0, 1, "all"),
                               "max_in_flight_requests_per_connection": st.integers(1, 6)})


SHOWS_AS_IT_RUNS = ("records of one instant", "read one partition")
"""What of a scenario that the flow engine takes it refuses after all."""


@contextmanager
def where_possible() -> Iterator[None]:
    """A random scenario that is refused as it runs is none."""
    try:
        yield
    except EngineError as error:
        assume(not all(any(known in problem for known in SHOWS_AS_IT_RUNS) for problem in error.problems))
        raise


def arrivals():
    return st.one_of(
        one_of(1, 7.3, 50, 60, 100, 300).map(lambda rate: {"rate": rate}),
        one_of(5, 40.5, 200).map(lambda rate: {"rate": rate, "arrivals": "poisson"}),
        rounded(0.02, 0.5).map(lambda gap: {"arrivals": Exponential(gap)}),
    )


@st.composite
def producers(draw, name, topic, client):
    settings = draw(given_some(linger_ms=one_of(0, 5, 50), batch_size=one_of(0, 300, 1_000)))
    keys = draw(keyed()) if client == "kafka-python" else {"keys": draw(st.integers(1, 12))}
    return Producer(name, topic, **draw(arrivals()), **keys, **settings, **draw(st.one_of(st.just({}), PLAIN)),
                    value_bytes=draw(one_of(0, 20, 100, 400)), start=draw(one_of(0.0, 0.0, 0.5, 3.0)),
                    records=draw(one_of(None, 50, 300)))


@st.composite
def groups(draw, name, topics):
    several = st.lists(one_of(*ASSIGNORS), min_size=1, max_size=2, unique=True)
    settings = draw(given_some(
        auto_commit_interval_ms=one_of(100, 1_000, 5_000), auto_offset_reset=one_of("earliest", "latest"),
        session_timeout_ms=one_of(6_000, 10_000), heartbeat_interval_ms=one_of(500, 2_000),
        max_poll_interval_ms=one_of(2_000, 300_000), max_poll_records=one_of(1, 3, 50),
        fetch_max_wait_ms=one_of(1, 50, 500), max_partition_fetch_bytes=one_of(400, 1_048_576),
        partition_assignment_strategy=st.one_of(one_of(*ASSIGNORS), several), static_membership=st.booleans()))
    read = draw(st.lists(one_of(*topics), min_size=1, unique=True))
    return ConsumerGroup(name, read, draw(st.integers(1, 4)), draw(service_times()), **settings)


def faults(members, end):
    at = st.one_of(st.integers(1, int(end * 0.7)).map(float), rounded(0.1, end * 0.7))
    back = one_of(None, 0.5, 3.0, 12.0)
    fault = st.one_of(st.builds(Crash, one_of(*members), at, back), st.builds(Shutdown, one_of(*members), at, back),
                      st.builds(Pause, one_of(*members), at, one_of(0.3, 2.0, 15.0))).map(lambda one: [one])
    both = deaths_while_it_stands_still(one_of(*members), at, one_of(0.3, 2.0, 15.0), back)
    return st.lists(st.one_of(fault, fault, both), min_size=1, max_size=3).map(lambda several: sum(several, []))


@st.composite
def calm_scenarios(draw):
    brokers = draw(one_of(1, 2, 3, 3, 4))
    client = draw(one_of("kafka-python", "kafka-python", "java"))
    names = ["orders", "payments"][:draw(one_of(1, 1, 2))]
    senders = ["shop", "a-shop", "web"][:draw(one_of(1, 1, 2, 3))]  # some names come before "broker-0"
    return Scenario(
        topics=[Topic(name, draw(st.integers(1, 6)), draw(st.integers(1, brokers))) for name in names],
        producers=[draw(producers(name, draw(one_of(*names)), client)) for name in senders],
        groups=[draw(groups(name, names)) for name in ("billing", "mail")[:draw(one_of(1, 1, 2))]],
        brokers=brokers, client=client, latency=draw(one_of(0.0005, 0.0005, 0.002, 0.0101)),
        broker_config=draw(given_some(group_initial_rebalance_delay_ms=one_of(0, 3_000))),
        duration=float(draw(st.integers(5, 20))), seed=draw(st.integers(0, 1_000)))


@st.composite
def scenarios(draw):
    """With one to three faults of consumers."""
    calm = draw(calm_scenarios())
    parts = {name: getattr(calm, name) for name in calm.__dataclass_fields__ if name not in ("faults", "duration")}
    members = [member for group in calm.groups for member in group.members]
    return Scenario(**parts, duration=calm.duration + 15, faults=draw(faults(members, calm.duration + 15)))
