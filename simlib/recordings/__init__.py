"""Runs on a real Kafka that were recorded, each with the scenario it came from, to be put beside the simulated run."""

from simlib.recordings.loading import recorded
from simlib.recordings.sides import side_by_side

__all__ = ["recorded", "side_by_side"]
