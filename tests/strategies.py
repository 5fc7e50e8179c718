"""Random scenarios for Hypothesis: small enough to run in milliseconds, wide enough to break things.

At most about 300 records, 60 seconds, 3 brokers, 6 partitions and 4 consumers a group. Every scenario passes `check`.
"""

from dataclasses import replace
from functools import cache

from hypothesis import strategies as st

from simlib.scenario import (
    AddPartitions,
    Bursts,
    ConsumerGroup,
    Crash,
    Exponential,
    Given,
    InOrder,
    Lognormal,
    LoseReply,
    LoseRequest,
    NetworkCut,
    Pause,
    PowerLoss,
    Producer,
    Replay,
    Scenario,
    ShareGroup,
    Shutdown,
    SlowLink,
    Topic,
    Uniform,
    Weights,
    Zipf,
)

MOST_RECORDS = 300
ASSIGNORS = ("range", "roundrobin", "sticky", "cooperative-sticky")


@cache
def one_of(*values):
    return st.sampled_from(values)


@cache
def rounded(low, high):
    """Numbers with three decimals: readable in a failing example, and still off every grid."""
    return st.integers(round(low * 1_000), round(high * 1_000)).map(lambda thousandths: thousandths / 1_000)


def given_some(**choices):
    """A dict with a random part of the choices: a setting that is left out is the client's default."""
    return st.fixed_dictionaries({}, optional=choices)


@cache
def retention():
    """One topic in four forgets: by age, by size or both."""
    limits = given_some(
        retention_ms=one_of(0, 2_000, 10_000),
        retention_bytes=one_of(0, 500, 5_000),
        segment_ms=one_of(1, 500, 3_000),
        message_timestamp_type=one_of("CreateTime", "LogAppendTime"),
    )
    return st.one_of(st.just({}), st.just({}), st.just({}), limits)


@st.composite
def perhaps_compacted(draw, topic, senders):
    """One topic in three, where all records have keys (others are refused)."""
    keyed = all(producer.keys for producer in senders if producer.topic == topic.name)
    if not keyed or draw(one_of(True, False, False)) is False:
        return topic
    config = {"cleanup_policy": draw(one_of("compact", "compact,delete")), "segment_ms": draw(one_of(100, 1_000)),
              "min_cleanable_dirty_ratio": draw(one_of(0, 0.5)), "min_compaction_lag_ms": draw(one_of(0, 2_000))}
    return replace(topic, config={**topic.config, **config})


@st.composite
def topics(draw, name, brokers):
    replicas = draw(st.integers(1, brokers))
    config = draw(
        given_some(min_insync_replicas=st.integers(1, replicas), unclean_leader_election_enable=st.booleans())
    )
    config.update(draw(retention()))
    return Topic(name, draw(st.integers(1, 6)), replicas, config)


@cache
def producer_settings():
    """Settings that are allowed together in both clients."""
    idempotent = given_some(max_in_flight_requests_per_connection=st.integers(1, 5))
    plain = st.fixed_dictionaries(
        {"enable_idempotence": st.just(False)},
        optional={
            "acks": one_of(0, 1, "all"),
            "max_in_flight_requests_per_connection": st.integers(1, 8),
            "retries": st.integers(0, 3),
        },
    )
    common = given_some(
        linger_ms=one_of(0, 5, 50),
        batch_size=one_of(0, 300, 16_384),
        request_timeout_ms=one_of(1_000, 5_000),
        delivery_timeout_ms=one_of(8_000, 30_000),
        retry_backoff_ms=one_of(20, 100),
        partitioner=one_of("random", "sticky", "consistent_random"),
    ).map(lambda given: {"request_timeout_ms": 5_000, **given} if "delivery_timeout_ms" in given else given)
    return st.tuples(st.one_of(idempotent, plain), common).map(lambda both: {**both[0], **both[1]})


