"""Requests of a service's process to another process, for those who await the answer."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from simlib.services.app import App
    from simlib.services.process import ServiceProcess
    from simlib.world.process import Process

UNKNOWN_OUTCOME = "it may have been carried out, or not"
NOT_REACHED = ("connection refused", "connection attempt timed out")
"""Why a request certainly was not carried out."""


class Outcome(NamedTuple):
    """The answer to a request, or the reason why there is none."""

    answer: Any
    failure: str = ""


def ask(app: App, process: ServiceProcess, target: Process, kind: str, payload: Any,
        timeout: int) -> asyncio.Future[Outcome]:
    """Send a request and wait for its outcome, `timeout` nanoseconds at most."""
    outcome: asyncio.Future[Outcome] = app.future()
    process.network.request(process, target, kind, payload, partial(_answered, outcome), partial(_failed, outcome),
                            timeout)
    return outcome


def no_answer(what: str, failure: str) -> OSError:
    """TimeoutError or a ConnectionError, in words. With "timed out" and "disconnected" nobody knows what happened."""
    if failure == "timed out":
        return TimeoutError(f"no answer to {what}: {UNKNOWN_OUTCOME}")
    if failure == "connection refused":
        return ConnectionRefusedError(f"{what}: {failure}")
    if failure in NOT_REACHED:
        return ConnectionError(f"{what}: {failure}")
    return ConnectionResetError(f"{what}: the connection broke before the answer: {UNKNOWN_OUTCOME}")


def _answered(outcome: asyncio.Future[Outcome], answer: Any) -> None:
    if not outcome.done():
        outcome.set_result(Outcome(answer))


def _failed(outcome: asyncio.Future[Outcome], reason: str) -> None:
    if not outcome.done():
        outcome.set_result(Outcome(None, reason))
