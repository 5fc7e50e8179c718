"""A follower's standing fetch at a leader, as `simlib.kafka.follower_sessions` has it, without the messages."""

from __future__ import annotations


class Session:
    """What the leader knows of one follower. While its fetch is on its way there and back, news pile up."""

    def __init__(self, number: int, rank: int) -> None:
        self.number = number
        self.rank = rank
        self.offsets: dict[int, int] = {}
        self.told: dict[int, int] = {}
        """The high watermark it was last sent, by partition."""
        self.news: dict[int, None] = {}
        self.parked = False
        self.here_at = 0
        """When its next fetch arrives, if it is not parked."""
        self.watched = 0
        """Which arrival is on the agenda as an event."""

    def follow(self, tp: int) -> None:
        """It has nothing of a new partition."""
        self.offsets[tp] = self.told[tp] = 0
