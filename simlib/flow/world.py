"""One run of the flow engine: brokers and members are processes, the records are columns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any

from simlib.flow.arrivals import shares
from simlib.flow.broker import FlowBroker
from simlib.flow.clock import FlowClock, FlowNetwork
from simlib.flow.columns import Columns
from simlib.flow.deliveries import Deliveries
from simlib.flow.leader import Leader
from simlib.flow.member import FlowMember
from simlib.flow.outbox import Outbox
from simlib.flow.partition_log import PartitionLog
from simlib.flow.refusals import refuse_long_waits, refuse_same_instants
from simlib.flow.service import Service
from simlib.flow.sessions import Session
from simlib.kafka.cluster import OFFSETS, Cluster
from simlib.kafka.producer.client import Lanes
from simlib.scenario.loads import key_names
from simlib.scenario.settings import resolve_producer
from simlib.scenario.topology import ConsumerGroup, Producer
from simlib.world.build import members, new_cluster, servers_and_topics
from simlib.world.world import World


class FlowWorld(World):
    """As `World`; producers are no processes, and brokers keep no data."""

    clock: FlowClock
    outboxes: Sequence[Outbox]
    clock_type = FlowClock
    network_type = FlowNetwork
    calls_between_looks = 20

    def build(self) -> tuple[Cluster, Lanes]:
        cluster = new_cluster(self)
        cluster.is_safe = True
        servers_and_topics(self, cluster, FlowBroker)
        self._lead(cluster)
        self.outboxes = self._load(cluster)
        self._members(cluster)
        for process in self.processes.values():
            process.start()
        return cluster, Lanes(cluster, self.recorder)

    def new_log(self, tp: int) -> PartitionLog:
        """What is led for a partition."""
        return PartitionLog(tp)

    def new_service(self, group: ConsumerGroup, cluster: Cluster) -> Service:
        """How long the members of a group work."""
        return Service(group, cluster, self.scenario.seed)

    # -- data

    def _lead(self, cluster: Cluster) -> None:
        """Every partition to its leader, with the followers' fetches: one for each pair of brokers."""
        latency = self.network.latency
        states = cluster.controllers[0].metadata.state.partitions
        self.leaders = [Leader(latency) for _ in cluster.brokers]
        self.leader_of = [states[tp].leader for tp in range(len(cluster.tps))]
        for broker, leader in zip(cluster.brokers, self.leaders, strict=True):
            broker.data = leader
        coordinator = self.leader_of[OFFSETS]
        self.leaders[coordinator].logs[OFFSETS] = cluster.brokers[coordinator]
        for tp, state in sorted(states.items()):
            followers = [self._session(cluster, state.leader, number) for number in state.replicas[1:]]
            if tp == OFFSETS:
                for session in followers:
                    session.follow(tp)
            else:
                self.leaders[state.leader].lead(self.new_log(tp), followers)
        for leader in self.leaders:
            leader.begin(self.clock.now + 5 * latency)

    def _session(self, cluster: Cluster, leader: int, follower: int) -> Session:
        sessions = self.leaders[leader].sessions
        return sessions.setdefault(follower, Session(follower, cluster.brokers[follower].rank))

    def _load(self, cluster: Cluster) -> Sequence[Outbox]:
        """One outbox a lane, numbered as the readable engine would number them."""
        planned = [lane for producer in self.scenario.producers for lane in self._planned(producer, cluster)]
        for number, (_, outbox) in enumerate(sorted(planned, key=itemgetter(0))):
            outbox.code = number
            topic, partition = cluster.tps[outbox.tp]
            self.recorder.names["lanes"].append((outbox.rank, self.recorder.code("topics", topic), partition))
            self.recorder.lanes.append(outbox)
        for _, outbox in planned:
            self.leaders[self.leader_of[outbox.tp]].start(outbox)
        return list(self.recorder.lanes)

    def _planned(self, producer: Producer, cluster: Cluster) -> list[tuple[tuple[int, ...], Outbox]]:
        """A producer's outboxes, and when the readable engine would first come to each: it then asks a broker."""
        tps, rank = cluster.partitions_of[producer.topic], self.rank[producer.name]
        settings = resolve_producer(self.scenario.client, producer.overrides())
        codes = self.recorder.key_codes(key_names(producer.keys))
        found: list[tuple[tuple[int, ...], Outbox]] = []
        for at, partition, created, number, keys in shares(producer, settings, len(tps), self.scenario.seed,
                                                           self.scenario.duration, self.network.latency):
            outbox = Outbox(tps[partition], rank, settings, self.scenario.client, producer.value_bytes)
            outbox.fill(created, number, codes[keys] if len(codes) else keys)
            found.append(((at, rank % len(cluster.brokers), rank, partition), outbox))
        refuse_same_instants(producer.name, [(self.leader_of[outbox.tp], outbox.created) for _, outbox in found])
        return found

    # -- members

    def _members(self, cluster: Cluster) -> None:
        self.deliveries = Deliveries()
        self.services: dict[int, Service] = {}
        for group in self.scenario.groups:
            assert isinstance(group, ConsumerGroup)  # the rest is refused
            service = self.new_service(group, cluster)
            found = members(self, cluster, group, FlowMember)
            self.services[self.recorder.code("groups", group.name)] = service
            for member in found:
                member.wire(self.leaders, self.leader_of, service, self.deliveries)
                member.group_members = found
                self.processes[member.name] = member

    # -- the end

    def _power_cut(self) -> None:
        for leader in self.leaders:
            leader.advance(self.clock.moment[:2])
        super()._power_cut()
        self._write_down()

    def _write_down(self) -> None:
        for outbox in self.outboxes:
            outbox.cut_the_rest()
        refuse_long_waits(list(self.outboxes), self.recorder.names["actors"], self.clock.now)
        for outbox in self.outboxes:
            outbox.forget_after(self.clock.now)
        self.columns = Columns(self.leaders, list(self.outboxes), self.deliveries, self.services, self.clock.moment[0])
        self.columns.write(self.recorder)

    def log_end(self) -> Callable[[], dict[str, Any]]:
        return self.columns.log_end

    def trace_data(self, version: str, warnings: list[str]) -> Any:
        data = super().trace_data(version, warnings)
        data.meta["engine"] = "flow"
        return data
