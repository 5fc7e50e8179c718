"""Scenarios as plain data. Nothing here knows virtual time, Kafka's machinery or plots."""

from simlib.scenario.cautions import warnings
from simlib.scenario.describe import Description, describe
from simlib.scenario.distributions import (
    Constant,
    Distribution,
    Exponential,
    Given,
    Lognormal,
    Uniform,
    as_distribution,
)
from simlib.scenario.draws import Sampler, Stream
from simlib.scenario.errors import ConfigError, EngineError, PathError, ScenarioError, TooLarge
from simlib.scenario.faults import (
    AddPartitions,
    Change,
    Crash,
    LoseReply,
    LoseRequest,
    NetworkCut,
    Pause,
    PowerLoss,
    Shutdown,
    SlowLink,
    names,
    request_kind,
)
from simlib.scenario.group_protocols import session_problem
from simlib.scenario.json_form import from_json, to_json
from simlib.scenario.loads import (
    Bursts,
    InOrder,
    Replay,
    Weights,
    Zipf,
    arrival_blocks,
    arrival_times,
    key_codes,
    key_names,
)
from simlib.scenario.paths import get, replace
from simlib.scenario.scenario import Scenario
from simlib.scenario.settings import (
    BrokerSettings,
    ConsumerSettings,
    ProducerSettings,
    TopicSettings,
    resolve_broker,
    resolve_consumer,
    resolve_producer,
    resolve_topic,
)
from simlib.scenario.share_groups import ShareGroup, ShareSettings, resolve_share_consumer
from simlib.scenario.topology import ConsumerGroup, Producer, Service, Topic
from simlib.scenario.validation import check, problems

__all__ = [
    "AddPartitions",
    "BrokerSettings",
    "Bursts",
    "Change",
    "ConfigError",
    "Constant",
    "ConsumerGroup",
    "ConsumerSettings",
    "Crash",
    "Description",
    "Distribution",
    "EngineError",
    "Exponential",
    "Given",
    "InOrder",
    "Lognormal",
    "LoseReply",
    "LoseRequest",
    "NetworkCut",
    "PathError",
    "Pause",
    "PowerLoss",
    "Producer",
    "ProducerSettings",
    "Replay",
    "Sampler",
    "Scenario",
    "ScenarioError",
    "Service",
    "ShareGroup",
    "ShareSettings",
    "Shutdown",
    "SlowLink",
    "Stream",
    "TooLarge",
    "Topic",
    "TopicSettings",
    "Uniform",
    "Weights",
    "Zipf",
    "arrival_blocks",
    "arrival_times",
    "as_distribution",
    "check",
    "describe",
    "from_json",
    "get",
    "key_codes",
    "key_names",
    "names",
    "problems",
    "replace",
    "request_kind",
    "resolve_broker",
    "resolve_consumer",
    "resolve_producer",
    "resolve_share_consumer",
    "resolve_topic",
    "session_problem",
    "to_json",
    "warnings",
]
