"""The event bus that everybody writes first, as an exhibit: one listener that raises robs all behind it [P35].

Lesson 02 breaks it; `bus.py` has the form that holds.
"""

from __future__ import annotations

from typing import Any

from simlib.patterns.bus import Handler


class PlainBus:
    """Who listens to which event."""

    def __init__(self) -> None:
        self.listeners: dict[str, list[Handler]] = {}

    def on(self, event: str, handler: Handler) -> None:
        """From now on, call `handler` for each event of this name."""
        self.listeners.setdefault(event, []).append(handler)

    async def publish(self, event: str, *facts: Any) -> None:
        """Call who listens, in the order in which they came, and wait for each."""
        for handler in self.listeners.get(event, []):
            await handler(*facts)
