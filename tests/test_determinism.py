"""One seed, one run: byte for byte, in any process, with any hash seed, on any Python."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from strategies import scenarios

from labtools.installer import find_uv
from simlib import (
    ConsumerGroup,
    Crash,
    Exponential,
    Lognormal,
    LoseReply,
    NetworkCut,
    Pause,
    PowerLoss,
    Producer,
    Scenario,
    Service,
    Topic,
    Zipf,
    run,
)

HERE = Path(__file__).parents[1]


async def shipping(app):
    import asyncio

    consumer = app.consumer("orders", group_id="shipping", auto_offset_reset="earliest", session_timeout_ms=6_000)
    producer = app.producer(linger_ms=5)
    seen = set()
    async for order in consumer:
        seen.add(order.key)
        async with asyncio.TaskGroup() as group:
            group.create_task(app.effect("ship", f"{order.partition}/{order.offset}"))
            group.create_task(app.sleep(app.random.random() / 100))
        if app.random.random() < 0.2:
            await producer.send("parcels", {"seen": len(seen), "key": order.key}, key=order.key)


def busy():
    """Everything at once: drawn times, keys, faults on all sides, services on top of declared groups."""
    return Scenario(
        topics=[Topic("orders", partitions=4, replication_factor=3), Topic("parcels", partitions=2)],
        producers=[Producer("shop", topic="orders", rate=40, keys=30, key_distribution=Zipf(1.1), arrivals="poisson"),
                   Producer("kiosk", topic="orders", rate=5, linger_ms=20)],
        groups=[ConsumerGroup("billing", topic=("orders", "parcels"), consumers=3, service_time=Lognormal(0.01, 0.7),
                              session_timeout_ms=6_000)],
        services=[Service("shipping", shipping, instances=2)],
        inputs={"orders": [{"key": f"c-{n}", "value": {"n": n, "at": n / 7}, "at": n / 3} for n in range(20)]},
        faults=[Crash("billing-1", at=5, restart_after=6), Crash("shipping-0", after="ship", nth=30, restart_after=1),
                Pause("shop", at=8, duration=2), Crash("broker-1", at=12, restart_after=3),
                NetworkCut("billing-0", ("broker-0", "broker-2"), at=15, duration=8),
                LoseReply("kiosk", "produce", share=0.1), PowerLoss("broker-2", at=25, restart_after=2)],
        latency=Exponential(0.001), duration=40, seed=11)


def printed(*more, python=sys.executable, **environment):
    """What this file prints as a program: the digest of `busy()`, made by another Python process."""
    environment = {"PYTHONPATH": os.pathsep.join([str(HERE), str(HERE / "tests")]), **environment}
    done = subprocess.run([python, __file__, *more], capture_output=True, text=True, timeout=300, env=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


@pytest.fixture(scope="module")
def digest():
    return run(busy(), progress=False).digest()


def test_the_same_run_twice(digest):
    trace = run(busy(), progress=False)
    assert trace.digest() == digest and len(trace.effects) > 100 and len(trace.deliveries) > 1_000


@pytest.mark.parametrize("hash_seed", ["0", "1", "4711"])
def test_in_another_process_with_another_hash_seed(digest, hash_seed):
    assert printed(PYTHONHASHSEED=hash_seed) == [digest]


@pytest.fixture(scope="module", params=os.environ.get("SIMLIB_OTHER_PYTHONS", "").split(os.pathsep))
def other_python(request, tmp_path_factory):
    """SIMLIB_OTHER_PYTHONS: paths of interpreters. Each gets an environment with the libraries a run needs."""
    if not request.param:
        pytest.skip("cannot run on this system: needs SIMLIB_OTHER_PYTHONS, which names other interpreters")
    uv = find_uv()
    libraries = ["simpy", "numpy", "pandas", "pyarrow", "cloudpickle", "tqdm", "hypothesis", "pytest"]
    folder = tmp_path_factory.mktemp("env")
    subprocess.run([uv, "venv", "--quiet", "--clear", "--python", request.param, folder], check=True, timeout=600)
    python = folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    subprocess.run([uv, "pip", "install", "--quiet", "--python", python, *libraries], check=True, timeout=600)
    return python


def test_on_another_python(digest, other_python):
    assert printed(python=other_python) == [digest]


@pytest.mark.slow
def test_asyncio_works_inside_on_another_python(other_python):
    """Every Python has an asyncio of its own; some of it exists only in newer ones."""
    done = subprocess.run([other_python, "-m", "pytest", "-q", "-p", "no:cacheprovider",
                           "tests/services/test_asyncio_words.py", "tests/services/test_refused.py"],
                          cwd=HERE, capture_output=True, text=True, timeout=600, env={**os.environ, "CI": "true"})
    assert done.returncode == 0, done.stdout


def test_another_seed_is_another_run(digest):
    assert run(replace(busy(), seed=12), progress=False).digest() != digest


@settings(max_examples=25, derandomize=True, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])
@given(scenarios())
def test_random_scenarios_twice(scenario):
    assert run(scenario, progress=False).same_as(run(scenario, progress=False))


# -- every draw has a name: what is added elsewhere shifts nothing

def produced(scenario):
    records = run(scenario, progress=False).records
    records = records[records.producer == "shop"].sort_values("message")
    return list(zip(records.message, records.key, records.partition, records.created, strict=True))


def calm():
    return replace(busy(), faults=(), services=(), inputs={}, duration=15)


@pytest.mark.parametrize("change", [
    lambda s: replace(s, groups=(replace(s.groups[0], consumers=5),)),
    lambda s: replace(s, groups=()),
    lambda s: replace(s, producers=s.producers[:1]),
    lambda s: replace(s, producers=(*s.producers, Producer("another", topic="parcels", rate=9, arrivals="poisson"))),
    lambda s: replace(s, groups=(replace(s.groups[0], service_time=Exponential(0.03)),)),
    lambda s: replace(s, services=(Service("shipping", shipping),)),
    lambda s: replace(s, faults=(Crash("billing-0", at=3, restart_after=2), Crash("broker-0", at=6, restart_after=3))),
], ids=["more consumers", "no group", "one producer less", "one more", "service times", "a service", "faults"])
def test_what_is_added_elsewhere_does_not_change_what_is_produced(change):
    assert produced(change(calm())) == produced(calm())


def work_on(scenario):
    """(partition, offset) -> how long billing worked on it the first time."""
    deliveries = run(scenario, progress=False).deliveries
    first = deliveries[(deliveries.group == "billing") & (deliveries.attempt == 1) & deliveries.done.notna()]
    return {(row.topic, row.partition, row.offset): round(row.done - row.time, 6) for row in first.itertuples()}


def test_the_work_on_a_record_does_not_depend_on_who_does_it():
    few, many = work_on(calm()), work_on(replace(calm(), groups=(replace(calm().groups[0], consumers=5),)))
    both = few.keys() & many.keys()
    assert len(both) > 300 and {key: few[key] for key in both} == {key: many[key] for key in both}


def test_the_order_in_which_things_are_declared_does_not_matter_to_what_they_draw():
    turned = replace(calm(), producers=tuple(reversed(calm().producers)))
    assert produced(turned) == produced(calm())


if __name__ == "__main__":
    print(run(busy(), progress=False).digest())
