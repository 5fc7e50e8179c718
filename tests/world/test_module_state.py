"""State in an importable module survives a kill, so it is refused."""

import importlib
import sys

import pytest

from simlib import Scenario, Service, Topic, run
from simlib.world.module_state import SharedStateError


@pytest.fixture
def billing_module(tmp_path, monkeypatch):
    """Writes a module that can be imported, and imports it."""
    monkeypatch.syspath_prepend(tmp_path)

    def write(source):
        (tmp_path / "billing_service.py").write_text(source, encoding="utf-8")
        importlib.invalidate_caches()
        return importlib.import_module("billing_service")

    yield write
    sys.modules.pop("billing_service", None)


def run_service(main):
    return run(Scenario(topics=[Topic("orders")], services=[Service("billing", main)], duration=20))


@pytest.mark.parametrize("state, change", [
    ("seen = set()", "seen.add(1)"), ("seen = []", "seen.append(1)"), ("seen = {}", "seen[1] = 1"),
    ("import collections\nseen = collections.deque()", "seen.append(1)"),
    ("import collections\nseen = collections.Counter()", "seen.update('a')"),
    ("seen = 0", "globals().update(seen=seen + 1)"), ("seen = None", "globals().update(seen={1})"),
    ("import random\nseen = random.Random(1)", "seen.random()"),
])
def test_a_change_of_a_module_s_variable_is_refused(billing_module, state, change):
    module = billing_module(f"{state}\n\nasync def main(app):\n    {change}\n    await app.sleep(1)\n    seen\n")
    with pytest.raises(SharedStateError, match=r"`seen`, a global variable of billing_service.*local variable"):
        run_service(module.main)


def test_also_when_a_helper_changes_it(billing_module):
    module = billing_module("""
seen = set()

def remember(order):
    async def later():
        seen.add(order)
    return later()

async def main(app):
    await remember(1)
""")
    with pytest.raises(SharedStateError, match="`seen`"):
        run_service(module.main)


def test_constants_and_what_cannot_be_compared_are_fine(billing_module):
    module = billing_module("""
import threading

PRICES = {"a": 1}
LOCK = threading.Lock()

async def main(app):
    with LOCK:
        await app.effect("charge", PRICES["a"])
""")
    assert list(run_service(module.main).effects.key) == [1]
