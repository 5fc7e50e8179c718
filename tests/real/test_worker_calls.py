"""`app.call` on a real run, without one: what a caller is told."""

from contextvars import ContextVar
from types import SimpleNamespace

import pytest
from own_loop import run_apart

from simlib.real.worker.calls import RealCaller
from simlib.services.asking import Outcome
from simlib.services.serving import NOTHING


class SlowMachine:
    """An app of which each look at the clock takes 10 us, and which nobody answers."""

    name, life = "shop-0", 0
    plan = SimpleNamespace(owner="shop", services={"bank": ["bank-0"]})
    marks = SimpleNamespace(write=lambda *_: None)

    def __init__(self):
        self.in_hand, self.handling = ContextVar("in_hand", default=None), ContextVar("handling", default=NOTHING)
        self._clock = 0

    @property
    def now_ns(self):
        self._clock += 10_000
        return self._clock

    async def step(self, kind, act, on=None, what=""):
        return await act()

    async def ask(self, *_):
        return Outcome(None, "timed out")


def test_a_caller_is_told_the_timeout_it_gave_however_slow_the_machine():
    with pytest.raises(TimeoutError, match=r"within 4 s: it may"):
        run_apart(RealCaller(SlowMachine()).call("bank", 1, 4, None))
