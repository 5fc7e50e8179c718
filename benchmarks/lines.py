"""The lines of the table: what was promised, and what the measurements say."""

from __future__ import annotations

from benchmarks.flow_lines import flow_lines
from benchmarks.fold_lines import fold_lines
from benchmarks.line import SPEED, Line
from benchmarks.rounds import Results

SMALL, LARGE = "10,000/s, 1e4", "10,000/s, 1e6"


def lines(results: Results) -> list[Line]:
    """All lines of the table."""
    return [*_speed(results), *flow_lines(results), *fold_lines(results), *_peers(results), *_growth(results),
            *_size(results), *_explored(results), *_feel(results), *_in_a_browser(results)]


def _speed(results: Results) -> list[Line]:
    def rate(name: str) -> float:
        return results.median(name, "rate")

    return [
        Line("the README's scenario, whole trace", rate("section 3"), SPEED, 4_000),
        Line("... SimPy events a record", results.median("section 3", "events"), "events", 16, at_most=True),
        Line("1,000 records/s, linger_ms=5", rate("1,000/s, linger 5"), SPEED, 8_000),
        Line("1,000 records/s, linger_ms=0", rate("1,000/s, linger 0"), SPEED, 4_000),
        Line("100,000 records/s, linger_ms=5", rate("100,000/s"), SPEED, 200_000),
        Line("... SimPy events a record", results.median("100,000/s", "events"), "events", 0.5, at_most=True),
        Line("100,000 records/s, linger_ms=0", rate("100,000/s, linger 0"), SPEED, 200_000),
    ]


def _peers(results: Results) -> list[Line]:
    with_happysim = "happysim" in results.rounds
    simlib = "simlib, the peer's Python" if with_happysim else "1,000/s, linger 5"
    found = [Line("plain SimPy, an event for each record and step, no Kafka", results.median("simpy", "rate"), SPEED),
             Line("simlib with its whole Kafka : plain SimPy", results.ratio(simlib, "simpy", "rate"), "times")]
    if with_happysim:
        found = [Line("happysim 0.2.5, EventLog + ConsumerGroup", results.median("happysim", "rate"), SPEED),
                 Line("simlib in the same Python, linger_ms=5", results.median(simlib, "rate"), SPEED),
                 Line("simlib : happysim", results.ratio(simlib, "happysim", "rate"), "times", 2.5), *found]
    return found


def _growth(results: Results) -> list[Line]:
    return [Line("cost per record, 1e6 : 1e5 records at 10,000/s", results.ratio("10,000/s, 1e5", LARGE, "rate"),
                 "times", 1.25, at_most=True),
            Line("cost per record, 1e6 : 1e4 records at 10,000/s", results.ratio(SMALL, LARGE, "rate"),
                 "times", 1.25, at_most=True)]


def _size(results: Results) -> list[Line]:
    def kept(name: str) -> float:
        return results.median(name, "bytes")

    return [Line("columns kept, the README's scenario", kept("section 3"), "bytes/record", 150, at_most=True),
            Line("columns kept, 1,000/s, linger_ms=0", kept("1,000/s, linger 0"), "bytes/record", 150, at_most=True),
            Line("columns kept, 100,000/s", kept("100,000/s"), "bytes/record", 150, at_most=True),
            Line("all a trace keeps alive (tracemalloc), 1,000/s, linger_ms=5", results.median("memory", "kept"),
                 "bytes/record", 150, at_most=True),
            Line("... and the most while it runs", results.median("memory", "most"), "bytes/record")]


def _explored(results: Results) -> list[Line]:
    def rate(name: str) -> float:
        return results.median(name, "rate")

    unit = "schedules/CPU s"
    return [Line("explore, the handlers of lesson 06 over three orders, one core", rate("lesson 06"), unit, 500),
            Line("... the slowest of them", results.median("lesson 06", "slowest"), unit),
            Line("explore, brokers that die, a minute, three replicas", rate("brokers"), unit, 100)]


def _feel(results: Results) -> list[Line]:
    def redraw(what: str) -> float:
        return results.median("redraw", what)

    def imports(what: str) -> float:
        return results.median("imports", what)

    return [Line("the player opens a million records", results.median("player", "seconds"), "CPU s", 2, at_most=True),
            Line("... what is sent for it", results.median("player", "sent") / 1_000, "kB", 200, at_most=True),
            Line("one named draw", results.median("draws", "one"), "CPU us", 1, at_most=True),
            Line("import simlib in a running kernel", imports("bare"), "CPU ms", 200, at_most=True),
            Line("... and the names a first cell imports", imports("names"), "CPU ms", 200, at_most=True),
            Line("... pandas, pyplot, ipywidgets, kafka among it", imports("heavy"), "modules", 0, at_most=True),
            Line("slider to redrawn picture, lesson 00", redraw("lesson 00"), "CPU ms", 100, at_most=True),
            Line("... the costliest of all lessons' sliders", redraw("worst"), "CPU ms", 100, at_most=True),
            Line("... the slowest single move", redraw("slowest"), "CPU ms")]


def _in_a_browser(results: Results) -> list[Line]:
    """Only where there is a browser."""
    if "film" not in results.rounds:
        return []
    return [Line("slider to new picture, 100,000 records, by the clock in JupyterLab",
                 results.median("slider", "milliseconds"), "ms", 150, at_most=True),
            Line("... of it in the kernel", results.median("slider", "kernel"), "CPU ms"),
            Line("... the slowest of a dozen moves", results.median("slider", "slowest"), "ms"),
            Line("... what the picture takes on its way", results.median("slider", "sent") / 1_000, "kB"),
            Line("a picture of a film of 10,000 events", results.median("film", "milliseconds"), "CPU ms", 1_000 / 30,
                 at_most=True),
            Line("... pictures a second, by the clock", results.median("film", "a second"), "pictures/s", 30)]
