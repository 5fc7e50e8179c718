"""What the replication tests look at in a trace: leaders, in-sync replicas, truncations, the high watermark."""

from dataclasses import replace

from producer_scenarios import events, shop

from simlib import run

LEADER, FIRST, SECOND = "broker-0", "broker-1", "broker-2"
"""The replicas of partition 0 in order of assignment."""


def cluster(times, *, controllers=1, broker_config=None, **changes):
    """Run the producer tests' scenario on three brokers, with these controllers and broker settings."""
    scenario = shop(times, **{"brokers": 3, **changes})
    return run(replace(scenario, controllers=controllers, broker_config=broker_config or {}))


def every(step, start, stop):
    """Instants `start`, `start + step`, ... before `stop` (s)."""
    return [start + i * step for i in range(round((stop - start) / step))]


def of_orders(trace, kind):
    rows = events(trace, kind)
    return rows[rows.topic == "orders"]


def elections(trace):
    """(time, broker) of each election after the first."""
    rows = of_orders(trace, "elected").query("time > 0")
    return list(zip(rows.time, rows.process, strict=True))


def in_sync(trace):
    """(time, set of brokers) of each change of the in-sync replicas."""
    rows = of_orders(trace, "isr")
    return [(time, set(detail.split())) for time, detail in zip(rows.time, rows.detail, strict=True)]


def removed(trace, broker):
    """When a broker left the in-sync replicas."""
    return next(time for time, brokers in in_sync(trace) if broker not in brokers)


def returned(trace, broker):
    """When it came back."""
    return next(time for time, brokers in in_sync(trace) if broker in brokers and time > removed(trace, broker))


def truncations(trace):
    """(broker, offset) of each suffix of the partition that a replica discarded."""
    rows = trace.data.tables["truncations"]
    names, tps = trace.data.code_table("actors"), trace.data.code_table("tps")
    topic = list(trace.data.code_table("topics")).index("orders")
    cuts = zip(rows["broker"], rows["tp"], rows["to_offset"], strict=True)
    return [(names[broker], int(to)) for broker, tp, to in cuts if tps[tp][0] == topic]


def high_watermarks(trace):
    """(time, high watermark) of the partition as its leaders raise it."""
    rows = trace.data.tables["watermarks"]
    return [(time / 1e9, int(mark)) for time, mark in zip(rows["time"], rows["high_watermark"], strict=True)]


def seen(trace, number):
    """When a consumer was first handed a message; None if never."""
    times = trace.deliveries.query(f"message == 'shop:{number}'").time
    return times.min() if len(times) else None
