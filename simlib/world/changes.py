"""Changes to a running system: a topic grows, a setting gets another value."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from simlib.scenario.paths import replace
from simlib.scenario.topology import replicas_of

if TYPE_CHECKING:
    from simlib.world.world import World


class Changes:
    """What `AddPartitions` and `Change` do. Producers, groups and topics can change."""

    def __init__(self, world: World) -> None:
        self.scenario = world.scenario
        self.recorder = world.recorder
        self.cluster = world.cluster
        self.processes: dict[str, Any] = dict(world.processes)

    def add_partitions(self, topic: str, to: int) -> None:
        """A topic grows; clients find out at their next metadata refresh (K46a, K81)."""
        controller = self.cluster.active_controller()
        if not controller.alive or not controller.can_decide():
            self.recorder.event("note", detail=f"{topic} could not grow to {to} partitions: no controller can decide")
            return
        for number in range(len(self.cluster.partitions_of[topic]), to):
            tp = self.cluster.add_partition(topic)
            self.recorder.add_tp(topic, number)
            replicas = replicas_of(number, self.scenario.topic(topic).replication_factor, self.scenario.brokers)
            unclean = self.cluster.topic_settings(tp).unclean_leader_election_enable
            controller.publish(controller.metadata.state.create(tp, replicas, unclean))
        self.recorder.event("partitions_added", detail=topic, a=to)

    def change(self, path: str, value: Any) -> None:
        """A setting changes while the system runs."""
        before, self.scenario = self.scenario, replace(self.scenario, path, value)
        self.recorder.event("changed", detail=f"{path}={value!r}")
        for producer in _changed(before.producers, self.scenario.producers):
            self.processes[producer.name].change(producer)
        for group in _changed(before.groups, self.scenario.groups):
            for member in group.members:
                self.processes[member].change(group)
        for topic in _changed(before.topics, self.scenario.topics):
            self._change_topic(topic)

    def _change_topic(self, topic: Any) -> None:
        for broker in self.cluster.brokers:
            broker.housekeeping.settings_change(self.cluster.partitions_of[topic.name])
        self.cluster.change_topic(topic)
        for broker in self.cluster.brokers:
            broker.housekeeping.plan()
        metadata = self.cluster.active_controller().metadata
        for tp in self.cluster.partitions_of[topic.name]:
            settings = self.cluster.topic_settings(tp)
            metadata.state.unclean[tp] = settings.unclean_leader_election_enable
            for broker in self.cluster.brokers:
                if tp in broker.leads:
                    leader = broker.leads[tp].leader
                    leader.min_isr = min(settings.min_insync_replicas, topic.replication_factor)


def _changed(before: Iterable[Any], after: Iterable[Any]) -> list[Any]:
    return [new for old, new in zip(before, after, strict=True) if old != new]
