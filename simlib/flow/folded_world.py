"""A run of the flow engine that keeps sums: records come a while before they are due and go when they are settled."""

from __future__ import annotations

from array import array
from collections.abc import Callable
from typing import Any

import numpy as np

from simlib.flow.arrivals import EVER, Arrivals
from simlib.flow.fed_outbox import FedOutbox
from simlib.flow.folded_tables import tables
from simlib.flow.folding import Folding, Key
from simlib.flow.member import FlowMember
from simlib.flow.partition_log import PartitionLog
from simlib.flow.refusals import refuse_long_waits, refuse_same_instants
from simlib.flow.service import Service
from simlib.flow.sliding import Sliding
from simlib.flow.sliding_log import SlidingLog
from simlib.flow.world import FlowWorld
from simlib.kafka.broker import OFFSETS
from simlib.kafka.cluster import Cluster
from simlib.scenario.loads import key_names
from simlib.scenario.settings import resolve_producer
from simlib.scenario.size import expected_records
from simlib.scenario.topology import ConsumerGroup
from simlib.trace.trace_data import TraceData
from simlib.units import MS, SECOND, nanoseconds
from simlib.world.clock import LAST

CHUNK = 250_000
"""About so many records between two turns."""

LOOKS = 500
"""How often the lag is looked at in a run."""


class Looks:
    """The times (ns) at which the lag is looked at, from 0 on."""

    def __init__(self, every: int) -> None:
        self._every = max(1, every)
        self._next = 0

    def before(self, now: int) -> list[int]:
        """Those that have not been given yet."""
        times = list(range(self._next, now, self._every))
        self._next += len(times) * self._every
        return times


class SlidingService(Service):
    """Forgets the service times of what is settled."""

    def new_sums(self) -> Any:
        return Sliding(array("q", [0]))

    def add_sums(self, sums: Any, more: np.ndarray) -> None:
        sums.add(more)

    def sums(self, tp: int) -> Any:
        """As far as they are not forgotten, under their old numbers."""
        return self._sums[tp]

    def forget(self, tp: int, before: int) -> None:
        """All but what the next record goes on from."""
        if tp in self._sums:
            sums = self.sums(tp)
            sums.forget(min(before, len(sums) - 1))


