"""The controller's decisions: who is alive, who leads, who is in sync. No clock (KRaft; Raft itself is not modelled).

Brokers are numbers 0, 1, ...; partitions are the numbers of the run's partition table.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from simlib.kafka.eligible_leaders import EligibleLeaders
from simlib.kafka.partition_leader import PartitionState

NO_LEADER = -1


@dataclass(slots=True)
class ControllerState:
    """The metadata log, folded. Every method returns the partitions that changed."""

    partitions: dict[int, PartitionState] = field(default_factory=dict)
    unclean: dict[int, bool] = field(default_factory=dict)
    alive: set[int] = field(default_factory=set)
    shutting_down: set[int] = field(default_factory=set)
    eligible: EligibleLeaders | None = None
    """Who may lead besides the in-sync replicas; None where that feature is off (K55)."""

    # -- brokers come and go

    def unfence(self, broker: int) -> dict[int, PartitionState]:
        """A broker is back: it may lead partitions that have no leader."""
        self.alive.add(broker)
        self.shutting_down.discard(broker)
        return self._elect(p for p, state in self.partitions.items()
                           if state.leader == NO_LEADER and broker in state.replicas)

    def fence(self, broker: int) -> dict[int, PartitionState]:
        """A broker is dead: it leaves the in-sync replicas and leads nothing (K49)."""
        self.alive.discard(broker)
        self.shutting_down.discard(broker)
        return self._without(broker)

    def shut_down(self, broker: int) -> dict[int, PartitionState]:
        """A broker announces that it will stop: leaders move first (K50)."""
        self.shutting_down.add(broker)
        return self._without(broker)

    def _without(self, broker: int) -> dict[int, PartitionState]:
        changed = {}
        for partition in sorted(self.partitions):
            state = self.partitions[partition]
            isr = tuple(one for one in state.isr if one != broker)
            if not isr and self.eligible is None:
                isr = state.isr  # the last in-sync replica stays in the set: only it is sure to have everything (K52)
            leader = self._choose(partition, state, isr) if state.leader == broker else state.leader
            if (isr, leader) != (state.isr, state.leader):
                changed[partition] = self._decide(partition, leader, isr)
        return changed

    # -- elections

    def _elect(self, partitions: Iterable[int]) -> dict[int, PartitionState]:
        changed = {}
        for partition in sorted(partitions):
            state = self.partitions[partition]
            leader = self._choose(partition, state, state.isr)
            if leader != state.leader:
                changed[partition] = self._decide(partition, leader, state.isr)
        return changed

    def _choose(self, partition: int, state: PartitionState, isr: tuple[int, ...]) -> int:
        """The first live in-sync replica in assignment order (K51); any live one if unclean (K53); else none (K52).

        Eligible leader replicas count as in-sync ones; where there is neither, the last leader may lead again (K55).
        """
        sure = isr if self.eligible is None else (*isr, *self.eligible.of(partition))
        for replica in state.replicas:
            if replica in sure and self._can_lead(replica):
                return replica
        if self.eligible is not None and not sure and self._can_lead(self.eligible.last_leader(partition)):
            return self.eligible.last_leader(partition)
        if self.unclean[partition]:
            for replica in state.replicas:
                if self._can_lead(replica):
                    return replica
        return NO_LEADER

    def awaited(self, partition: int) -> tuple[int, ...]:
        """While nobody leads: the replicas in sync; with none of them the eligible ones, else the last leader (K55)."""
        isr = self.partitions[partition].isr
        if isr or self.eligible is None:
            return isr
        last = self.eligible.last_leader(partition)
        return self.eligible.of(partition) or ((last,) if last != NO_LEADER else ())

    def _can_lead(self, replica: int) -> bool:
        return replica in self.alive and replica not in self.shutting_down

    def elect_unclean(self) -> dict[int, PartitionState]:
        """The periodic scan after the unclean setting was changed at run time (K54)."""
        return self._elect(p for p, state in self.partitions.items() if state.leader == NO_LEADER)

    def rebalance_leaders(self, allowed_percentage: int) -> dict[int, PartitionState]:
        """Give leadership back to preferred replicas where a broker leads too few of its own (K60)."""
        changed = {}
        for broker in sorted(self.alive):
            own = [p for p in sorted(self.partitions) if self.partitions[p].replicas[0] == broker]
            elsewhere = [p for p in own if self.partitions[p].leader != broker]
            if not own or len(elsewhere) * 100 <= allowed_percentage * len(own):
                continue
            for partition in elsewhere:
                if broker in self.partitions[partition].isr and self._can_lead(broker):
                    changed[partition] = self._decide(partition, broker, self.partitions[partition].isr)
        return changed

    # -- partitions change

    def create(self, partition: int, replicas: tuple[int, ...], unclean: bool) -> dict[int, PartitionState]:
        self.unclean[partition] = unclean
        isr = tuple(one for one in replicas if one in self.alive) or replicas
        state = PartitionState(NO_LEADER, -1, isr, 0, replicas)
        self.partitions[partition] = state
        return {partition: self._decide(partition, self._choose(partition, state, isr), isr)}

    def alter_isr(self, broker: int, partition: int, epoch: int, version: int,
                  isr: tuple[int, ...]) -> tuple[str, dict[int, PartitionState]]:
        """The leader asks for other in-sync replicas (AlterPartition, KIP-497). Answers (error, changes)."""
        state = self.partitions[partition]
        if state.leader == NO_LEADER or broker != state.leader or epoch != state.epoch:
            return "FENCED_LEADER_EPOCH", {}
        if version != state.version:
            return "INVALID_UPDATE_VERSION", {}
        if any(not self._can_lead(one) for one in isr):
            return "INELIGIBLE_REPLICA", {}
        return "", {partition: self._decide(partition, state.leader, isr)}

    def _decide(self, partition: int, leader: int, isr: tuple[int, ...]) -> PartitionState:
        old = self.partitions[partition]
        if leader not in isr and leader != NO_LEADER:
            isr = (leader,)  # unclean: the others must come to the new leader's log
        if self.eligible is not None:
            self.eligible.changed(partition, old, leader, isr)
        epoch = old.epoch + 1 if leader != old.leader or old.epoch < 0 else old.epoch
        new = PartitionState(leader, epoch, isr, old.version + 1, old.replicas)
        self.partitions[partition] = new
        return new
