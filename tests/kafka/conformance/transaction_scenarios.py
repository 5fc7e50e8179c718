"""A service that writes in transactions, and two groups that read what it writes: one asks for committed records."""

from simlib import ConsumerGroup, Scenario, Service, Topic, run


def written_by(main, *, client="kafka-python", partitions=1, brokers=3, more=(), faults=(), duration=300.0, **settings):
    """The trace of a service `writer` with topic `out`, read by the groups `wary` (read_committed) and `open`."""
    groups = [ConsumerGroup(name, "out", auto_offset_reset="earliest", isolation_level=level)
              for name, level in (("wary", "read_committed"), ("open", "read_uncommitted"))]
    services = [Service("writer", main), *(Service(name, other) for name, other in more)]
    return run(Scenario(topics=[Topic("out", partitions, min(3, brokers)), Topic("orders", 1, min(3, brokers))],
                        services=services, groups=groups, faults=faults, brokers=brokers, client=client,
                        duration=duration, **settings), progress=False)


def handed(trace, group):
    """Values of `out` that the group was handed, in order of time."""
    values = trace.records.set_index("message").value
    return [values[message] for message in trace.deliveries[trace.deliveries.group == group].message]


def when(trace, group, value):
    """When the group was first handed a value (s)."""
    values = trace.records.set_index("message").value
    rows = trace.deliveries[trace.deliveries.group == group]
    return next(row.time for row in rows.itertuples() if values[row.message] == value)


def said(trace, name):
    """What the service told the outside world under one name."""
    return list(trace.effects[trace.effects.name == name].key)


def ended(trace):
    """(time, how) of every transaction that was decided."""
    rows = trace.control[trace.control.kind == "transaction_ended"]
    return [(row.time, row.detail) for row in rows.itertuples()]
