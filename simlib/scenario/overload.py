"""Groups that get more than they can work off, for as long as the run lasts: allowed, and said."""

from __future__ import annotations

from collections.abc import Iterator

from simlib.scenario.check_fields import label
from simlib.scenario.distributions import as_distribution
from simlib.scenario.scenario import Scenario
from simlib.scenario.share_groups import ShareGroup
from simlib.scenario.size import expected_records
from simlib.scenario.topology import ConsumerGroup


def overload_warnings(s: Scenario) -> Iterator[str]:
    for group in s.groups:
        busy = utilisation(s, group)
        if busy > 1:
            left, working = _endless_records(s, group) * (1 - 1 / busy), _working(s, group)
            yield (f"{label(group)}: records come faster than {working} consumer{'s' * (working > 1)} can work them "
                   f"off, to the end (utilisation {busy:.3g}): about {left:,.0f} will be waiting then")


def utilisation(s: Scenario, group: ConsumerGroup | ShareGroup) -> float:
    """Work that comes in a second, over what those who have a partition can do; of load that lasts to the end."""
    return _endless_records(s, group) / s.duration * as_distribution(group.service_time).mean / _working(s, group)


def _endless_records(s: Scenario, group: ConsumerGroup | ShareGroup) -> float:
    """Records of the producers that go on until the run ends."""
    records = 0.0
    for producer in s.producers:
        expected = expected_records(producer, s.duration)
        stops = producer.stop is not None and producer.stop < s.duration
        if producer.topic in group.topics and not stops and (producer.records is None or expected < producer.records):
            records += expected
    return records


def _working(s: Scenario, group: ConsumerGroup | ShareGroup) -> int:
    """A member of a consumer group that has no partition does nothing."""
    if isinstance(group, ShareGroup):
        return group.consumers
    return min(group.consumers, sum(s.topic(topic).partitions for topic in group.topics))
