"""A Kafka you can kill: simulate event-driven systems in virtual time, and see what every failure does.

The names below are all a lesson needs. They are loaded when first used, so that `import simlib` stays quick.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

_HOME = {
    "simlib.scenario": (
        "Scenario", "Topic", "Producer", "ConsumerGroup", "ShareGroup", "Service",
        "Crash", "Shutdown", "PowerLoss", "Pause", "NetworkCut", "SlowLink", "LoseRequest", "LoseReply",
        "AddPartitions", "Change",
        "Constant", "Exponential", "Lognormal", "Uniform", "Given", "Bursts", "Replay", "Zipf", "Weights", "InOrder",
        "replace", "to_json", "from_json", "check", "ScenarioError", "ConfigError", "EngineError", "PathError",
        "TooLarge"),
    "simlib.running": ("run",),
    "simlib.exploring": ("explore",),
    "simlib.sweeping": ("sweep",),
    "simlib.services.errors": ("KafkaError", "CommitFailedError", "Overloaded", "RemoteError", "RedisError"),
    "simlib.trace.trace": ("Trace",),
    "simlib.kafka.topic_partition": ("TopicPartition",),
    "simlib.statements": ("statement",),
    "simlib.views.controls": ("sliders",),
    "simlib.views.player": ("play",),
    "simlib.real.local_kafka": ("LocalKafka",),
    "simlib.recordings": ("recorded", "side_by_side"),
}
_MODULES = ("laws", "data", "course", "units", "plot")
_WHERE = {name: module for module, names in _HOME.items() for name in names}

__all__ = [*_WHERE, *_MODULES]

if TYPE_CHECKING:
    from simlib import course as course
    from simlib import data as data
    from simlib import laws as laws
    from simlib import plot as plot
    from simlib import units as units
    from simlib.exploring import explore as explore
    from simlib.kafka.topic_partition import TopicPartition as TopicPartition
    from simlib.real.local_kafka import LocalKafka as LocalKafka
    from simlib.recordings import recorded as recorded
    from simlib.recordings import side_by_side as side_by_side
    from simlib.running import run as run
    from simlib.scenario import AddPartitions as AddPartitions
    from simlib.scenario import Bursts as Bursts
    from simlib.scenario import Change as Change
    from simlib.scenario import ConfigError as ConfigError
    from simlib.scenario import Constant as Constant
    from simlib.scenario import ConsumerGroup as ConsumerGroup
    from simlib.scenario import Crash as Crash
    from simlib.scenario import EngineError as EngineError
    from simlib.scenario import Exponential as Exponential
    from simlib.scenario import Given as Given
    from simlib.scenario import InOrder as InOrder
    from simlib.scenario import Lognormal as Lognormal
    from simlib.scenario import LoseReply as LoseReply
    from simlib.scenario import LoseRequest as LoseRequest
    from simlib.scenario import NetworkCut as NetworkCut
    from simlib.scenario import PathError as PathError
    from simlib.scenario import Pause as Pause
    from simlib.scenario import PowerLoss as PowerLoss
    from simlib.scenario import Producer as Producer
    from simlib.scenario import Replay as Replay
    from simlib.scenario import Scenario as Scenario
    from simlib.scenario import ScenarioError as ScenarioError
    from simlib.scenario import Service as Service
    from simlib.scenario import ShareGroup as ShareGroup
    from simlib.scenario import Shutdown as Shutdown
    from simlib.scenario import SlowLink as SlowLink
    from simlib.scenario import TooLarge as TooLarge
    from simlib.scenario import Topic as Topic
    from simlib.scenario import Uniform as Uniform
    from simlib.scenario import Weights as Weights
    from simlib.scenario import Zipf as Zipf
    from simlib.scenario import check as check
    from simlib.scenario import from_json as from_json
    from simlib.scenario import replace as replace
    from simlib.scenario import to_json as to_json
    from simlib.services.errors import CommitFailedError as CommitFailedError
    from simlib.services.errors import KafkaError as KafkaError
    from simlib.services.errors import Overloaded as Overloaded
    from simlib.services.errors import RedisError as RedisError
    from simlib.services.errors import RemoteError as RemoteError
    from simlib.statements import statement as statement
    from simlib.sweeping import sweep as sweep
    from simlib.trace.trace import Trace as Trace
    from simlib.views.controls import sliders as sliders
    from simlib.views.player import play as play


def __getattr__(name: str) -> Any:
    if name in _WHERE:
        value = getattr(import_module(_WHERE[name]), name)
    elif name in _MODULES:
        value = import_module(f"simlib.{name}")
    else:
        raise AttributeError(f"simlib has no {name!r}; it has {', '.join(__all__)}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
