"""A trace with a story: three members, one dies at 30 s, comes back at 60 s, and its partition is idle until 75 s."""

from handmade import Builder

from simlib.trace import Trace

CRASH, BACK, EVICTED, END = 30.0, 60.0, 72.0, 90.0


def shop(rate: float = 60.0, partitions: int = 3) -> Trace:
    """`rate` records a second over all partitions, 20 ms of work each, auto-commit every 5 s."""
    build = Builder(orders=partitions)
    for partition in range(partitions):
        build.event("assigned", -5.0, f"billing-{partition}", "billing", partition)
        _one_partition(build, partition, rate / partitions)
    build.event("crashed", CRASH, "billing-1")
    build.event("restarted", BACK, "billing-1")
    build.event("evicted", EVICTED, "billing-1", "billing")
    for partition in range(partitions):
        if partition != 1:
            build.event("revoked", EVICTED + 0.5, f"billing-{partition}", "billing", partition)
        build.event("assigned", EVICTED + 3.0, f"billing-{partition}", "billing", partition)
    return build.trace(at=END)


def _one_partition(build: Builder, partition: int, rate: float) -> None:
    member, numbers = f"billing-{partition}", range(int(rate * END))
    created = [number / rate + partition / 1000 for number in numbers]
    ids = [build.write(partition=partition, at=at, offset=number, key=f"customer-{number % 10}")
           for number, at in zip(numbers, created, strict=True)]
    free, stop = 0.0, CRASH if partition == 1 else EVICTED
    seen = 0
    for number in numbers:
        start = max(free, created[number] + 0.005)
        if start >= stop:
            break
        free = start + 0.02
        build.deliver(ids[number], number, start, free if free < stop else None, member)
        seen = number + 1
    committed = 0
    for at in range(5, int(stop), 5):
        committed = min(seen, int(at * rate))
        build.commit(committed, float(at), partition, member=member)
    back, free = (committed if partition == 1 else seen), EVICTED + 3.0
    if partition != 1:
        build.commit(seen, EVICTED + 0.4, partition, member=member)
    for number in range(back, len(ids)):
        start = max(free, created[number] + 0.005)
        if start >= END:
            break
        free = start + 0.02
        build.deliver(ids[number], number, start, free, member, incarnation=int(partition == 1), generation=2)
        if number % 40 == 0:
            build.commit(number, start, partition, member=member)