class FoldedWorld(FlowWorld):
    """As `FlowWorld`; at every turn records are fed, counted and forgotten."""

    outboxes: list[FedOutbox]

    # -- building

    def new_log(self, tp: int) -> PartitionLog:
        return SlidingLog(tp)

    def new_service(self, group: ConsumerGroup, cluster: Cluster) -> Service:
        service = SlidingService(group, cluster, self.scenario.seed)
        self.sliding[self.recorder.code("groups", group.name)] = service
        return service

    folding_type = Folding
    folded: bool | str = True
    """What the trace says about itself."""

    def _load(self, cluster: Cluster) -> Any:
        end = nanoseconds(self.scenario.duration)
        self.looks = Looks(end // LOOKS)
        self.turn = max(MS, min(end, int(end * CHUNK / max(self.expected_rows(), 1))))
        self.committed: dict[Key, int] = {}
        self._read_commits = 0
        self.outboxes = []
        self.tps = cluster.partitions_of
        self._fill()
        self.clock.at(0, LAST, self._turn)
        return self.outboxes

    def expected_rows(self) -> float:
        """What is kept between two turns grows with these: records."""
        return sum(expected_records(producer, self.scenario.duration) for producer in self.scenario.producers)

    def _fill(self) -> None:
        scenario = self.scenario
        self.loads: list[tuple[Arrivals, np.ndarray, dict[int, FedOutbox]]] = []
        for producer in scenario.producers:
            settings = resolve_producer(scenario.client, producer.overrides())
            load = Arrivals(producer, settings, len(self.tps[producer.topic]), scenario.seed, scenario.duration)
            self.loads.append((load, self.recorder.key_codes(key_names(producer.keys)), {}))
        lingers = [nanoseconds(load.settings.linger_ms / 1_000) for load, _, _ in self.loads]
        self.ahead = 2 * self.turn + max(lingers, default=0) + 4 * self.network.latency + SECOND
        self._feed(self.ahead)

    def _members(self, cluster: Cluster) -> None:
        self.sliding: dict[int, SlidingService] = {}
        super()._members(cluster)
        logs: Any = {tp: log for leader in self.leaders for tp, log in leader.data.items()}
        codes = {group.name: self.recorder.code("groups", group.name) for group in self.scenario.groups}
        keys = [(codes[group.name], tp) for group in self.scenario.groups for topic in group.topics
                for tp in cluster.partitions_of[topic]]
        self.folding = self.folding_type(self.recorder, logs, self.deliveries, self.services, keys)

    # -- records come

    def _feed(self, horizon: int) -> None:
        """All records that are created before the horizon; those who waited for them go on."""
        for load, codes, lanes in self.loads:
            created, first, keys, places = load.before(horizon)
            fed = {partition: mine for partition, mine in enumerate(places) if len(mine)}
            tps = self.tps[load.producer.topic]
            refuse_same_instants(load.producer.name,
                                 [(self.leader_of[tps[partition]], created[mine]) for partition, mine in fed.items()])
            new = [self._new_lane(load, lanes, partition) for partition in fed if partition not in lanes]
            for partition, mine in fed.items():
                lanes[partition].fill(created[mine], mine + first, codes[keys[mine]] if len(codes) else keys[mine])
            for outbox in lanes.values():
                outbox.known = horizon if horizon < nanoseconds(self.scenario.duration) else EVER
                if outbox in new:
                    self.leaders[self.leader_of[outbox.tp]].start(outbox)
                elif outbox.waits_for_records:
                    self.leaders[self.leader_of[outbox.tp]].go_on(outbox)

    def _new_lane(self, load: Arrivals, lanes: dict[int, FedOutbox], partition: int) -> FedOutbox:
        producer = load.producer
        lanes[partition] = outbox = FedOutbox(self.tps[producer.topic][partition], self.rank[producer.name],
                                              load.settings, self.scenario.client, producer.value_bytes)
        self.outboxes.append(outbox)
        return outbox

    # -- and go

    def _turn(self) -> None:
        for member in self._living():
            if not member.paused:
                member.receive(member.incarnation, _nothing, ())
        self._look(self.clock.moment)
        counted = self.folding.fold(self._settled())
        for (group, tp), offset in counted.items():
            self.sliding[group].forget(tp, offset)
        for tp, log in self.folding.logs.items():
            log.forget(min([offset for (_, other), offset in counted.items() if other == tp],
                           default=log.high_watermark))
        self._note_commits()
        self._forget_commits()
        now = self.clock.now
        self._feed(now + self.turn + self.ahead)
        self.clock.at(now + self.turn, LAST, self._turn)

    def _living(self) -> list[FlowMember]:
        return [member for member in self.processes.values() if isinstance(member, FlowMember) and member.alive]

    def _look(self, moment: tuple[int, ...]) -> None:
        """The leaders are where the clock is."""
        for leader in self.leaders:
            leader.advance(moment[:2])
        refuse_long_waits(list(self.outboxes), self.recorder.names["actors"], moment[0])
        times = self.looks.before(moment[0])
        for tp, log in self.folding.logs.items():
            log.note_written()
            for time, high_watermark in zip(times, log.high_watermarks_at(times), strict=True):
                self.recorder.watermark((time, tp, high_watermark))

    def _settled(self) -> dict[Key, int]:
        """Up to where each group has committed, and nothing before it is with a living member, or on its way to one.

        What was committed since the last turn is left out: whoever has just asked for a commit may not have its answer.
        """
        settled = {key: self.committed.get(key, 0) for key in self.folding.tallies}
        for member in self._living():
            client, reading = member.client, member.reading
            wanted = [(tp, cursor.taken) for tp, cursor in client.cursors.items() if cursor.taken >= 0]
            wanted += [(stretch.tp, stretch.offset) for stretch in reading.in_hand]
            for tp, offset in [*wanted, *reading.fetches.asked()]:
                settled[client.group_code, tp] = min(settled[client.group_code, tp], offset)
        return settled

    def _note_commits(self) -> None:
        rows = np.array(self.recorder.rows["commits"][self._read_commits:], np.int64).reshape(-1, 6)
        self._read_commits += rows.size
        for _, group, tp, offset, *_ in rows.tolist():
            self.committed[group, tp] = offset

    def _forget_commits(self) -> None:
        """No broker fails, so that nobody reads them again in the partition in which groups keep their state."""
        for broker in self.cluster.brokers:
            if OFFSETS in broker.leads:
                led = broker.leads[OFFSETS]
                led.leader.log.begin_at(led.leader.high_watermark)

    # -- the end

    def _write_down(self) -> None:
        for outbox in self.outboxes:
            outbox.cut_the_rest()
        self._look(self.clock.moment)
        for tp, log in self.folding.logs.items():
            self.recorder.watermark((self.clock.now, tp, log.high_watermark))
        self.folding.fold({key: self.folding.logs[key[1]].end for key in self.folding.tallies})
        for (_, tp), tally in self.folding.tallies.items():
            tally.end_at(self.folding.logs[tp].end)

    def log_end(self) -> Callable[[], dict[str, Any]]:
        return dict

    def trace_data(self, version: str, warnings: list[str]) -> Any:
        data = super().trace_data(version, warnings)
        data.meta["folded"] = self.folded
        folded = tables(self.folding, self.outboxes, data, self.clock.now)
        return TraceData({**data.tables, **folded}, data.names, data.scenario, data.meta)


def _nothing() -> None:
    """A member that catches up and has nothing else to do."""
