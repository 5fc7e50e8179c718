"""The same experiment on a real Apache Kafka: real brokers, real processes, real kills."""

from simlib.real.errors import KafkaUnavailable, RealRunError
from simlib.real.local_kafka import LocalKafka

__all__ = ["KafkaUnavailable", "LocalKafka", "RealRunError"]
