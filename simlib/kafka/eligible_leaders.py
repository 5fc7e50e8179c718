"""Eligible leader replicas (KIP-966): who left the in-sync replicas when nothing could be committed. No clock.

Below min_insync_replicas the high watermark stands still, so that whoever was in sync then has every committed record.
"""

from __future__ import annotations

from collections.abc import Callable

from simlib.kafka.partition_leader import PartitionState

NOBODY = -1


class EligibleLeaders:
    """What the controller remembers of each partition besides its in-sync replicas."""

    def __init__(self, min_insync_replicas: Callable[[int], int]) -> None:
        self._min_insync_replicas = min_insync_replicas
        self._eligible: dict[int, tuple[int, ...]] = {}
        self._last_leader: dict[int, int] = {}
        self._clean: set[tuple[int, int]] = set()

    def of(self, partition: int) -> tuple[int, ...]:
        """The eligible leader replicas of a partition, none of them in sync."""
        return self._eligible.get(partition, ())

    def last_leader(self, partition: int) -> int:
        """Who led when the last in-sync replica was gone; NOBODY while there are any."""
        return self._last_leader.get(partition, NOBODY)

    def is_clean(self, partition: int, leader: int, isr: tuple[int, ...]) -> bool:
        """Does this replica have every committed record, as far as the controller knows?"""
        return leader in isr or leader in self.of(partition)

    def changed(self, partition: int, old: PartitionState, leader: int, isr: tuple[int, ...]) -> None:
        """The in-sync replicas become `isr`: with enough of them nobody else is needed."""
        if leader != NOBODY and leader != old.leader and self.is_clean(partition, leader, old.isr):
            self._clean.add((partition, old.epoch + 1))
        if len(isr) >= min(self._min_insync_replicas(partition), len(old.replicas)):
            self._eligible.pop(partition, None)
        else:
            self._eligible[partition] = tuple(one for one in dict.fromkeys((*self.of(partition), *old.isr))
                                              if one not in isr)
        if isr:
            self._last_leader.pop(partition, None)
        elif old.leader != NOBODY:
            self._last_leader[partition] = old.leader

    def was_clean(self, partition: int, epoch: int) -> bool:
        """Was the leader of this epoch elected among those that had every committed record?"""
        return (partition, epoch) in self._clean

    def came_back_unclean(self, broker: int) -> None:
        """It died, and does not know what of its log had reached the disk: it is sure of nothing any more."""
        for partition, eligible in self._eligible.items():
            self._eligible[partition] = tuple(one for one in eligible if one != broker)
