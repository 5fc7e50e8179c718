"""What `explore` refuses, and what it says then."""

import datetime
import gc
import random
import time
import uuid

import pytest
from explored_shop import billing, shop

from simlib import ConsumerGroup, Producer, Scenario, ScenarioError, Service, Topic, explore, laws, supervision
from simlib.exploring import LawRaised, NotReproducible
from simlib.scenario.schedules import ScheduleError
from simlib.supervision import StepNeverReturned
from simlib.world.event_loop import EndlessLoop
from simlib.world.module_state import SharedStateError

pytestmark = pytest.mark.slow

ONCE = laws.exactly_once("charge")


def refused(error, said, main=billing, law=ONCE, **options):
    with pytest.raises(error, match=said) as caught:
        explore(shop(main, orders=1), law, progress=False, **options)
    return caught.value


@pytest.mark.parametrize("options, said", [
    (dict(faults=3), "faults=3.*1 tries single faults, 2 pairs"),
    (dict(only="crush"), "crush.*kinds of fault are crash, "),
    (dict(only=[]), "kinds of fault are"), (dict(budget=0), "budget=0.*1 or more")])
def test_options_that_mean_nothing(options, said):
    refused(ValueError, said, **options)


def test_a_schedule_to_resume_from_that_is_not_in_the_search():
    refused(ScheduleError, "not among the", resume="crash-after:billing-0.0/charge#7")
    refused(ScheduleError, "begins with none of", resume="nonsense")


def test_a_scenario_without_services_has_no_steps():
    load = Scenario(topics=[Topic("orders")], producers=[Producer("shop", topic="orders", rate=1)],
                    groups=[ConsumerGroup("billing", "orders")], duration=5)
    with pytest.raises(ValueError, match="this scenario has none: write what your ConsumerGroup does as a Service"):
        explore(load, ONCE)


def test_a_service_that_takes_no_step():
    async def idle(app):
        await app.sleep(1)

    refused(ValueError, "take no step", main=idle)


def test_a_service_that_is_not_async():
    def plain(app):
        return 1

    with pytest.raises(ScenarioError, match="async def"):
        explore(Scenario(topics=[Topic("orders")], services=[Service("billing", plain)]), ONCE)


@pytest.mark.parametrize("law, said", [(3, "3 is no law"), ([], "at least one law"), ([ONCE, "x"], "'x' is no law")])
def test_what_is_no_law(law, said):
    refused(TypeError, said, law=law)


def test_a_law_that_raises_is_named_with_its_schedule():
    def broken_law(trace):
        return trace.effects.nonsense

    error = refused(LawRaised, r"the law broken_law raised AttributeError: .*\(schedule calm\)", law=broken_law)
    assert isinstance(error.__cause__, AttributeError)


def test_a_law_that_says_nothing():
    refused(LawRaised, "returned None; a law returns True, False or a Verdict", law=lambda trace: None)


# -- what would not be reproducible

async def naps(app):
    time.sleep(0.001)


async def looks_at_the_clock(app):
    await app.effect("charge", str(datetime.datetime.now()))


async def counts_seconds(app):
    await app.effect("charge", time.monotonic())


async def rolls_dice(app):
    await app.effect("charge", random.randint(1, 6))


async def shuffles(app):
    cards = [1, 2]
    random.shuffle(cards)
    await app.effect("charge", cards[0])


async def makes_an_id(app):
    await app.effect("charge", str(uuid.uuid4()))


@pytest.mark.parametrize("main, name, instead", [
    (naps, "time.sleep", "app.sleep"), (looks_at_the_clock, "datetime.now", "app.now"),
    (counts_seconds, "time.monotonic", "app.now"), (rolls_dice, "random.randint", "app.random"),
    (shuffles, "random.shuffle", "app.random"), (makes_an_id, "uuid.uuid4", "app.random")])
def test_what_virtual_time_does_not_rule_is_found_and_named(main, name, instead):
    line = main.__code__.co_firstlineno
    refused(NotReproducible, rf"{name} in {main.__name__}, line ({line + 1}|{line + 2}): .*{instead}", main=main)


def test_the_services_own_dice_and_logging_are_fine():
    async def lucky(app):
        import logging

        logging.getLogger("shop").warning("charging")
        await app.effect("charge", app.random.randint(1, 6))

    assert explore(shop(lucky, orders=0), laws.at_least_once("charge"), progress=False).tried


counter = iter(range(1_000_000))


def test_whatever_differs_between_two_calm_runs_is_told_with_its_first_step():
    async def numbered(app):
        await app.effect("charge", id(app))

    refused(NotReproducible, "first differ at billing-0.0/charge#1", main=numbered)


async def keeps_a_global(app):
    global counter
    counter = 1
    await app.effect("charge", 1)


def test_a_module_level_variable_that_changes():
    refused(SharedStateError, "`counter`", main=keeps_a_global)


# -- what never ends

def test_a_service_that_never_waits_is_stopped_and_its_line_named(monkeypatch):
    async def spins(app):
        while True:
            pass

    monkeypatch.setattr(supervision, "STEP_LIMIT", 0.5)
    line = spins.__code__.co_firstlineno
    refused(StepNeverReturned, f"billing-0, spins, line ({line + 1}|{line + 2})", main=spins)


def test_a_service_that_awaits_nothing_that_takes_time():
    async def restless(app):
        while True:
            await app.sleep(0)

    refused(EndlessLoop, "billing-0 never lets time pass", main=restless)


def test_what_the_garbage_collector_calls_is_not_the_services():
    """Libraries hang themselves onto the collector (Hypothesis does) and look at the clock then."""
    library = {"__name__": "library"}
    source = "import time\ndef look(phase, info): time.perf_counter()"
    exec(compile(source, "/site-packages/library.py", "exec"), library)

    async def littering(app):
        gc.collect()
        await app.effect("charge", 1)

    gc.callbacks.append(library["look"])
    try:
        assert explore(shop(littering, orders=0), laws.at_least_once("charge"), progress=False)
    finally:
        gc.callbacks.remove(library["look"])
