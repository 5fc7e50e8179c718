"""The transaction coordinator (KIP-98, KIP-360, KIP-890) as a state machine without a clock.

A transaction ends in two steps. First the decision is written to the coordinator's own replicated log: from then on it
holds, whoever dies. Then every partition in it is sent a marker, as often as it takes; when all have one, that is
written down too. `now` is in integer nanoseconds; every method returns effects, to be carried out in order.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Protocol

from simlib.kafka.transactions.effects import Answer, Append, Effect, Mark
from simlib.kafka.transactions.messages import (
    RESPONSES,
    AddPartitions,
    EndTxn,
    InitProducerId,
    InitProducerIdResponse,
    Request,
    TxnResponse,
)
from simlib.kafka.transactions.transaction import COMPLETED, PREPARED, State, Transaction
from simlib.units import MS

CONCURRENT, FENCED, INVALID = "CONCURRENT_TRANSACTIONS", "PRODUCER_FENCED", "INVALID_TXN_STATE"


class CoordinatorSettings(Protocol):
    """The broker settings read here."""

    @property
    def transaction_max_timeout_ms(self) -> float: ...
    @property
    def transaction_abort_timed_out_transaction_cleanup_interval_ms(self) -> float: ...


class TransactionCoordinator:
    """All transactional ids of one partition of the transaction log, on the broker that leads it."""

    def __init__(self, settings: CoordinatorSettings) -> None:
        self._settings = settings
        self._interval = round(settings.transaction_abort_timed_out_transaction_cleanup_interval_ms * MS)
        self._active_since: int | None = None
        self._scanned = 0
        self.transactions: dict[str, Transaction] = {}
        self._writing: dict[str, Transaction] = {}
        self._unmarked: dict[str, dict[int, None]] = {}

    # -- becoming coordinator, and stopping to be it

    def load(self, now: int, records: Iterable[Transaction]) -> list[Effect]:
        """Take over: become what the log says; what was decided and not yet told to all is told (again)."""
        self.unload()
        self._active_since = self._scanned = now
        for record in records:
            self.transactions[record.transactional_id] = record
        return [effect for one in self.transactions.values() if one.state in PREPARED for effect in self._mark(one)]

    def unload(self) -> None:
        self._active_since = None
        self.transactions, self._writing, self._unmarked = {}, {}, {}

    def settled(self) -> bool:
        """No transaction is open, and none is on its way to its end."""
        resting = (State.EMPTY, State.COMPLETE_COMMIT, State.COMPLETE_ABORT)
        return not self._writing and all(one.state in resting for one in self.transactions.values())

    # -- requests

    def handle(self, now: int, reply: Any, request: Request) -> list[Effect]:
        """Do what is asked, or refuse it with an error in the answer."""
        if self._active_since is None:
            return [Answer(reply, RESPONSES[type(request)]("NOT_COORDINATOR"))]
        if isinstance(request, InitProducerId):
            return self._init(now, reply, request)
        if isinstance(request, AddPartitions):
            return self._add(now, reply, request)
        return self._end(now, reply, request)

    def _init(self, now: int, reply: Any, request: InitProducerId) -> list[Effect]:
        """A new producer takes the place of the one before, whose open transaction is aborted first (K33)."""
        old = self.transactions.get(request.transactional_id)
        error = self._init_error(request, old)
        if error is not None:
            return [Answer(reply, InitProducerIdResponse(error))]
        if old is not None and old.state is State.ONGOING:
            return [*self._decide(self._fenced(old), False, "fenced by a newer producer", None),
                    Answer(reply, InitProducerIdResponse(CONCURRENT))]
        pid, epoch = (request.fresh_id, 0) if old is None else (old.pid, old.epoch + 1)
        new = Transaction(request.transactional_id, pid, epoch, request.timeout_ms, request.bumps, request.client_name)
        return self._write(new, Answer(reply, InitProducerIdResponse(None, pid, epoch)))

    def _init_error(self, request: InitProducerId, old: Transaction | None) -> str | None:
        if not 0 < request.timeout_ms <= self._settings.transaction_max_timeout_ms:
            return "INVALID_TRANSACTION_TIMEOUT"
        if old is None:
            return None
        if request.expected_epoch is not None and request.expected_epoch != old.epoch:
            return FENCED
        return CONCURRENT if self._busy(old) else None

    def _add(self, now: int, reply: Any, request: AddPartitions) -> list[Effect]:
        one, error = self._find(request)
        if one is None or error is not None:
            return [Answer(reply, TxnResponse(error))]
        is_open = one.state is State.ONGOING
        known = is_open and set(request.partitions) <= set(one.partitions)
        if known or request.verify_only:
            return [Answer(reply, TxnResponse(None if known else INVALID))]
        partitions = tuple(dict.fromkeys((*(one.partitions if is_open else ()), *request.partitions)))
        new = replace(one, state=State.ONGOING, partitions=partitions, started=one.started if is_open else now,
                      bumped=False, why="")
        return self._write(new, Answer(reply, TxnResponse()))

    def _end(self, now: int, reply: Any, request: EndTxn) -> list[Effect]:
        """As soon as the decision is replicated the producer is told; the markers follow."""
        one, error = self._find(request)
        if one is None or error is not None:
            return [Answer(reply, TxnResponse(error))]
        if one.state is State.ONGOING:
            return self._decide(one, request.committed, "by its producer", reply)
        if request.bumps and not request.committed and request.epoch == one.epoch:
            return self._end_before_it_began(one, reply)
        if one.state is State.EMPTY or one.committed != request.committed:
            return [Answer(reply, TxnResponse(INVALID))]
        return [Answer(reply, TxnResponse(None, one.epoch))]  # asked again: the first answer was lost

    def _find(self, request: AddPartitions | EndTxn) -> tuple[Transaction | None, str | None]:
        one = self.transactions.get(request.transactional_id)
        if one is None or one.pid != request.pid:
            return None, "INVALID_PRODUCER_ID_MAPPING"
        asks_again = isinstance(request, EndTxn) and one.bumped and request.epoch == one.epoch - 1
        if request.epoch != one.epoch and not asks_again:
            return one, FENCED
        return one, CONCURRENT if self._busy(one) else None

    def _busy(self, one: Transaction) -> bool:
        """Something about it is being written, or its markers are under way: ask again in a moment."""
        return one.transactional_id in self._writing or one.state in PREPARED

    # -- ends

    def _decide(self, one: Transaction, committed: bool, why: str, reply: Any) -> list[Effect]:
        state = State.PREPARE_COMMIT if committed else State.PREPARE_ABORT
        decided = replace(one, state=state, epoch=one.epoch + one.bumps, bumped=one.bumps, why=why)
        return self._write(decided, None if reply is None else Answer(reply, TxnResponse(None, decided.epoch)))

    def _end_before_it_began(self, one: Transaction, reply: Any) -> list[Effect]:
        """Whether its first record arrived its producer cannot know: with the new epoch it is kept out (KIP-890)."""
        ended = replace(one, state=State.COMPLETE_ABORT, epoch=one.epoch + 1, bumped=True, why="by its producer")
        return self._write(ended, Answer(reply, TxnResponse(None, ended.epoch)))

    @staticmethod
    def _fenced(one: Transaction) -> Transaction:
        """The same, with an epoch that its producer does not have."""
        return replace(one, epoch=one.epoch + 1)

    def _write(self, new: Transaction, answer: Answer | None) -> list[Effect]:
        self._writing[new.transactional_id] = new
        return [Append(new, answer)]

    def replicated(self, now: int, record: Transaction) -> list[Effect]:
        """An appended record is on all replicas in sync: now it is so."""
        if self._writing.get(record.transactional_id) is not record:
            return []  # it was written in an earlier time as coordinator
        del self._writing[record.transactional_id]
        self.transactions[record.transactional_id] = record
        return self._mark(record) if record.state in PREPARED else []

    def not_written(self, record: Transaction) -> list[Effect]:
        """An append was refused: everything is as before, and whoever asked will ask again.

        For what nobody will ask again, that all have their marker, the append comes back: try it a moment later.
        """
        one = self.transactions.get(record.transactional_id)
        if self._writing.get(record.transactional_id) is not record:
            return []
        if one is not None and one.state in PREPARED:
            return [Append(record)]
        del self._writing[record.transactional_id]
        return []

    def _mark(self, one: Transaction) -> list[Effect]:
        self._unmarked[one.transactional_id] = dict.fromkeys(one.partitions)
        return [Mark(one)]

    def marked(self, now: int, record: Transaction, tp: int) -> list[Effect]:
        """A partition has the marker of a decided transaction. With the last one the transaction is complete."""
        waiting = self._unmarked.get(record.transactional_id)
        if waiting is None or self.transactions.get(record.transactional_id) is not record:
            return []
        waiting.pop(tp, None)
        if waiting:
            return []
        del self._unmarked[record.transactional_id]
        return self._write(replace(record, state=COMPLETED[record.state], partitions=()), None)

    def is_unmarked(self, record: Transaction, tp: int) -> bool:
        """Does this partition still wait for its marker?"""
        is_current = self.transactions.get(record.transactional_id) is record
        return is_current and tp in self._unmarked.get(record.transactional_id, {})

    # -- time

    def deadline(self) -> int | None:
        """The next instant at which `expire` has something to do: a scan that finds an old transaction (K34)."""
        if self._active_since is None:
            return None
        expiries = [one.expires for one in self.transactions.values()
                    if one.state is State.ONGOING and one.transactional_id not in self._writing]
        if not expiries:
            return None
        scans = (max(min(expiries), self._scanned) - self._active_since) // self._interval + 1
        return self._active_since + scans * self._interval

    def expire(self, now: int) -> list[Effect]:
        """Abort what has been open for longer than transaction_timeout_ms, and fence its producer."""
        self._scanned = now
        old = [one for one in self.transactions.values() if one.state is State.ONGOING and one.expires < now
               and one.transactional_id not in self._writing]
        return [effect for one in old for effect in self._decide(self._fenced(one), False, "timed out", None)]
