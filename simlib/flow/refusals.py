"""What the flow engine does not do: each by its name, all at once, before anything runs."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from simlib.scenario.distributions import Constant, as_distribution
from simlib.scenario.errors import EngineError
from simlib.scenario.faults import Crash, Fault, Pause, Shutdown
from simlib.scenario.loads import key_names
from simlib.scenario.scenario import Scenario
from simlib.scenario.settings import resolve_broker, resolve_consumer, resolve_producer, resolve_topic
from simlib.scenario.share_groups import ShareGroup
from simlib.scenario.topology import ConsumerGroup, Producer, Topic

if TYPE_CHECKING:
    from simlib.flow.outbox import Outbox

TRIPS_WITHIN_LAG = 10
"""A follower is never out of sync if so many round trips fit into replica_lag_time_max_ms."""


def reasons_against(scenario: Scenario) -> list[str]:
    """Every reason why this scenario needs the readable engine."""
    problems = [*_of_the_whole(scenario), *_of_faults(scenario)]
    for topic in scenario.topics:
        problems += _of_topic(topic, scenario)
    for producer in scenario.producers:
        problems += _of_producer(producer, scenario)
    for group in scenario.groups:
        problems += _of_share_group(group) if isinstance(group, ShareGroup) else _of_group(group, scenario)
    return problems


def _of_the_whole(scenario: Scenario) -> Iterator[str]:
    if scenario.services:
        yield "services: it runs declared producers and groups alone, no code"
    if scenario.inputs:
        yield "inputs: it runs declared producers alone; Producer(arrivals=Replay(...)) has given times"
    latency = as_distribution(scenario.latency)
    if not isinstance(latency, Constant) or latency.mean <= 0:
        yield f"latency={scenario.latency!r}: it needs the same latency on every link, above 0"
        return
    lag = resolve_broker(scenario.broker_config).replica_lag_time_max_ms
    if latency.mean * 2_000 * TRIPS_WITHIN_LAG > lag:
        yield (f"latency={latency.mean:g}: followers may fall behind; it needs {TRIPS_WITHIN_LAG} round trips within "
               f"replica_lag_time_max_ms={lag:g}")


def _of_faults(scenario: Scenario) -> Iterator[str]:
    members = {name for group in scenario.groups for name in group.members}
    for i, fault in enumerate(scenario.faults):
        if not isinstance(fault, (Crash, Shutdown, Pause)):
            yield f"faults[{i}], {type(fault).__name__}: only Crash, Shutdown and Pause of consumers"
        elif fault.who not in members:
            yield f"faults[{i}], {type(fault).__name__}({fault.who!r}): consumers may fail, no {_kind(fault, scenario)}"
        elif isinstance(fault, Crash) and fault.at is None:
            yield f"faults[{i}], Crash({fault.who!r}) aimed at a step: give it a time (at=)"


def _kind(fault: Fault, scenario: Scenario) -> str:
    who = getattr(fault, "who", "")
    if who in scenario.broker_names:
        return "brokers"
    return "controllers" if who in scenario.controller_names else "producers"


def _of_topic(topic: Topic, scenario: Scenario) -> Iterator[str]:
    settings = resolve_topic(topic.config, resolve_broker(scenario.broker_config))
    if settings.compacts:
        yield f"topic {topic.name!r}, cleanup_policy: nothing is compacted here; use 'delete'"
    elif settings.forgets_within < scenario.duration * 1_000:
        yield f"topic {topic.name!r}, retention: no record may be old or many enough to be deleted within the run"


def _of_producer(producer: Producer, scenario: Scenario) -> Iterator[str]:
    settings = resolve_producer(scenario.client, producer.overrides())
    topic = scenario.topic(producer.topic)
    limit = resolve_topic(topic.config, resolve_broker(scenario.broker_config)).max_message_bytes
    name = f"producer {producer.name!r}"
    if settings.transactional_id is not None:
        yield f"{name}, transactional_id: no transactions"
    if not key_names(producer.keys) and settings.partitioner == "sticky":
        yield f"{name}, keys=None: a sticky partitioner goes by load; give it keys, or partitioner='random'"
    if max(settings.batch_size, producer.value_bytes) > limit:
        yield f"{name}: a batch may grow larger than max_message_bytes={limit}; lower batch_size"


def _of_share_group(group: ShareGroup) -> list[str]:
    return [f"group {group.name!r}, a ShareGroup: who takes which record depends on every fetch; only a ConsumerGroup"]


def _of_group(group: ConsumerGroup, scenario: Scenario) -> Iterator[str]:
    settings = resolve_consumer(scenario.client, group.overrides())
    name = f"group {group.name!r}"
    if settings.group_protocol != "classic":
        yield f"{name}, group_protocol={settings.group_protocol!r}: only the classic protocol"
    if not settings.enable_auto_commit:
        yield f"{name}, enable_auto_commit=False: every poll would be a control event; use auto-commit"
    if settings.isolation_level != "read_uncommitted":
        yield f"{name}, isolation_level={settings.isolation_level!r}: no transactions"
    if settings.fetch_min_bytes > 1:
        yield f"{name}, fetch_min_bytes={settings.fetch_min_bytes}: a fetch is answered at the first record; use 1"
    if settings.fetch_max_wait_ms <= 0:
        yield f"{name}, fetch_max_wait_ms=0: a fetch of an idle partition must wait for a while"


# -- what only the records themselves show

def refuse_same_instants(producer: str, created: Sequence[tuple[int, array[int]]]) -> None:
    """Records of one instant in several partitions of one leader: which goes first is a matter of the client's timers.

    `created`: the leader and the instants of each partition.
    """
    leaders = [leader for leader, _ in created]
    for leader in {leader for leader in leaders if leaders.count(leader) > 1}:
        times = np.concatenate([_distinct(np.asarray(each)) for number, each in created if number == leader])
        times.sort(kind="stable")  # a merge: each part is sorted
        if len(_distinct(times)) < len(times):
            raise EngineError([f"producer {producer!r}: records of one instant go to several partitions of one leader; "
                               "give them different times, or one partition a broker"])


def _distinct(times: np.ndarray) -> np.ndarray:
    """Of sorted times, each once."""
    return times[np.r_[True, times[1:] != times[:-1]][:len(times)]]


def refuse_long_waits(outboxes: list[Outbox], actors: list[str], now: int) -> None:
    """A buffer that fills faster than it is emptied ends in time-outs and retries, which are not done here."""
    late = {actors[outbox.rank]: setting for outbox in outboxes if (setting := outbox.waited_too_long(now))}
    if late:
        raise EngineError([f"producer {name!r}: records waited longer than its {setting}, for they come faster than "
                           "they can be sent; lower the rate, or raise batch_size" for name, setting in late.items()])
