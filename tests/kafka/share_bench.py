"""A share-partition on the bench: a log of batches, a clock moved by hand, changes stored when told to."""

from types import SimpleNamespace

from simlib.kafka.shares.partition import SharePartition
from simlib.units import SECOND

LOCK = 30


class Share:
    """One share-partition whose log has batches of the given sizes; times in s. A size below 0 is a gap (a marker)."""

    def __init__(self, *sizes, start=0, limit=5, most=2_000, stored=None):
        self.entries, end = [], 0
        for size in sizes:
            lane = None if size < 0 else SimpleNamespace()
            self.entries.append(SimpleNamespace(base=end, end=end + abs(size), batch=SimpleNamespace(lane=lane)))
            end += abs(size)
        self.end = end
        self.now = 0
        self.shared = SharePartition(start, limit, LOCK * SECOND, most, stored)

    def take(self, member, most=500, whole=True):
        """The offsets that a member is given, with how often each has been delivered now."""
        there = [entry for entry in self.entries if entry.end > self.shared.next_offset()]
        taken = self.shared.acquire(self.now * SECOND, member, there, most, whole)
        return {offset: run.deliveries for run in taken for offset in range(run.first, run.first + run.count)}

    def say(self, member, answers, stored=True):
        """False if the answers are refused."""
        changes = self.shared.acknowledge(member, answers)
        if changes is not None:
            self.shared.complete(self.now * SECOND, changes, stored)
        return changes is not None

    def accept(self, member, *offsets, **how):
        return self.say(member, dict.fromkeys(offsets, "accept"), **how)

    def release(self, member, *offsets):
        return self.say(member, dict.fromkeys(offsets, "release"))

    def gone(self, member, stored=True):
        self.shared.complete(self.now * SECOND, self.shared.release(member), stored)

    def pass_time(self, seconds):
        """The locks that end meanwhile, as (offset, whose)."""
        self.now += seconds
        return [(change.offset, member) for change, member, _ in self.shared.expire(self.now * SECOND)]

    def state(self, offset):
        """Of a record from the start offset on; what was never acquired has none."""
        record = self.shared.records.get(offset)
        return None if record is None else record.state
