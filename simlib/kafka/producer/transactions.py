"""The client's side of transactions: what state the producer is in, and what it asks of the coordinator.

A request that gets lost, or that the coordinator cannot take just now, is sent again until it is answered: that is no
error. An error that spoils only this transaction leaves it to be aborted; a fenced producer can do nothing any more.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum
from typing import TYPE_CHECKING, Any

from simlib.kafka.cluster import OFFSETS
from simlib.kafka.groups.messages import TxnOffsetCommit
from simlib.kafka.lane import Lane
from simlib.kafka.producer.transactional_sender import TransactionalSender
from simlib.kafka.transactions.messages import AddPartitions, EndTxn, InitProducerId
from simlib.units import MS

if TYPE_CHECKING:
    from simlib.kafka.producer.client import ProducerClient

NOT_YET = frozenset({"NOT_COORDINATOR", "COORDINATOR_LOAD_IN_PROGRESS", "CONCURRENT_TRANSACTIONS"})
QUICKLY = 20 * MS
"""How soon a client asks again while the transaction before is still ending (KAFKA-5482)."""

FENCED = frozenset({"PRODUCER_FENCED", "INVALID_PRODUCER_EPOCH"})
NOT_FATAL = frozenset({"UNKNOWN_MEMBER_ID", "ILLEGAL_GENERATION", "FENCED_INSTANCE_ID"})
"""The consumer, not the producer, is a zombie (KIP-447): this transaction must be aborted, the next one may do."""

Then = Callable[[str | None], None]


class State(Enum):
    UNINITIALISED = "not initialised: call init_transactions() first"
    READY = "no transaction is open: call begin_transaction() first"
    OPEN = "a transaction is open"
    ENDING = "the transaction is ending"
    SPOILT = "the transaction has failed and must be aborted"
    DEAD = "another producer with this transactional_id has taken this one's place"


class Transactions:
    """The transactions of one producer client."""

    def __init__(self, client: ProducerClient) -> None:
        self.client = client
        self.transactional_id: str = client.settings.transactional_id
        self.bumps = client.client == "java"
        self.state = State.UNINITIALISED
        self.error = ""
        self.epoch = -1
        self.partitions: dict[int, None] = {}
        """Those that the coordinator knows to be in the open transaction."""
        self.senders: list[TransactionalSender] = []
        self._asked: dict[int, None] = {}
        self._started = False
        self._gap = False
        self._when_flushed: Callable[[], None] | None = None
        self.on_due_record: Callable[[], None] | None = None
        """What a record begins that is due while no transaction is open; a service begins its own."""

    def sender(self, lane: Lane) -> TransactionalSender:
        """A new sender, whose records are in these transactions."""
        self.senders.append(TransactionalSender(self.client, lane, self))
        return self.senders[-1]

    # -- beginning

    def init(self, then: Then) -> None:
        """Become the one producer of this transactional id (K33): what another one left open is aborted first."""
        request = InitProducerId(self.transactional_id, self.client.settings.transaction_timeout_ms, self.client.pid,
                                 self.bumps, self.client.process.name, self.epoch if self.epoch >= 0 else None)

        def answered(answer: Any) -> None:
            if answer.error is None:
                self.client.pid, self.state, self._gap = answer.pid, State.READY, False
                self._set_epoch(answer.epoch)
            else:
                self._fail(answer.error)
            then(answer.error)

        self._ask("init_producer_id", request, answered)

    def begin(self) -> None:
        """Nothing is sent: the coordinator hears of a transaction with its first record."""
        self.state, self._started = State.OPEN, False
        self.partitions.clear()
        self._asked.clear()
        self.wake()

    def wake(self) -> None:
        """A transaction may begin: is there a record for it?"""
        for sender in self.senders:
            sender.begin()

    def _set_epoch(self, epoch: int) -> None:
        if epoch != self.epoch:
            self.epoch = epoch
            for sender in self.senders:
                sender.restart(epoch)

    # -- what is in it

    def may_send(self, tp: int) -> bool:
        """Is the partition in the transaction? If not, add it; the sender is woken when it is."""
        if self.state is State.READY and self.on_due_record is not None:
            self.on_due_record()
        if self.state not in (State.OPEN, State.ENDING):
            return False
        if self.bumps or tp in self.partitions:
            self._started = True
            return True
        if tp not in self._asked:
            self._asked[tp] = None
            self._ask("add_partitions_to_txn", self._addition(tp), lambda answer: self._added(tp, answer.error))
        return False

    def _addition(self, tp: int) -> AddPartitions:
        return AddPartitions(self.transactional_id, self.client.pid, self.epoch, (tp,))

    def _added(self, tp: int, error: str | None) -> None:
        self._asked.pop(tp, None)
        if error is not None:
            self._fail(error)
            return
        self._started = True
        self.partitions[tp] = None
        self.client.senders[tp].pump()

    def send_offsets(self, group: str, member: tuple[int, str, str | None], offsets: Mapping[Any, int],
                     then: Then) -> None:
        """Commit a group's offsets with the transaction. `member`: generation, member id, instance id."""
        request = TxnOffsetCommit(group, self.transactional_id, self.client.pid, self.epoch, offsets, *member,
                                  self.client.process.name)

        def commit(answer: Any = None) -> None:
            if answer is None or answer.error is None:
                self._started = True
                self._ask("txn_offset_commit", request, stored, OFFSETS)
            else:
                stored(answer)

        def stored(answer: Any) -> None:
            if answer.error is not None:
                self._fail(answer.error)
            then(answer.error)

        if self.bumps:  # the groups' coordinator adds its partition by itself
            commit()
        else:
            self._ask("add_offsets_to_txn", self._addition(OFFSETS), commit)

    # -- the end

    def end(self, committed: bool, then: Then) -> None:
        """Commit or abort: first everything sent is answered (or, to abort, given up), then the coordinator is told."""
        if not committed:
            for sender in self.senders:
                sender.give_up(self.error)
        self.state = State.ENDING
        self._when_flushed = lambda: self._tell(committed, then)
        for sender in self.senders:
            sender.flush()
        self.look_whether_flushed()

    def look_whether_flushed(self) -> None:
        """A batch was answered: was it the last one?"""
        if self._when_flushed is not None and not any(sender.is_busy for sender in self.senders):
            when_flushed, self._when_flushed = self._when_flushed, None
            when_flushed()

    def _tell(self, committed: bool, then: Then) -> None:
        if committed and self.error:
            self.state = State.SPOILT
            then(self.error)
        elif self._started:
            request = EndTxn(self.transactional_id, self.client.pid, self.epoch, committed, self.bumps)
            self._ask("end_txn", request, lambda answer: self._ended(answer.error, answer.epoch, then))
        else:
            self._ended(None, self.epoch, then)

    def _ended(self, error: str | None, epoch: int, then: Then) -> None:
        if error is not None:
            self._fail(error)
            then(error)
            return
        self.state, self.error = State.READY, ""
        if self.bumps and self._started:
            self._set_epoch(epoch)
        if self._gap:  # a batch with a sequence number is missing: only a new epoch can begin anew (KIP-360)
            self.init(then)
        else:
            then(None)

    # -- errors

    def batch_given_up(self) -> None:
        """A batch with a sequence number is not sent again: whether it was written is not known."""
        self._gap = True

    def batch_failed(self, error: str) -> None:
        """A record of the transaction will not be written: it can only be aborted."""
        self._gap = True
        self._fail(error, fatal=False)

    def _fail(self, error: str, fatal: bool | None = None) -> None:
        self.error = self.error or error
        if fatal is None:
            fatal = error not in NOT_FATAL
        self.state = State.DEAD if fatal else self.state if self.state is State.ENDING else State.SPOILT
        if fatal:
            self.error = "PRODUCER_FENCED" if error in FENCED else error
        for sender in self.senders:
            sender.give_up(self.error)

    # -- asking the coordinators

    def _ask(self, kind: str, request: Any, answered: Callable[[Any], None], tp: int | None = None) -> None:
        """Ask the leader of the transaction log (or of `tp`) until it answers."""
        process, metadata = self.client.process, self.client.metadata
        process.busy(1)

        def attempt() -> None:
            log = self.client.cluster.transaction_log if tp is None else tp
            coordinator = None if log is None else metadata.leader(log)
            if coordinator is None:
                self._find_coordinator(attempt)
            else:
                self.client.network.request(process, coordinator, kind, request, settle,
                                            lambda reason: lost(coordinator), self.client.request_timeout)

        def lost(coordinator: Any) -> None:
            metadata.broken(coordinator)
            metadata.retry(attempt)

        def settle(answer: Any) -> None:
            if answer.error == "CONCURRENT_TRANSACTIONS" and kind != "init_producer_id":
                process.after(QUICKLY, attempt)
            elif answer.error in NOT_YET:
                metadata.retry(attempt)
            else:
                process.busy(-1)
                answered(answer)

        attempt()

    def _find_coordinator(self, then: Callable[[], None]) -> None:
        """Ask any broker; the transaction log is made for the first who asks."""
        metadata, process = self.client.metadata, self.client.process
        broker = metadata.any_broker()
        if self.client.cluster.transaction_log is not None or broker is None:
            metadata.retry(then)
            return
        self.client.network.request(process, broker, "find_coordinator", None, lambda image: metadata.retry(then),
                                    lambda reason: metadata.retry(then), self.client.request_timeout)