@st.composite
def keyed(draw):
    """Keys and how they are chosen."""
    keys = draw(st.one_of(st.none(), st.integers(1, 12), st.just(("a", "b", "c")), st.just((b"\x00", b"\xff"))))
    if keys is None:
        return {}
    n = keys if isinstance(keys, int) else len(keys)
    weights = st.lists(st.integers(1, 9), min_size=n, max_size=n).map(Weights)
    return {
        "keys": keys,
        "key_distribution": draw(st.one_of(st.none(), rounded(0, 2).map(Zipf), weights, st.just(InOrder()))),
    }


@cache
def arrivals():
    return st.one_of(
        rounded(0.5, 60).map(lambda rate: {"rate": rate}),
        rounded(0.5, 60).map(lambda rate: {"rate": rate, "arrivals": "poisson"}),
        st.tuples(st.integers(1, 20), rounded(0.5, 5)).map(lambda burst: {"arrivals": Bursts(*burst)}),
        st.lists(rounded(0, 20), max_size=20).map(lambda times: {"arrivals": Replay(sorted(times))}),
        rounded(0.02, 0.5).map(lambda gap: {"arrivals": Exponential(gap)}),
        rounded(5, 20).map(lambda rate: {"rate": Uniform(rate, 2 * rate)}),
    )


@st.composite
def producers(draw, name, topic, most):
    return Producer(
        name,
        topic,
        **draw(arrivals()),
        **draw(keyed()),
        **draw(producer_settings()),
        value_bytes=draw(one_of(0, 20, 100, 400)),
        start=draw(one_of(0.0, 0.0, 0.5, 3.0)),
        records=draw(st.integers(0, most)),
    )


@cache
def service_times():
    return st.one_of(
        one_of(0.0, 0.001, 0.02, 0.3),
        rounded(0.002, 0.05).map(Exponential),
        st.tuples(rounded(0.002, 0.05), rounded(0.2, 2)).map(lambda both: Lognormal(*both)),
        st.just(Given([0.0, 0.05, 0.01])),
    )


@cache
def group_settings():
    return st.one_of(classic_settings(), classic_settings(), consumer_protocol_settings())


@cache
def consumer_protocol_settings():
    """A group of KIP-848: the brokers choose sessions and heartbeats, and assign."""
    own = st.fixed_dictionaries({"group_protocol": st.just("consumer")},
                                optional={"group_remote_assignor": one_of("uniform", "range")})
    return st.tuples(own, loop_settings()).map(lambda both: {**both[0], **both[1]})


@cache
def loop_settings():
    """What a consumer sets itself, whatever its group speaks."""
    return given_some(
        enable_auto_commit=st.booleans(),
        auto_commit_interval_ms=one_of(100, 1_000, 5_000),
        auto_offset_reset=one_of("earliest", "latest"),
        max_poll_interval_ms=one_of(2_000, 300_000),
        max_poll_records=one_of(1, 3, 50, 500),
        fetch_max_wait_ms=one_of(50, 500),
        max_partition_fetch_bytes=one_of(400, 1_048_576),
        static_membership=st.booleans(),
    )


@cache
def classic_settings():
    several = st.lists(one_of(*ASSIGNORS), min_size=1, max_size=2, unique=True)
    own = given_some(
        session_timeout_ms=one_of(6_000, 10_000, 45_000),
        heartbeat_interval_ms=one_of(500, 2_000),
        partition_assignment_strategy=st.one_of(one_of(*ASSIGNORS), several),
    )
    return st.tuples(own, loop_settings()).map(lambda both: {**both[0], **both[1]})


@st.composite
def groups(draw, name, topic_names):
    read = draw(st.lists(one_of(*topic_names), min_size=1, max_size=len(topic_names), unique=True))
    topic = read[0] if len(read) == 1 else read
    return ConsumerGroup(name, topic, draw(st.integers(1, 4)), draw(service_times()), **draw(group_settings()))


