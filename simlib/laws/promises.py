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
        return self._unclean(since, tp) or self._power(since, topic) or self._power_of_all_in_sync(since, tp)

    def _unclean(self, since: int, tp: int) -> str:
        data = self.trace.data
        rows = (data.column("events", "kind") == "elected") & (data.column("events", "tp") == tp)
        details = data.column("events", "detail")[rows & (data.column("events", "time") >= since)]
        return "an unclean election chose a leader without the record" if any("unclean" in d for d in details) else ""

    def _power(self, since: int, topic: str) -> str:
        need, brokers = self.min_insync_replicas(topic), sorted({name for _, name in self._without_power(since)})
        return f"{', '.join(brokers)} lost power and min_insync_replicas is {need}" if len(brokers) >= need else ""

    def _power_of_all_in_sync(self, since: int, tp: int) -> str:
        """Enough replicas had it when it was acknowledged; then some were missed, and the rest lost power [K59]."""
        dark: set[str] = set()
        for time, broker in self._without_power(since):
            dark.add(broker)
            in_sync = self._in_sync(tp, time)
            if in_sync and dark.issuperset(in_sync):
                return f"{', '.join(in_sync)} lost power, and no other replica was in sync any more"
        return ""

    def _without_power(self, since: int) -> list[tuple[int, str]]:
        """When which brokers lost power, in the order of time."""
        data = self.trace.data
        rows = (data.column("events", "kind") == "power_lost") & (data.column("events", "time") >= since)
        names = [str(data.code_table("actors")[code]) for code in data.column("events", "actor")[rows]]
        rows_of_brokers = zip(data.column("events", "time")[rows].tolist(), names, strict=True)
        return [(time, name) for time, name in rows_of_brokers if name.startswith("broker-")]

    def _in_sync(self, tp: int, time: int) -> list[str]:
        """The replicas in sync at an instant; nothing if that has not changed yet."""
        data = self.trace.data
        rows = (data.column("events", "kind") == "isr") & (data.column("events", "tp") == tp)
        told = data.column("events", "detail")[rows & (data.column("events", "time") <= time)]
        return str(told[-1]).split() if len(told) else []


def acknowledged(trace: Trace) -> np.ndarray:
    """Messages whose producer was told that they are safe."""
    return trace.messages.outcome == OUTCOMES.index("acked")


