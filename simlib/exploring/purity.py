"""Would the same schedule give the same story again? What a service asks for that virtual time does not rule.

The first calm run is watched call by call (`sys.setprofile`; patching would miss `from datetime import datetime`),
which makes it eight times slower; the second must take the very same steps.
"""

from __future__ import annotations

import datetime
import os
import random
import secrets
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import CodeType, FrameType
from typing import Any

from simlib.world.blame import is_theirs
from simlib.world.event_loop import StepStopped

CLOCK = "virtual time is app.now"
DICE = "this process's own random numbers are app.random"
SLEEP = "wait with `await app.sleep(seconds)`, be busy with `await app.work(seconds)`"
IDS = "make an id from what you were given, or from app.random"


class NotReproducible(RuntimeError):
    """A service uses something that differs from run to run: no schedule of it could be replayed."""


_BUILTINS: dict[Any, tuple[str, str]] = {
    time.sleep: ("time.sleep", SLEEP), os.urandom: ("os.urandom", IDS),
    datetime.datetime.now: ("datetime.now", CLOCK), datetime.datetime.utcnow: ("datetime.utcnow", CLOCK),
    datetime.datetime.today: ("datetime.today", CLOCK), datetime.date.today: ("date.today", CLOCK),
    random.random: ("random.random", DICE), random.getrandbits: ("random.getrandbits", DICE),
    **{getattr(time, name): (f"time.{name}", CLOCK) for name in (
        "time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns", "localtime", "gmtime")},
}


def _functions() -> Iterator[tuple[CodeType, str, str]]:
    for name in ("uuid1", "uuid4"):
        yield getattr(uuid, name).__code__, f"uuid.{name}", IDS
    for name in ("token_hex", "token_bytes", "token_urlsafe", "randbelow"):
        yield getattr(secrets, name).__code__, f"secrets.{name}", IDS
    for name, method in vars(random.Random).items():
        if hasattr(method, "__code__") and not name.startswith("_"):
            yield method.__code__, f"random.{name}", DICE


_PYTHONS = {code: (name, instead) for code, name, instead in _functions()}


class Offence:
    """The first such call that was seen, in words; "" if there was none."""

    told = ""


@contextmanager
def watched() -> Iterator[Offence]:
    """Watch the calls that services make in this thread; the first offence stops the run (StepStopped)."""
    offence = Offence()
    before = sys.getprofile()
    sys.setprofile(_watcher(offence))
    try:
        yield offence
    finally:
        sys.setprofile(before)


def _watcher(offence: Offence) -> Callable[[FrameType, str, Any], None]:
    def look(frame: FrameType, event: str, argument: Any) -> None:
        if event == "c_call":
            found, caller = _builtin(argument), frame
        elif event == "call" and frame.f_code in _PYTHONS and frame.f_back is not None and _is_global(frame):
            found, caller = _PYTHONS[frame.f_code], frame.f_back
        else:
            return
        if found and _is_the_services(caller.f_code.co_filename):
            offence.told = f"{found[0]} in {caller.f_code.co_name}, line {caller.f_lineno}: {found[1]}"
            raise StepStopped(offence.told)

    return look


def _is_the_services(file: str) -> bool:
    """Not a library's: it may measure its own time, and the garbage collector calls some of them at any moment."""
    return is_theirs(file) and "site-packages" not in file


def _builtin(function: Any) -> tuple[str, str] | None:
    try:
        return _BUILTINS.get(function)
    except TypeError:  # a bound method of something that has no hash
        return None


def _is_global(frame: FrameType) -> bool:
    """Python's own dice, not a Random of the service."""
    return frame.f_locals.get("self", random._inst) is random._inst