@cache
def broker_settings():
    """What the brokers say about KIP-848's groups goes together, or they would not start."""
    quick = {"group_consumer_session_timeout_ms": 8_000, "group_consumer_min_session_timeout_ms": 1_000,
             "group_consumer_heartbeat_interval_ms": 1_000, "group_consumer_min_heartbeat_interval_ms": 100}
    return st.tuples(_broker_settings(), st.sampled_from([{}, quick])).map(lambda both: {**both[0], **both[1]})


@cache
def _broker_settings():
    return given_some(
        min_insync_replicas=one_of(1, 2),
        replica_lag_time_max_ms=one_of(2_000, 10_000, 30_000),
        broker_session_timeout_ms=one_of(3_000, 9_000),
        group_initial_rebalance_delay_ms=one_of(0, 3_000),
        unclean_leader_election_enable=st.booleans(),
        log_retention_check_interval_ms=one_of(1_000, 5_000, 300_000),
        log_initial_task_delay_ms=one_of(0, 12_000, 30_000),
        log_cleaner_backoff_ms=one_of(500, 15_000),
        eligible_leader_replicas_version=one_of(0, 1),
    )


def _of_membership(group):
    """The requests by which its members are members, and read."""
    if isinstance(group, ShareGroup):
        return ("share_group_heartbeat", "share_fetch", "share_acknowledge")
    return ("fetch", "commit", "consumer_group_heartbeat") if group.group_protocol == "consumer" else (
        "fetch", "commit", "join", "sync", "heartbeat")


def _losses(members, senders, brokers):
    """Who loses which request; either one by its number, or a share of them."""
    pairs = [(who, kind) for who, kinds in members.items() for kind in kinds]
    pairs += [(who, "produce") for who in senders] + [(who, "replica_fetch") for who in brokers]
    how = st.one_of(
        st.integers(1, 6).map(lambda nth: {"nth": nth}), one_of(0.05, 0.3).map(lambda share: {"share": share})
    )
    return st.builds(lambda kind, pair, how: kind(*pair, **how), one_of(LoseRequest, LoseReply), one_of(*pairs), how)


def deaths_while_it_stands_still(mortal, at, lasting, back):
    """A pause, and somewhere within it (also at its very ends) the end of who is paused."""
    part = one_of(0.0, 0.3, 0.7, 1.0)
    return st.builds(lambda who, at, lasting, part, death, back: [
        Pause(who, at, lasting), death(who, round(at + part * lasting, 3), back)],
        mortal, at, lasting, part, one_of(Crash, Shutdown), back)


@st.composite
def faults(draw, scenario, most=3):
    """About `most` faults on consumers, producers, brokers and links. Whatever dies is started again within the run."""
    end = scenario.duration
    members = [member for group in scenario.groups for member in group.members]
    senders = [producer.name for producer in scenario.producers]
    brokers = list(scenario.broker_names)
    mortal = one_of(*members, *brokers)
    at, back, lasting = rounded(0, end * 0.7), rounded(0.1, end * 0.25), rounded(0.1, end * 0.4)
    kinds = [
        st.builds(Crash, mortal, at, back),
        st.builds(Shutdown, mortal, at, back),
        st.builds(Pause, one_of(*members, *senders, *brokers), at, lasting),
        st.builds(NetworkCut, one_of(*members, *senders), one_of(*brokers), at, lasting),
        st.builds(SlowLink, one_of(*members, *senders), one_of(*brokers), at, lasting, rounded(0.001, 0.5)),
        st.builds(PowerLoss, st.lists(one_of(*brokers), min_size=1, unique=True), at, back),
        st.builds(
            lambda who, step, nth, back: Crash(who, restart_after=back, after=step, nth=nth),
            one_of(*members),
            one_of("receive", "acknowledge" if isinstance(scenario.groups[0], ShareGroup) else "commit"),
            st.integers(1, 40),
            back,
        ),
        _losses({who: _of_membership(group) for group in scenario.groups for who in group.members}, senders, brokers),
        st.builds(
            lambda topic, at, more: AddPartitions(topic.name, at, topic.partitions + more),
            one_of(*scenario.topics),
            at,
            st.integers(1, 2),
        ),
    ]
    if len(brokers) > 1:
        kinds.append(st.builds(NetworkCut, st.just(brokers[0]), st.just(tuple(brokers[1:])), at, lasting))
    number = draw(st.integers(0, most))
    chosen = draw(st.lists(st.one_of(*kinds), min_size=number, max_size=number))
    if number < most and draw(one_of(False, False, True)):
        chosen += draw(deaths_while_it_stands_still(mortal, at, lasting, back))
    grown = [fault for fault in chosen if isinstance(fault, AddPartitions)]
    return tuple(fault for fault in chosen if fault not in grown[1:])


