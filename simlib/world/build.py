"""Builds the processes of a scenario: brokers and controllers, producers, group members, services."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from simlib.kafka.broker import Broker
from simlib.kafka.cluster import INTERNAL_TOPIC, TRANSACTION_TOPIC, Cluster
from simlib.kafka.controller_process import Controller, Metadata
from simlib.kafka.inputs import InputsProducer
from simlib.kafka.load import LoadProducer
from simlib.kafka.member import Member
from simlib.kafka.producer.client import Lanes
from simlib.kafka.replica import Replica
from simlib.kafka.share_member import ShareMember, ShareWorkTimes
from simlib.kafka.work import WorkTimes
from simlib.scenario.distributions import Distribution
from simlib.scenario.faults import Crash, Pause, Shutdown
from simlib.scenario.group_protocols import as_brokers_say
from simlib.scenario.scenario import INPUTS, Scenario
from simlib.scenario.settings import BrokerSettings, resolve_broker, resolve_consumer, resolve_producer, resolve_topic
from simlib.scenario.share_groups import ShareGroup, resolve_share_consumer
from simlib.scenario.share_groups import as_brokers_say as as_brokers_say_to_sharers
from simlib.scenario.topology import ConsumerGroup, replicas_of
from simlib.services.process import ServiceProcess, packed
from simlib.units import nanoseconds

if TYPE_CHECKING:
    from simlib.world.world import World


M = TypeVar("M", bound=Member)


def build(world: World) -> tuple[Cluster, Lanes]:
    """All processes, with a cluster that is already up and a member of every declared group on its way."""
    scenario = world.scenario
    cluster = new_cluster(world)
    cluster.is_safe = world.network.wire is None and _nothing_hits_brokers(world)
    cluster.has_safe_followers = cluster.is_safe and (world.steps is not None or _is_plain(world))
    lanes = Lanes(cluster, world.recorder)
    servers_and_topics(world, cluster)
    for process in (*_producers(world, cluster, lanes), *_members(world, cluster), *_services(world, cluster, lanes)):
        world.processes[process.name] = process
    late = _late(scenario)
    for process in world.processes.values():
        if process.name not in late:
            process.start()
    _start_late(world, late)
    return cluster, lanes


def new_cluster(world: World) -> Cluster:
    """What a scenario says of its cluster; nobody lives in it yet."""
    scenario = world.scenario
    settings = resolve_broker(scenario.broker_config)
    cluster = Cluster(settings, _topic_settings(scenario, settings))
    cluster.processes = world.processes
    cluster.client = scenario.client
    cluster.transaction_replicas = replicas_of(1, min(3, scenario.brokers), scenario.brokers)
    cluster.oldest_age = round(scenario.duration * 1_000)
    return cluster


def servers_and_topics(world: World, cluster: Cluster, broker_type: type[Broker] = Broker) -> None:
    """Controllers and brokers that know every topic."""
    _brokers(world, cluster, broker_type)
    _topics(world, cluster)


def _nothing_hits_brokers(world: World) -> bool:
    """Do all faults leave brokers, controllers and links alone?"""
    scenario = world.scenario
    servers = {*scenario.broker_names, *scenario.controller_names}
    harmless = all(isinstance(fault, (Crash, Pause, Shutdown)) and fault.who not in servers
                   for fault in scenario.faults)
    hit = world.steps is not None and world.steps.hit_brokers
    return harmless and not hit and not isinstance(scenario.latency, Distribution)


def _is_plain(world: World) -> bool:
    """Nobody sees the followers' requests, nor can write in a transaction: its markers can come at the very instant of
    a follower's fetch, and it is the fetches themselves that say which was first."""
    scenario = world.scenario
    transactional = any(producer.transactional_id is not None for producer in scenario.producers)
    return not (scenario.services or transactional or world.network.wire is not None)


def _topic_settings(scenario: Scenario, broker: BrokerSettings) -> dict[str, Any]:
    topics = {topic.name: resolve_topic(topic.config, broker) for topic in scenario.topics}
    return {INTERNAL_TOPIC: resolve_topic({"min_insync_replicas": 1}, broker),
            TRANSACTION_TOPIC: resolve_topic({"min_insync_replicas": 2}, broker), **topics}


# -- the cluster

def _brokers(world: World, cluster: Cluster, broker_type: type[Broker]) -> None:
    scenario = world.scenario
    metadata = Metadata()
    cluster.controllers = [Controller(cluster, world.network, metadata, *world.identity(name))
                           for name in scenario.controller_names]
    cluster.brokers = [broker_type(number, cluster, world.network, *world.identity(name))
                       for number, name in enumerate(scenario.broker_names)]
    for process in (*cluster.controllers, *cluster.brokers):
        world.processes[process.name] = process


