"""Business rules that are not in `simlib.laws`: functions of a trace, as a learner writes them.

They ask the trace which orders there were, so that they also judge a run with fewer records.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from simlib import laws
from simlib.units import NEVER


def ordered(trace: Any) -> list[str]:
    """The orders that were put in."""
    return [row["value"]["order"] for row in trace.scenario.inputs["orders"]]


def done(trace: Any, effect: str) -> list[Any]:
    """The keys of an effect, in order of time."""
    names = trace.data.code_table("effects")
    rows = zip(trace.data.column("effects", "name"), trace.data.column("effects", "key"), strict=True)
    return [key for name, key in rows if names[name] == effect]


def written(trace: Any, topic: str) -> list[Any]:
    """The values in the log of a topic, in order of offset; a record that is there twice comes twice."""
    messages = trace.messages
    of_topic = messages.topic == trace.data.code_table("topics").index(topic)
    there = of_topic & (messages.appended != NEVER) & ~messages.is_lost
    rows = [row for row in messages.order if there[row]]
    return [trace.data.column("messages", "value")[row] for row in rows for _ in range(messages.copies[row])]


def value_of(trace: Any, service: str, sql: str) -> Any:
    """The first column of the first row of a query on a final database."""
    return trace.databases[service].execute(sql)[0][0]


def column_of(trace: Any, service: str, sql: str) -> list[Any]:
    """The first column of a query on a final database."""
    return [row[0] for row in trace.databases[service].execute(sql)]


def every_order_is_done(effect: str) -> Callable[..., Any]:
    """Each order that was put in led to this effect at least once."""
    return laws.eventually(f"each order leads to a {effect}",
                           lambda trace: set(ordered(trace)) <= set(done(trace, effect)))


def every_order_is_written_to(topic: str) -> Callable[..., Any]:
    """Each order that was put in is in the log of another topic at least once."""
    return laws.eventually(f"each order is in {topic}", lambda trace: set(ordered(trace)) <= {
        value["order"] for value in written(trace, topic)})


def nothing_twice_in(topic: str) -> Callable[[Any], bool]:
    """No order is in the log of a topic twice."""
    def judge(trace: Any) -> bool:
        names = [value["order"] for value in written(trace, topic)]
        return len(names) == len(set(names))

    return judge


def done_in_order(effect: str) -> Callable[[Any], bool]:
    """The orders (one customer's) were acted on in the order in which they were put in, the first time each."""
    def judge(trace: Any) -> bool:
        first = list(dict.fromkeys(done(trace, effect)))
        return first == [name for name in ordered(trace) if name in first]

    return judge


def total_is_right(service: str, sql: str) -> Callable[[Any], bool]:
    """A sum in a database is that of all orders' amounts."""
    def judge(trace: Any) -> bool:
        wanted = sum(row["value"]["amount"] for row in trace.scenario.inputs["orders"])
        return bool(value_of(trace, service, sql) == wanted)

    return judge


def always(service: str, sql: str, wanted: Any) -> Callable[[Any], bool]:
    """A query has the same answer whatever happened."""
    def judge(trace: Any) -> bool:
        return bool(value_of(trace, service, sql) == wanted)

    return judge


def all_in(service: str, sql: str) -> Callable[[Any], bool]:
    """A query lists all orders that were put in, each once."""
    def judge(trace: Any) -> bool:
        return sorted(column_of(trace, service, sql)) == sorted(ordered(trace))

    return judge


def none_twice(names: Iterable[Any]) -> bool:
    """No name comes twice."""
    names = list(names)
    return len(names) == len(set(names))
