"""What a broker keeps of one partition: on disk, and in memory while it leads it."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from simlib.kafka.log import Log
from simlib.kafka.partition_leader import PartitionLeader

if TYPE_CHECKING:
    from simlib.kafka.follower_sessions import Session
    from simlib.kafka.segments import Segments
    from simlib.kafka.shares.served import Served
    from simlib.world.exchange import Exchange


class Replica:
    """What a broker keeps on disk of one partition."""

    __slots__ = ("high_watermark", "log", "segments", "tp")

    def __init__(self, tp: int) -> None:
        self.tp = tp
        self.log = Log()
        self.high_watermark = 0
        self.segments: Segments | None = None
        """Known when something has to be forgotten."""


class Led:
    """A partition this broker leads: the state machine, and the requests that wait for it."""

    __slots__ = ("consumers", "is_internal", "is_of_groups", "leader", "replica", "sessions", "shares", "tp", "waiting")

    def __init__(self, replica: Replica, leader: PartitionLeader, is_of_groups: bool = False,
                 is_internal: bool = False) -> None:
        self.is_of_groups = is_of_groups
        self.is_internal = is_internal
        self.replica = replica
        self.tp = replica.tp
        self.leader = leader
        self.waiting: deque[tuple[int, Any, int]] = deque()
        self.consumers: dict[Exchange, None] = {}
        self.sessions: dict[int, Session] = {}
        self.shares: dict[str, Served] = {}
        """By share group."""

    def wait_for(self, end: int, answer: Any, base: int) -> None:
        """Answer when the high watermark reaches `end`; the repeat of an old batch does not wait for newer ones."""
        place = len(self.waiting)
        while place and self.waiting[place - 1][0] > end:
            place -= 1
        self.waiting.insert(place, (end, answer, base))

    def answer_up_to(self, high_watermark: int) -> None:
        """Tell the producers whose batches are committed now."""
        waiting = self.waiting
        while waiting and waiting[0][0] <= high_watermark:
            _, answer, base = waiting.popleft()
            answer.reply((self.leader.outcome(), base))
