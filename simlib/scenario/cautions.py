"""What a scenario may do but hardly means: said, not refused."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches

from simlib.scenario.check_calls import circle_warnings
from simlib.scenario.check_fields import label
from simlib.scenario.errors import listed
from simlib.scenario.faults import STEP_KINDS, AddPartitions, Crash
from simlib.scenario.gathering import head_start
from simlib.scenario.overload import overload_warnings
from simlib.scenario.scenario import Scenario
from simlib.scenario.settings import (
    producer_notes,
    resolve_broker,
    resolve_consumer,
    resolve_topic,
)
from simlib.scenario.share_groups import ShareGroup
from simlib.scenario.topology import ConsumerGroup, Producer, Topic


def warnings(scenario: Scenario) -> list[str]:
    """Lines about a scenario that can run (see `check`) but may surprise."""
    return [
        *fault_warnings(scenario),
        *load_warnings(scenario),
        *producer_warnings(scenario),
        *reset_warnings(scenario),
        *circle_warnings(scenario),
        *retention_warnings(scenario),
        *overload_warnings(scenario),
    ]


def fault_warnings(s: Scenario) -> Iterator[str]:
    for fault in s.faults:
        at, restart_after = getattr(fault, "at", None), getattr(fault, "restart_after", None)
        if at is not None and at >= s.duration:
            yield f"{label(fault)}: at={at} is not before the end (duration={s.duration}), so it will not happen"
        elif at is not None and at + (restart_after or 0) >= s.duration:
            yield f"{label(fault)}: restart_after={restart_after} is later than the end (duration={s.duration})"
        if isinstance(fault, Crash) and fault.step and fault.step not in STEP_KINDS:
            if close := get_close_matches(fault.step, STEP_KINDS, n=1, cutoff=0.75):
                yield f"{label(fault)}: {fault.step!r} is taken for an effect's name; did you mean {close[0]}?"


def load_warnings(s: Scenario) -> Iterator[str]:
    for producer in s.producers:
        if producer.start >= s.duration:
            yield f"{label(producer)}: start={producer.start} is not before the end (duration={s.duration})"
    for topic, rows in s.inputs.items():
        late = sum(row.get("at", 0) >= s.duration for row in rows)
        if late:
            yield f"inputs[{topic!r}]: {late} of {len(rows)} records come at or after the end (duration={s.duration})"


def producer_warnings(s: Scenario) -> Iterator[str]:
    for producer in s.producers:
        for note in producer_notes(s.client, producer.overrides()):
            yield f"{label(producer)}: {note}"
        if short := never_enough_replicas(s, producer):
            yield f"{label(producer)}: {short}"


def never_enough_replicas(s: Scenario, producer: Producer) -> str | None:
    """Said when a topic has fewer replicas than min_insync_replicas asks for: a leader asks for all there are (K06)."""
    topic = s.topic(producer.topic)
    needed = resolve_topic(topic.config, resolve_broker(s.broker_config)).min_insync_replicas
    there = topic.replication_factor
    if needed <= there:
        return None
    short = (f"topic {topic.name!r}: min_insync_replicas={needed} can never be met with replication_factor={there}; "
             f"its leader asks for {there} instead (since Kafka 3.7)")
    return f"{short}: one copy is enough" if there == 1 else f"{short}: no replica may be out of sync"


def reset_warnings(s: Scenario) -> Iterator[str]:
    for group in s.groups:
        if isinstance(group, ShareGroup):
            continue
        settings = resolve_consumer(s.client, group.overrides())
        if settings.auto_offset_reset != "latest":
            continue
        delay = resolve_broker(s.broker_config).group_initial_rebalance_delay_ms / 1000
        if delay >= head_start(s) and settings.group_protocol == "classic":
            yield (
                f"{label(group)}: auto_offset_reset='latest' and the first rebalance waits {delay:g} s: it skips "
                "what is sent before; use auto_offset_reset='earliest'"
            )
        yield from growth_warnings(s, group)


def retention_warnings(s: Scenario) -> Iterator[str]:
    """Retention that is set and cannot act: nobody looks in time, or the clean-up policy does not delete."""
    broker = resolve_broker(s.broker_config)
    first = broker.log_initial_task_delay_ms / 1000 - head_start(s)
    interval = broker.log_retention_check_interval_ms / 1000
    looks = [first + interval * n for n in range(int(max(s.duration - first, 0) // interval) + 1)]
    last = max([look for look in looks if look <= s.duration], default=0.0)
    for topic in s.topics:
        given = [name for name in ("retention_ms", "retention_bytes") if topic.config.get(name, -1) >= 0]
        settings = resolve_topic(topic.config, broker)
        if settings.compacts:
            yield from compaction_warnings(s, topic)
        if given and not settings.deletes:
            yield (f"{label(topic)}: {listed(given)} does nothing with cleanup_policy={settings.cleanup_policy!r}; "
                   "only 'delete' removes old segments")
        elif given and not settings.compacts and last * 1000 <= settings.forgets_within < s.duration * 1000:
            yield (f"{label(topic)}: {listed(given)}: nothing will be deleted; the brokers look at {first:g} s and "
                   f"then every {interval:g} s (broker_config: log_initial_task_delay_ms, "
                   "log_retention_check_interval_ms)")


def compaction_warnings(s: Scenario, topic: Topic) -> Iterator[str]:
    """Compaction that can do nothing, and producers whose every record it refuses (K66, K68)."""
    settings = resolve_topic(topic.config, resolve_broker({}))
    if settings.longest_segment_ms >= s.duration * 1000 and "segment_bytes" not in topic.config:
        yield (f"{label(topic)}: nothing will be compacted: the active segment never is, and with "
               f"segment_ms={settings.segment_ms} it is active for the whole run (duration={s.duration})")
    for producer in s.producers:
        if producer.topic == topic.name and producer.keys is None:
            yield (f"{label(producer)}: keys=None on topic {topic.name!r}, which is compacted: a record without a key "
                   "is refused (INVALID_RECORD)")


def growth_warnings(s: Scenario, group: ConsumerGroup) -> Iterator[str]:
    """New partitions have no commit, so the reset policy decides (K81)."""
    for fault in s.faults:
        if isinstance(fault, AddPartitions) and fault.topic in group.topics:
            yield (
                f"{label(group)}: auto_offset_reset='latest' also holds for the partitions added to {fault.topic!r}: "
                "what is sent there before the group notices them is skipped; use auto_offset_reset='earliest'"
            )
