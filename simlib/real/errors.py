"""What a real Kafka, or a run on one, can be refused for: said before anything starts, with what would work instead."""

from __future__ import annotations


class KafkaUnavailable(RuntimeError):
    """A local Kafka cannot be started here, or did not start."""


class RealRunError(ValueError):
    """This scenario cannot run on this Kafka."""
