"""What the leader of one partition knows and decides: appends, in-sync replicas, high watermark. No clock.

`now` comes in with every request; what has to be sent, waited for or repeated is the broker's business (`broker.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from simlib.kafka.lane import Batch
from simlib.kafka.log import Entry, Log
from simlib.units import NEVER

NOT_LEADER = "NOT_LEADER_OR_FOLLOWER"
"""What a broker answers about a partition that another one leads."""


class PartitionState(NamedTuple):
    """What the controller decides about a partition and every broker learns."""

    leader: int
    epoch: int
    isr: tuple[int, ...]
    version: int
    replicas: tuple[int, ...]


class Appended(NamedTuple):
    """The answer to an append: an error ("" if none), the offset of the first record, the entry if one was written."""

    error: str
    base: int
    entry: Entry | None


def never() -> bool:
    """What a follower that has not asked yet waits for."""
    return False


@dataclass(slots=True, eq=False)
class Follower:
    """What the leader remembers of one follower. Ends are log end offsets, times are nanoseconds."""

    caught_up: int
    end: int = 0
    last_fetch: int = NEVER
    leader_end_at_last_fetch: int = -1
    waits: Callable[[], bool] = never
    """Does a fetch of it wait here for the next record?"""


class PartitionLeader:
    """The leader's side of replication for one partition."""

    def __init__(self, log: Log, me: int, state: PartitionState, high_watermark: int, min_isr: int, max_lag: int,
                 now: int) -> None:
        self.log = log
        self.me = me
        self.epoch = state.epoch
        self.epoch_start = log.end
        self.high_watermark = max(min(high_watermark, log.end), log.start)
        self.min_isr = min(min_isr, len(state.replicas))
        self.max_lag = max_lag
        self.eligible: frozenset[int] = frozenset(state.replicas)
        self.pending_isr: tuple[int, ...] | None = None
        self.followers: dict[int, Follower] = {
            replica: Follower(now if replica in state.isr else NEVER)
            for replica in state.replicas if replica != me
        }
        self.accept(state)
        self.advance(now)

    def accept(self, state: PartitionState) -> None:
        """The controller has decided on these in-sync replicas."""
        self.isr = state.isr
        self.version = state.version
        self.pending_isr = None
        self._required = self._replicas_to_wait_for()

    def _replicas_to_wait_for(self) -> tuple[Follower, ...]:
        """The in-sync replicas and those about to join: the high watermark must hold for either answer (KIP-497)."""
        joining = set(self.pending_isr or ()) - set(self.isr)
        return tuple(follower for replica, follower in self.followers.items()
                     if replica in self.isr or replica in joining)

    # -- writing

    def append(self, now: int, batch: Batch, acks_all: bool) -> Appended:
        """K04, K05: too few in-sync replicas refuse the batch before it is written, but only for acks=all."""
        if acks_all and len(self.isr) < self.min_isr:
            return Appended("NOT_ENOUGH_REPLICAS", -1, None)
        if batch.pid >= 0:
            error, base = self.log.producers.check(batch, now)
            if error:
                return Appended(error, base, None)
        entry = Entry(self.log.end, batch, self.epoch, now)
        self.log.append(entry)
        for follower in self.followers.values():
            if follower.end == entry.base and follower.waits():  # this append answers its fetch: up to date until now
                follower.caught_up = follower.last_fetch = now
                follower.leader_end_at_last_fetch = entry.base
        if not self._required:
            self.advance(now)
        return Appended("", entry.base, entry)

    def outcome(self) -> str:
        """The answer for a batch that the high watermark has passed (K07)."""
        isr = self.pending_isr if self.pending_isr and len(self.pending_isr) > len(self.isr) else self.isr
        return "" if len(isr) >= self.min_isr else "NOT_ENOUGH_REPLICAS_AFTER_APPEND"

    # -- followers

    def fetched(self, now: int, replica: int, offset: int) -> bool:
        """A follower asks for `offset`, so it has everything before. True if the high watermark moved."""
        follower, end = self.followers[replica], self.log.end
        if offset >= end:
            follower.caught_up = now
        elif offset >= follower.leader_end_at_last_fetch:
            follower.caught_up = max(follower.caught_up, follower.last_fetch)
        follower.end = offset
        follower.last_fetch = now
        follower.leader_end_at_last_fetch = end
        return self.advance(now)

    def stopped_fetching(self, replica: int, now: int) -> None:
        """The follower died, or cannot be reached: from now on it falls behind."""
        follower = self.followers[replica]
        if follower.end >= self.log.end and follower.waits():
            follower.caught_up = max(follower.caught_up, now)

    def is_caught_up(self, replica: int, now: int) -> bool:
        """K44, K45."""
        follower = self.followers[replica]
        return follower.end == self.log.end or now - follower.caught_up <= self.max_lag

    def advance(self, now: int) -> bool:
        """Raise the high watermark if the replicas that count allow it. True if it moved (K06, K46, K47)."""
        if len(self.isr) < self.min_isr:
            return False
        end = self.log.end
        for follower in self._required:
            if follower.end < end:
                end = follower.end
        if end <= self.high_watermark:
            return False
        if len(self._required) < len(self.followers):
            end = self._wait_for_those_about_to_return(end, now)
        if end <= self.high_watermark:
            return False
        self.high_watermark = end
        return True

    def knows_high_watermark(self) -> bool:
        """A new leader's own idea of it may be behind its predecessor's until it reaches the start of the epoch."""
        return self.high_watermark >= self.epoch_start

    def _wait_for_those_about_to_return(self, end: int, now: int) -> int:
        """A replica outside the ISR that is caught up and eligible holds the high watermark back too (K47)."""
        for replica, follower in self.followers.items():
            if follower not in self._required and replica in self.eligible and self.is_caught_up(replica, now):
                end = min(end, follower.end)
        return end

    # -- in-sync replicas

    def shrunk(self, now: int) -> tuple[int, ...] | None:
        """The in-sync replicas without those that lag, if any lags and no change is under way (K44)."""
        if self.pending_isr is not None:
            return None
        kept = tuple(one for one in self.isr if one == self.me or self.is_caught_up(one, now))
        return kept if kept != self.isr else None

    def expanded(self, replica: int) -> tuple[int, ...] | None:
        """The in-sync replicas with this follower, if it has caught up (K48)."""
        if self.pending_isr is not None or replica in self.isr or replica not in self.eligible:
            return None
        end = self.followers[replica].end
        if end < self.high_watermark or end < self.epoch_start:
            return None
        return (*self.isr, replica)

    def propose(self, isr: tuple[int, ...]) -> None:
        """Ask the controller for these in-sync replicas; until it answers the larger set counts."""
        self.pending_isr = isr
        self._required = self._replicas_to_wait_for()

    def withdraw(self) -> None:
        """The proposal failed."""
        self.pending_isr = None
        self._required = self._replicas_to_wait_for()
