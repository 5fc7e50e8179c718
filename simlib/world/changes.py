"""Changes to a running system: a topic grows, a setting gets another value."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simlib.scenario.paths import replace
from simlib.world.build import replicas_of

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
        for number in range(len(self.cluster.partitions_of[topic]), to):
            tp = self.cluster.add_partition(topic)
            self.recorder.add_tp(topic, number)
            replicas = replicas_of(number, self.scenario.topic(topic).replication_factor, self.scenario.brokers)
            unclean = self.cluster.topic_settings(tp).unclean_leader_election_enable
            controller.publish(controller.metadata.state.create(tp, replicas, unclean))
        self.recorder.event("partitions_added", detail=topic, a=to)

    def change(self, path: str, value: Any) -> None:
        """A setting changes while the system runs."""
        self.scenario = replace(self.scenario, path, value)
        self.recorder.event("changed", detail=f"{path}={value!r}")
        kind, _, rest = path.partition(".")
        name = rest.split(".")[0]
        if kind == "producers":
            name = self.scenario.producers[int(name)].name if name.isdigit() else name
            self.processes[name].change(self.scenario.producer(name))
        elif kind == "groups":
            name = self.scenario.groups[int(name)].name if name.isdigit() else name
            self._change_group(name)
        elif kind == "topics":
            name = self.scenario.topics[int(name)].name if name.isdigit() else name
            self._change_topic(name)
        else:
            raise ValueError(f"Change({path!r}): only producers, groups and topics can change during a run")

    def _change_group(self, name: str) -> None:
        group = self.scenario.group(name)
        for member in group.members:
            if member in self.processes:
                self.processes[member].change(group)

    def _change_topic(self, name: str) -> None:
        topic = self.scenario.topic(name)
        self.cluster.change_topic(topic)
        metadata = self.cluster.active_controller().metadata
        for tp in self.cluster.partitions_of[name]:
            settings = self.cluster.topic_settings(tp)
            metadata.state.unclean[tp] = settings.unclean_leader_election_enable
            for broker in self.cluster.brokers:
                if tp in broker.leads:
                    leader = broker.leads[tp].leader
                    leader.min_isr = min(settings.min_insync_replicas, topic.replication_factor)