@st.composite
def calm_scenarios(draw):
    """Scenarios without a fault."""
    brokers = draw(st.integers(1, 3))
    names = ["orders", "payments"][: draw(one_of(1, 1, 2))]
    number = draw(one_of(1, 1, 2))
    shared = {
        "topics": [draw(topics(name, brokers)) for name in names],
        "producers": [
            draw(producers(f"shop{i or ''}", draw(one_of(*names)), MOST_RECORDS // number)) for i in range(number)
        ],
        "groups": [draw(groups(name, names)) for name in ("billing", "audit")[: draw(one_of(1, 1, 2))]],
    }
    shared["topics"] = [draw(perhaps_compacted(topic, shared["producers"])) for topic in shared["topics"]]
    return Scenario(
        **shared,
        brokers=brokers,
        client=draw(one_of("kafka-python", "java")),
        broker_config=draw(broker_settings()),
        latency=draw(one_of(0.0005, 0.0005, 0.02, Exponential(0.002))),
        duration=float(draw(st.integers(5, 60))),
        seed=draw(st.integers(0, 1_000)),
    )


@st.composite
def share_scenarios(draw, most_faults=3):
    """Scenarios whose groups are all share groups; locks are short, so that some end."""
    calm = draw(calm_scenarios())
    groups = [ShareGroup(group.name, group.topic, group.consumers, group.service_time, **draw(share_settings()))
              for group in calm.groups]
    config = {**calm.broker_config, **draw(share_broker_settings())}
    calm = replace(calm, groups=tuple(groups), broker_config=config)
    return replace(calm, faults=draw(faults(calm, most_faults)))


@cache
def share_settings():
    return given_some(
        share_acknowledgement_mode=one_of("implicit", "explicit"),
        share_acquire_mode=one_of("batch_optimized", "record_limit"),
        share_auto_offset_reset=one_of("earliest", "latest"),
        max_poll_records=one_of(1, 3, 50, 500),
        max_poll_interval_ms=one_of(2_000, 300_000),
        fetch_max_wait_ms=one_of(50, 500),
    )


@cache
def share_broker_settings():
    quick = {"group_share_session_timeout_ms": 8_000, "group_share_min_session_timeout_ms": 1_000,
             "group_share_heartbeat_interval_ms": 1_000, "group_share_min_heartbeat_interval_ms": 100}
    locks = given_some(group_share_record_lock_duration_ms=one_of(1_000, 4_000, 30_000),
                       group_share_delivery_count_limit=one_of(2, 5, 10),
                       group_share_partition_max_record_locks=one_of(100, 2_000))
    return st.tuples(locks, one_of((), tuple(quick.items()))).map(
        lambda both: {"group_share_min_record_lock_duration_ms": 1_000, **both[0], **dict(both[1])})


@st.composite
def scenarios(draw, most_faults=3):
    """Scenarios with up to `most_faults` faults."""
    calm = draw(calm_scenarios())
    parts = {name: getattr(calm, name) for name in calm.__dataclass_fields__ if name != "faults"}
    return Scenario(**parts, faults=draw(faults(calm, most_faults)))
