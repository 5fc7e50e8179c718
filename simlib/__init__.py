"""A Kafka you can kill: simulate event-driven systems in virtual time, and see what every failure does.

The names below are all a lesson needs. They are loaded when first used, so that `import simlib` stays quick.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

_HOME = {
    "simlib.scenario": (
        "Scenario", "Topic", "Producer", "ConsumerGroup", "Service",
        "Crash", "Shutdown", "PowerLoss", "Pause", "NetworkCut", "SlowLink", "LoseRequest", "LoseReply",
        "AddPartitions", "Change",
        "Constant", "Exponential", "Lognormal", "Uniform", "Given", "Bursts", "Replay", "Zipf", "Weights",
        "replace", "to_json", "from_json", "ScenarioError", "ConfigError"),
    "simlib.running": ("run",),
    "simlib.trace.trace": ("Trace",),
    "simlib.kafka.topic_partition": ("TopicPartition",),
    "simlib.views.controls": ("sliders",),
}
_MODULES = ("laws", "data", "course", "units")
_WHERE = {name: module for module, names in _HOME.items() for name in names}

__all__ = [*_WHERE, *_MODULES]

if TYPE_CHECKING:
    from simlib import course, data, laws, units
    from simlib.kafka.topic_partition import TopicPartition
    from simlib.running import run
    from simlib.scenario import *
    from simlib.trace.trace import Trace
    from simlib.views.controls import sliders


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
