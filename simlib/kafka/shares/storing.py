"""A leader stores what has become of records with the share coordinator, and a new leader reads it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from simlib.kafka.cluster import OFFSETS
from simlib.kafka.shares.messages import FENCED, Change, ReadShareState, ShareStateResponse, WriteShareState
from simlib.units import SECOND

if TYPE_CHECKING:
    from simlib.kafka.broker import Broker

FIRST_BACKOFF, ATTEMPTS = SECOND, 5
"""The pause after an attempt that failed doubles; after so many attempts the leader gives up."""

TIMEOUT = 30 * SECOND

Then = Callable[[bool], None]


class Question(NamedTuple):
    """What the share coordinator is asked, and what follows."""

    kind: str
    request: ReadShareState | WriteShareState
    answered: Callable[[ShareStateResponse], None]
    given_up: Callable[[], None]


class Storing:
    """One partition of one share group. One write is under way at a time; what comes meanwhile goes with the next."""

    def __init__(self, broker: Broker, group: str, tp: int, leader_epoch: int, is_current: Callable[[], bool],
                 start: Callable[[], int]) -> None:
        self.broker = broker
        self.group = group
        self.partition = broker.cluster.tps[tp]
        self.leader_epoch = leader_epoch
        self.is_current = is_current
        self.start = start
        self._waiting: list[tuple[tuple[Change, ...], Then]] = []
        self._is_writing = False

    @property
    def is_idle(self) -> bool:
        return not self._is_writing

    def read(self, then: Callable[[ShareStateResponse], None]) -> None:
        """Ask until there is an answer; none comes when the leader has been replaced."""
        if not self.is_current():
            return
        request = ReadShareState(self.group, self.partition, self.leader_epoch)
        self._ask(Question("read_share_group_state", request, then,
                           lambda: self.broker.after(FIRST_BACKOFF, self.read, then)), ATTEMPTS)

    def write(self, changes: tuple[Change, ...], then: Then) -> None:
        """Store changes; `then(True)` when they are replicated, `then(False)` when nobody would take them."""
        self._waiting.append((changes, then))
        if not self._is_writing:
            self._send()

    def _send(self) -> None:
        batch, self._waiting = self._waiting, []
        changes = tuple(change for part, _ in batch for change in part)
        request = WriteShareState(self.group, self.partition, self.leader_epoch, self.start(), changes)
        self._is_writing = True

        def end(stored: bool) -> None:
            self._is_writing = False
            for _, then in batch:
                then(stored)
            if self._waiting and not self._is_writing and self.is_current():
                self._send()

        self._ask(Question("write_share_group_state", request, lambda answer: end(answer.error is None),
                           lambda: end(False)), 1)

    # -- asking

    def _ask(self, question: Question, attempt: int) -> None:
        """The coordinator may be gone, and another one not there yet."""
        broker = self.broker
        leader = broker.image.leader(OFFSETS)  # the share coordinator is where the group coordinator is
        if leader < 0:
            self._ask_again(question, attempt)
        else:
            broker.network.request(broker, broker.cluster.brokers[leader], question.kind, question.request,
                                   lambda answer: self._heard(question, attempt, answer),
                                   lambda reason: self._ask_again(question, attempt), TIMEOUT)

    def _heard(self, question: Question, attempt: int, answer: ShareStateResponse) -> None:
        if answer.error is not None and answer.error != FENCED:
            self._ask_again(question, attempt)
        elif self.is_current():
            question.answered(answer)

    def _ask_again(self, question: Question, attempt: int) -> None:
        if not self.is_current():
            return
        if attempt >= ATTEMPTS:
            question.given_up()
        else:
            self.broker.after(FIRST_BACKOFF << (attempt - 1), self._ask, question, attempt + 1)
