"""Named deadlines: moving one later costs nothing until its old instant has come."""

from __future__ import annotations

from heapq import heappop, heappush

Key = tuple[str, ...]


class Timers:
    """At most one deadline for each key, in integer nanoseconds."""

    def __init__(self) -> None:
        self._deadline: dict[Key, int] = {}
        self._heap: list[tuple[int, Key]] = []
        self._earliest_entry: dict[Key, int] = {}

    def set(self, key: Key, when: int) -> None:
        """Let `key` be due at `when`, whatever it was before."""
        self._deadline[key] = when
        if self._earliest_entry.get(key, when + 1) > when:
            self._earliest_entry[key] = when
            heappush(self._heap, (when, key))

    def cancel(self, key: Key) -> None:
        self._deadline.pop(key, None)

    def when(self, key: Key) -> int | None:
        """The deadline of `key`, None if it has none."""
        return self._deadline.get(key)

    def next(self) -> int | None:
        """The earliest deadline."""
        self._drop_stale()
        return self._heap[0][0] if self._heap else None

    def pop_due(self, now: int) -> Key | None:
        """Remove and return the earliest key that is due by `now`; at one instant in the order of keys."""
        when = self.next()
        if when is None or when > now:
            return None
        key = heappop(self._heap)[1]
        del self._deadline[key]
        self._earliest_entry.pop(key, None)
        return key

    def _drop_stale(self) -> None:
        """Bring forward until the heap's first entry is a real deadline."""
        while self._heap and self._deadline.get(self._heap[0][1]) != self._heap[0][0]:
            when, key = heappop(self._heap)
            if self._earliest_entry.get(key) == when:
                del self._earliest_entry[key]
                if key in self._deadline:
                    self.set(key, self._deadline[key])
