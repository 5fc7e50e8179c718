"""A broker begins to lead a partition, goes on leading it in another epoch, or stops: as the controller has decided."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simlib.kafka.cluster import OFFSETS
from simlib.kafka.partition_leader import NOT_LEADER, PartitionLeader, PartitionState
from simlib.kafka.replica import Led, Replica
from simlib.units import millis

if TYPE_CHECKING:
    from simlib.kafka.broker import Broker


class Leading:
    """What one broker leads."""

    def __init__(self, broker: Broker) -> None:
        self.broker = broker

    def become(self, tp: int, state: PartitionState) -> None:
        """Leader or follower of this partition, of which the broker is a replica."""
        broker = self.broker
        replica = broker.replicas.get(tp) or broker.replicas.setdefault(tp, Replica(tp))
        led = broker.leads.get(tp)
        if state.leader == broker.number and led is not None and led.leader.epoch == state.epoch:
            led.leader.accept(state)
            broker.advance(led)
            return
        if led is not None:
            self._stop(led)
        if state.leader == broker.number:
            self._begin(replica, state)

    def _begin(self, replica: Replica, state: PartitionState) -> None:
        broker = self.broker
        min_isr = broker.cluster.topic_settings(replica.tp).min_insync_replicas
        leader = PartitionLeader(replica.log, broker.number, state, replica.high_watermark, min_isr,
                                 millis(broker.settings.replica_lag_time_max_ms), broker.clock.now)
        of_groups, of_transactions = replica.tp == OFFSETS, replica.tp == broker.cluster.transaction_log
        led = broker.leads[replica.tp] = Led(replica, leader, of_groups, of_groups or of_transactions)
        if of_groups:
            broker.coordination.take_over(led)
        elif of_transactions:
            broker.transaction_log.take_over(led)
        if leader.high_watermark > replica.high_watermark:
            broker.high_watermark_moved(led)

    def _stop(self, led: Led) -> None:
        """Requests that wait here are told to look for the new leader."""
        broker = self.broker
        broker.note_end(led, broker.number, led.leader.log.end)
        del broker.leads[led.tp]
        if led.is_of_groups:
            broker.coordination.give_up()
        elif led.is_internal:
            broker.transaction_log.forget()
        for _, waiting, _ in led.waiting:
            waiting.reply((NOT_LEADER, -1))
        broker.consumers.look_again(led)
        broker.shares.stopped_leading(led)
        broker.followers.stopped_leading(led)