def _topics(world: World, cluster: Cluster) -> None:
    """At the start every broker is registered, and every topic exists with all its replicas in sync."""
    scenario = world.scenario
    metadata = cluster.controllers[0].metadata
    state = metadata.state
    state.alive = set(range(scenario.brokers))
    _create(world, cluster, INTERNAL_TOPIC, 1, min(3, scenario.brokers))
    for topic in scenario.topics:
        _create(world, cluster, topic.name, topic.partitions, topic.replication_factor)
    metadata.publish({})
    metadata.incarnations = {broker.number: 0 for broker in cluster.brokers}
    metadata.image = metadata.image._replace(partitions=dict(state.partitions))


def _create(world: World, cluster: Cluster, topic: str, partitions: int, replication_factor: int) -> None:
    state = cluster.controllers[0].metadata.state
    for number in range(partitions):
        tp = cluster.add_partition(topic)
        world.recorder.add_tp(topic, number)
        replicas = replicas_of(number, replication_factor, world.scenario.brokers)
        state.create(tp, replicas, cluster.topic_settings(tp).unclean_leader_election_enable)
        for replica in replicas:
            cluster.brokers[replica].replicas[tp] = Replica(tp)


# -- clients

def _producers(world: World, cluster: Cluster, lanes: Lanes) -> list[Any]:
    scenario = world.scenario
    found: list[Any] = []
    for producer in scenario.producers:
        settings = resolve_producer(scenario.client, producer.overrides())
        found.append(LoadProducer(producer, scenario.client, settings, cluster, world.network, lanes, scenario.seed,
                                  scenario.duration, *world.identity(producer.name)))
    if scenario.inputs:
        settings = resolve_producer(scenario.client, {})
        found.append(InputsProducer(scenario.inputs, scenario.client, settings, cluster, world.network, lanes,
                                    scenario.seed, *world.identity(INPUTS)))
    return found


def _members(world: World, cluster: Cluster) -> list[Member]:
    return [member for group in world.scenario.groups
            for member in (_sharers(world, cluster, group) if isinstance(group, ShareGroup)
                           else members(world, cluster, group, Member))]


def _sharers(world: World, cluster: Cluster, group: ShareGroup) -> list[Member]:
    """The processes of a declared share group."""
    settings = as_brokers_say_to_sharers(resolve_share_consumer(world.scenario.client, group.overrides()),
                                         cluster.settings)
    cluster.share_groups[group.name] = settings
    work = ShareWorkTimes(group, cluster, world.scenario.seed)
    world.recorder.code("groups", group.name)
    world.note_isolation(group.name, settings)
    return [ShareMember(group, settings, work, cluster, world.network, *world.identity(name)) for name in group.members]


def members(world: World, cluster: Cluster, group: ConsumerGroup, member_type: type[M]) -> list[M]:
    """The processes of a declared group."""
    work = WorkTimes(group, cluster, world.scenario.seed)
    world.recorder.code("groups", group.name)
    found = []
    for name in group.members:
        settings = as_brokers_say(resolve_consumer(world.scenario.client, group.overrides(name)), cluster.settings)
        world.note_isolation(group.name, settings)
        found.append(member_type(group, settings, work, cluster, world.network, *world.identity(name)))
    return found


def _services(world: World, cluster: Cluster, lanes: Lanes) -> list[ServiceProcess]:
    return [ServiceProcess(service, world.programs.get(service.name) or packed(service), world, cluster, world.network,
                           lanes, *world.identity(name))
            for service in world.scenario.services for name in service.members]


def _late(scenario: Scenario) -> set[str]:
    """Producers, inputs and services start at time 0 or later; the rest gathers before."""
    services = {name for service in scenario.services for name in service.members}
    return {producer.name for producer in scenario.producers} | {INPUTS} | services


def _start_late(world: World, late: set[str]) -> None:
    scenario = world.scenario
    starts = {name: service.start for service in scenario.services for name in service.members}
    starts |= {producer.name: producer.start for producer in scenario.producers}
    for name in sorted(late & set(world.processes), key=lambda one: world.rank[one]):
        world.clock.pending += 1
        at = nanoseconds(starts.get(name, 0.0)) - (world.network.latency * 4 if name in _loads(scenario) else 0)
        world.clock.at(at, 0, world.begin, world.processes[name])


def _loads(scenario: Scenario) -> set[str]:
    """Producers of declared records look up the leaders a moment before their first record is due."""
    return {producer.name for producer in scenario.producers} | {INPUTS}
