"""What can go wrong, and when: the closed list of faults. All times are in seconds."""

from __future__ import annotations

from dataclasses import KW_ONLY
from typing import Any

from simlib.scenario.field_info import LONGEST, FieldInfo, declared
from simlib.scenario.plain import Plain, plain

REQUEST_KINDS = (
    "produce",
    "fetch",
    "replica_fetch",
    "join",
    "sync",
    "heartbeat",
    "leave",
    "consumer_group_heartbeat",
    "share_group_heartbeat",
    "share_fetch",
    "share_acknowledge",
    "commit",
    "init_producer_id",
    "add_partitions_to_txn",
    "add_offsets_to_txn",
    "txn_offset_commit",
    "end_txn",
    "write_txn_markers",
    "metadata",
    "find_coordinator",
    "effect",
    "call",
    "redis",
)
SYNONYMS = {"send": "produce"}
STEP_KINDS = ("receive", "commit", "send", "execute", "call", "redis", "show", "acknowledge")

INSTANT = FieldInfo("At", unit="s", low=0, minimum=0, maximum=LONGEST, help="Seconds after the scenario's start.")
RESTART = FieldInfo(
    "Restart after", unit="s", low=0, high=120, minimum=0, maximum=LONGEST,
    help="Seconds until it is started again; None: never.")
SPAN = FieldInfo(
    "Duration", unit="s", low=0.1, high=120, minimum=0, maximum=LONGEST, exclusive=True, help="How long it lasts.")
WHICH = FieldInfo(
    "Number", "whole", low=1, high=1_000, step=1, minimum=1, help="Which one, counted from 1 over all incarnations.")
SHARE = FieldInfo("Share", low=0, high=1, step=0.01, minimum=0, maximum=1, help="The share that is lost.")


class Fault(Plain):
    """Base of all faults."""


@plain
class Crash(Fault):
    """SIGKILL of a process: no clean-up. What a broker has written survives in its page cache.

    Aim it at a time, or at a step: `before` or `after` an effect's name or one of receive, commit, send, execute,
    call, redis, show, acknowledge.
    """

    who: str
    at: float | None = declared(INSTANT, default=None)
    restart_after: float | None = declared(RESTART, default=None)
    _: KW_ONLY
    before: str | None = None
    after: str | None = None
    nth: int = declared(WHICH, default=1)

    @property
    def step(self) -> str | None:
        """The step it is aimed at, if not at a time."""
        return self.before if self.before is not None else self.after


@plain
class Shutdown(Fault):
    """A clean end: a consumer leaves its group, a broker hands its leaders over first."""

    who: str
    at: float = declared(INSTANT)
    restart_after: float | None = declared(RESTART, default=None)


@plain
class PowerLoss(Fault):
    """Several machines lose power at once: what was only in the page cache is gone."""

    whos: str | tuple[str, ...]
    at: float = declared(INSTANT)
    restart_after: float | None = declared(RESTART, default=None)


@plain
class Pause(Fault):
    """A process stands still (a long garbage collection, SIGSTOP) and then goes on as if nothing had been."""

    who: str
    at: float = declared(INSTANT)
    duration: float = declared(SPAN)


@plain
class NetworkCut(Fault):
    """Nothing passes between `a` and `b` (a name or several names each)."""

    a: str | tuple[str, ...]
    b: str | tuple[str, ...]
    at: float = declared(INSTANT)
    duration: float = declared(SPAN)


@plain
class SlowLink(Fault):
    """Everything between `a` and `b` takes `latency` seconds one way."""

    a: str | tuple[str, ...]
    b: str | tuple[str, ...]
    at: float = declared(INSTANT)
    duration: float = declared(SPAN)
    latency: float = declared("Latency", unit="s", low=0.001, high=1, log=True, minimum=0, help="One way.")


@plain
class LoseRequest(Fault):
    """The nth request of a kind, or a share of them, never arrives."""

    who: str
    kind: str
    nth: int | None = declared(WHICH, default=None)
    share: float | None = declared(SHARE, default=None)


@plain
class LoseReply(Fault):
    """The nth request of a kind, or a share of them, is carried out, but its answer never arrives."""

    who: str
    kind: str
    nth: int | None = declared(WHICH, default=None)
    share: float | None = declared(SHARE, default=None)


@plain
class AddPartitions(Fault):
    """A topic grows to `to` partitions."""

    topic: str
    at: float = declared(INSTANT)
    to: int = declared("To", kind="whole", low=1, high=24, step=1, minimum=1, help="The new number of partitions.")


@plain
class Change(Fault):
    """A setting changes while the system runs: `Change("producers.shop.rate", at=30, value=200)`."""

    path: str
    at: float = declared(INSTANT)
    value: Any = None


FAULTS = (Crash, Shutdown, PowerLoss, Pause, NetworkCut, SlowLink, LoseRequest, LoseReply, AddPartitions, Change)


def names(who: str | tuple[str, ...]) -> tuple[str, ...]:
    """One name or several, always as a tuple."""
    return (who,) if isinstance(who, str) else tuple(who)


def request_kind(kind: str) -> str:
    """The kind of request meant: "send" is "produce"."""
    return SYNONYMS.get(kind, kind)
