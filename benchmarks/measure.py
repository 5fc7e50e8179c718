"""One measurement in a process of its own: `python -m benchmarks.measure KIND [NAME ...]` prints JSON.

Everything is CPU time of the whole process, so that other programs disturb as little as possible; the garbage of
earlier measurements cannot weigh on later ones.
"""

from __future__ import annotations

import gc
import json
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any

LONG_ENOUGH = 1.0
"""CPU seconds after which a measurement is not repeated any more."""

KERNEL = ("ipykernel.kernelapp", "ipykernel.ipkernel", "ipykernel.zmqshell", "ipykernel.comm")
USED_FIRST = ("Scenario", "Topic", "Producer", "ConsumerGroup", "Crash", "replace", "run")


def engine(name: str, repeats: str = "1") -> dict[str, float]:
    """Records a CPU second through `run`, a small run of the same kind before it; events and bytes for each record."""
    from benchmarks.workloads import IN_COLUMNS, WORKLOADS
    from simlib import replace, run

    scenario = {**WORKLOADS, **IN_COLUMNS}[name]()
    run = partial(run, engine="flow" if name in IN_COLUMNS else "events")
    run(replace(scenario, "duration", min(1.0, scenario.duration / 2)) if not scenario.faults else scenario)
    seconds: list[float] = []
    while len(seconds) < int(repeats) or (sum(seconds) < LONG_ENOUGH and len(seconds) < 5):
        trace = None
        gc.collect()
        begin = time.process_time()
        trace = run(scenario, progress=False)
        seconds.append(time.process_time() - begin)
    records = len(trace.messages)
    return {"records": records, "rate": records / statistics.median(seconds), "best": records / min(seconds),
            "events": trace.data.meta["counters"]["simpy_events"] / records, "bytes": trace.bytes_per_record()}


def folded(name: str) -> dict[str, float]:
    """A run that keeps sums."""
    from benchmarks.folded import folded

    return folded(name)


def peer(name: str, rate: str, records: str, service_time: str) -> dict[str, float]:
    """The same figure for something else that does the same, each in the Python it needs."""
    from importlib import import_module

    measure = import_module(f"benchmarks.peers.{name}").measure
    measure(float(rate), 1_000, float(service_time))
    done = measure(float(rate), int(records), float(service_time))
    return {**done, "rate": done["records"] / done["cpu"]}


def queue(customers: str) -> dict[str, float]:
    """M/M/1 through `run`: customers a CPU second, and how long they waited on average, in service times."""
    from benchmarks.workloads import queue
    from simlib import run

    run(queue(1_000), engine="flow")
    scenario = queue(int(customers))
    begin = time.process_time()
    trace = run(scenario, engine="flow", progress=False)
    spent = time.process_time() - begin
    handed = trace.handed
    waited = handed.time - trace.messages.created[handed.message]
    service = scenario.groups[0].service_time.mean
    return {"records": len(trace.messages), "rate": len(trace.messages) / spent,
            "wait": float(waited.mean()) / 1e9 / service}


def at_once() -> dict[str, float]:
    """CPU milliseconds of a run of 100,000 records and its summary, where such a run was made before."""
    from benchmarks.workloads import PER_PARTITION, steady
    from simlib import run

    scenario = steady(3 * PER_PARTITION, 100_000, 5)

    def look() -> None:
        str(run(scenario, engine="flow", progress=False).summary())

    look()
    return {"milliseconds": statistics.median(_milliseconds(look) for _ in range(15))}


def memory() -> dict[str, float]:
    """Bytes a trace keeps alive for each record, keys and all, by the book-keeping of Python itself."""
    import tracemalloc

    from benchmarks.workloads import steady
    from simlib import run

    run(steady(1_000, 1_000, 5))
    gc.collect()
    tracemalloc.start()
    trace = run(steady(1_000, 20_000, 5), progress=False)
    gc.collect()
    kept, most = tracemalloc.get_traced_memory()
    records = len(trace.messages)
    return {"records": records, "kept": kept / records, "most": most / records}


def imports() -> dict[str, float]:
    """CPU milliseconds of `import simlib`, and of what a first cell imports, where a kernel is loaded already."""
    from importlib import import_module

    for module in KERNEL:
        import_module(module)
    before = set(sys.modules)
    bare = _milliseconds(lambda: import_module("simlib"))
    names = _milliseconds(lambda: [getattr(import_module("simlib"), name) for name in USED_FIRST])
    heavy = {"pandas", "matplotlib.pyplot", "ipywidgets", "kafka"} & (set(sys.modules) - before)
    return {"bare": bare, "names": bare + names, "heavy": len(heavy)}


def player() -> dict[str, float]:
    """CPU seconds until a million records can be looked at, and bytes sent for it; a small trace is opened before."""
    from benchmarks.large_trace import million
    from benchmarks.workloads import section_3
    from simlib import run

    def look(trace: Any) -> int:
        widget = trace.play()
        widget._repr_mimebundle_()
        recording = widget.recordings[0]
        return len(widget.indexes[0]) + len(recording.slice(len(recording) // 2))

    look(run(section_3(), progress=False))
    trace = million()
    gc.collect()
    begin = time.process_time()
    sent = look(trace)
    return {"seconds": time.process_time() - begin, "sent": sent}


def draws() -> dict[str, float]:
    """CPU microseconds of one named draw, asked for one at a time."""
    from simlib.scenario import Stream

    many, stream = 1_000_000, Stream(1, "speed")

    def draw_all() -> None:
        for i in range(many):
            stream.uniform(i)

    return {"one": _milliseconds(draw_all) * 1000 / many}


def redraw() -> dict[str, float]:
    """CPU milliseconds from a moved slider to a redrawn picture: medians for each slider of each lesson."""
    from benchmarks.lesson_sliders import moves

    medians, slowest = [], 0.0
    for move, values in moves():
        move(values[0])
        costs = [_milliseconds(partial(move, value)) for value in values]
        medians.append(statistics.median(costs))
        slowest = max(slowest, *costs)
    return {"lesson 00": medians[0], "worst": max(medians), "slowest": slowest, "sliders": len(medians)}


def explored(what: str) -> dict[str, float]:
    """Schedules a CPU second on one core."""
    from benchmarks.explored import explored

    return explored(what)


def film() -> dict[str, float]:
    """A film in a real browser."""
    from benchmarks.film import film

    return film()


def slider() -> dict[str, float]:
    """A slider in a real JupyterLab."""
    from benchmarks.slider import slider

    return slider()


def _milliseconds(work: Callable[[], Any]) -> float:
    begin = time.process_time()
    work()
    return (time.process_time() - begin) * 1000


KINDS: dict[str, Callable[..., dict[str, float]]] = {
    "player": player, "draws": draws,
    "engine": engine, "folded": folded, "peer": peer, "queue": queue, "at_once": at_once,
    "memory": memory, "imports": imports, "redraw": redraw,
    "explored": explored,
    "film": film, "slider": slider,
}

if __name__ == "__main__":
    kind, *rest = sys.argv[1:]
    print(json.dumps(KINDS[kind](*rest)))
