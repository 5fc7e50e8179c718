"""`trace.plot`: one method a picture."""

from __future__ import annotations

from dataclasses import dataclass

from simlib.trace import Trace
from simlib.views import assignment, calls, duplicates, lag, latency, screens, sequence, storyboard, timeline
from simlib.views.picture import Picture


@dataclass(frozen=True)
class Plots:
    """Pictures of one trace. `group` is a consumer group's name; without it the first group is shown."""

    trace: Trace

    def lag(self, group: str | None = None) -> Picture:
        """Records behind, over time, one line a partition."""
        return lag.lag(self.trace, group)

    def duplicates(self, group: str | None = None) -> Picture:
        """What was handed over again: offset over time in each partition."""
        return duplicates.duplicates(self.trace, group)

    def timeline(self, group: str | None = None) -> Picture:
        """What was written and handed over in each partition, and when nothing was."""
        return timeline.timeline(self.trace, group)

    def latency(self, group: str | None = None) -> Picture:
        """How long records took from creation to hand-over and to done."""
        return latency.latency(self.trace, group)

    def assignment(self, group: str | None = None) -> Picture:
        """Who owned which partition."""
        return assignment.assignment(self.trace, group)

    def calls(self, callee: str | None = None) -> Picture:
        """How long callers of a service waited, and who got no answer; without a name the service called first."""
        return calls.calls(self.trace, callee)

    def screens(self, process: str | None = None, about: str | None = None) -> Picture:
        """What somebody saw, screen by screen; where `about` was once shown and is gone, that is marked."""
        return screens.screens(self.trace, process, about)

    def sequence(self, window: tuple[float, float] | None = None, records: int = 12) -> Picture:
        """Who did what, in order, for a few records; `window` is (start, end) in seconds."""
        return sequence.sequence(self.trace, window, records)

    def storyboard(self, panels: int = 6) -> Picture:
        """The moments worth stopping at, one below the other; `trace.play()` shows them as a film."""
        return storyboard.storyboard(self.trace, panels)
