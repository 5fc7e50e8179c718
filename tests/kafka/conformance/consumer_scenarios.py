"""What the consumer tests share: orders for a service, loads for a group, and who owned which partition when."""

from simlib import Producer, Scenario, Service, Topic

FROM_START = {"group_id": "billing", "auto_offset_reset": "earliest"}
BY_HAND = {**FROM_START, "enable_auto_commit": False}


def orders(main, times, *, keys=1, partitions=1, instances=1, restart_after=1.0, services=(), **more):
    """The instances of `billing` run `main`; order n is written at times[n]. One broker unless said otherwise."""
    rows = [{"key": f"{number % keys:05}", "value": number, "at": at} for number, at in enumerate(times)]
    settings = {"brokers": 1, "duration": 300, **more}
    billing = Service("billing", main, instances=instances, restart_after=restart_after)
    return Scenario(topics=[Topic("orders", partitions, replication_factor=settings["brokers"])],
                    inputs={"orders": rows}, services=[billing, *services], **settings)


def load(*groups, rate=10, stop=90, partitions=3, topics=("orders",), producer=None, **more):
    """A steady load on 30 keys for every topic, read by declared groups. One broker unless said otherwise."""
    settings = {"brokers": 1, "duration": 120, **more}
    return Scenario(topics=[Topic(name, partitions, replication_factor=settings["brokers"]) for name in topics],
                    producers=[Producer(f"shop-{name}", name, rate=rate, keys=30, stop=stop, **(producer or {}))
                               for name in topics],
                    groups=groups, **settings)


def of(trace, kind, process=None, after=0.0):
    """The control events of a kind after an instant, of one process or of all."""
    rows = trace.control[(trace.control.kind == kind) & (trace.control.time >= after)]
    return rows if process is None else rows[rows.process == process]


def effects(trace, name):
    """The keys of the effects of one name, in order."""
    return list(trace.effects[trace.effects.name == name].key)


def owned(trace, process):
    """What a process was given last, as (topic, partition)."""
    rows = of(trace, "assigned", process, after=-20)
    rows = rows[rows.time == rows.time.max()]
    return set(zip(rows.topic.astype(str), rows.partition.astype(int), strict=True))


def hands(trace):
    """(group, partition, generation) -> the members that were handed records of it in that generation."""
    columns = [trace.data.column("deliveries", name) for name in ("group", "tp", "generation", "member")]
    found = {}
    for group, tp, generation, member in zip(*columns, strict=True):
        found.setdefault((group, tp, generation), set()).add(member)
    return found


def overlaps(trace):
    """Partitions that one member was given while another, alive and not thrown out, still had them."""
    having, found = {}, []
    for row in trace.control.itertuples():
        place = (row.topic, row.partition)
        if row.kind == "assigned":
            if having.get(place, row.process) != row.process:
                found.append((row.time, *place, having[place], row.process))
            having[place] = row.process
        elif row.kind in ("revoked", "lost_partitions") and having.get(place) == row.process:
            del having[place]
        elif row.kind in ("crashed", "evicted", "shutdown"):
            having = {one: owner for one, owner in having.items() if owner != row.process}
    return found


def quiet_spell(trace, start, end):
    """The longest time (s) between two deliveries in a span."""
    times = trace.deliveries.time[(trace.deliveries.time > start) & (trace.deliveries.time < end)]
    return max(times.diff().max(), times.min() - start, end - times.max()) if len(times) else end - start
