"""What was promised to whom: the settings that Kafka's guarantee for acknowledged writes stands on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from simlib.scenario.settings import resolve_broker, resolve_producer, resolve_topic
from simlib.trace import Trace
from simlib.trace.trace_data import OUTCOMES


@dataclass(frozen=True)
class Promises:
    """Reads the settings from the scenario; those of a service's own producers from what the run noted in `meta`."""

    trace: Trace

    def acks(self, producer: str) -> Any:
        """What the producer asked for: 0, 1, "all", or None where it is not known."""
        scenario, noted = self.trace.scenario, self.trace.data.meta.get("producers", {})
        if producer in noted:
            return noted[producer].get("acks")
        declared = {one.name: one.overrides() for one in getattr(scenario, "producers", ())}
        if producer not in declared and producer != "inputs":
            return None
        client = getattr(scenario, "client", "kafka-python")
        return resolve_producer(client, declared.get(producer, {})).acks

    def min_insync_replicas(self, topic: str) -> int:
        """The topic's own setting, else the brokers', else Kafka's 1; never more than the topic has replicas."""
        scenario = self.trace.scenario
        if scenario is None:
            return 1
        declared = scenario.topic(topic)
        wanted = resolve_topic(declared.config, resolve_broker(scenario.broker_config)).min_insync_replicas
        return min(wanted, declared.replication_factor)

    def failed_condition(self, message: int) -> str:
        """Why Kafka never promised to keep this acknowledged message; "" if it did (rows of raw `messages`)."""
        trace, messages = self.trace, self.trace.messages
        producer = str(trace.data.code_table("actors")[messages.producer[message]])
        acks = self.acks(producer)
        if acks != "all":
            return f"{producer} wrote with acks={acks}" if acks is not None else f"the acks of {producer} are not known"
        since, tp = int(messages.appended[message]), int(messages.tp[message])
        topic = str(trace.data.code_table("topics")[messages.topic[message]])
        return self._unclean(since, tp) or self._power(since, topic)

    def _unclean(self, since: int, tp: int) -> str:
        data = self.trace.data
        rows = (data.column("events", "kind") == "elected") & (data.column("events", "tp") == tp)
        details = data.column("events", "detail")[rows & (data.column("events", "time") >= since)]
        return "an unclean election chose a leader without the record" if any("unclean" in d for d in details) else ""

    def _power(self, since: int, topic: str) -> str:
        data, need = self.trace.data, self.min_insync_replicas(topic)
        rows = (data.column("events", "kind") == "power_lost") & (data.column("events", "time") >= since)
        who = [data.code_table("actors")[code] for code in np.unique(data.column("events", "actor")[rows])]
        brokers = [name for name in who if str(name).startswith("broker-")]
        return f"{', '.join(brokers)} lost power and min_insync_replicas is {need}" if len(brokers) >= need else ""


def acknowledged(trace: Trace) -> np.ndarray:
    """Messages whose producer was told that they are safe."""
    return trace.messages.outcome == OUTCOMES.index("acked")


