"""What a run needs of a cluster besides producing and consuming: topics of its own, what is in them, and their end."""

from __future__ import annotations

import time
import warnings
from contextlib import suppress
from typing import Any

from simlib.real.connecting import quiet_client
from simlib.real.errors import RealRunError
from simlib.real.final_logs import FinalLogs, read_final_logs
from simlib.real.processes import wait_for
from simlib.scenario.scenario import Scenario
from simlib.scenario.settings import BrokerSettings
from simlib.scenario.topology import Topic, replicas_of

CONNECT_WITHIN_MS = 8_000
ANSWERED_WITHIN = DELETE_WITHIN = 20.0
"""Seconds; for nine of them all brokers name one that is dead."""


class Cluster:
    """One connection to a cluster, for its administration. Raises RealRunError if there is none at the address."""

    def __init__(self, client: dict[str, Any]) -> None:
        from kafka.errors import AuthorizationError, KafkaError, SaslAuthenticationFailedError

        self.client = client
        where = ", ".join(client["bootstrap_servers"])
        with quiet_client():
            try:
                self._admin = self._connected()
                self._described = self._admin.describe_cluster()
            except (AuthorizationError, SaslAuthenticationFailedError) as error:
                raise RealRunError(f"the Kafka at {where} refuses who we are: {error}. {_CREDENTIALS}") from error
            except (KafkaError, OSError, ValueError) as error:
                raise RealRunError(f"no Kafka answers at {where} ({type(error).__name__}: {error}). Is the address "
                                   f"right, and does it run? {_CREDENTIALS} A Kafka of your own: python lab.py kafka. "
                                   "Without any: run(scenario)") from error

    def _connected(self) -> Any:
        from kafka import KafkaAdminClient

        return KafkaAdminClient(**self.client, bootstrap_timeout_ms=CONNECT_WITHIN_MS)

    def _connect_again(self) -> None:
        """kafka-python sends all to the broker that it once took for the controller, also when that one is dead."""
        from kafka.errors import KafkaError

        with suppress(KafkaError):  # nobody answers now; the next try may do
            before, self._admin = self._admin, self._connected()
            before.close()

    @property
    def brokers(self) -> int:
        """How many are in service."""
        return len(self._described["brokers"])

    # -- settings

    def settings(self) -> dict[str, str]:
        """The brokers' settings, by the names a scenario's broker_config has."""
        broker = str(self._described["brokers"][0]["broker_id"])
        from kafka.admin import ConfigResource

        names = [name.replace("_", ".") for name in BrokerSettings.__dataclass_fields__]
        found = self._admin.describe_configs([ConfigResource("broker", broker, names)], config_filter="all")
        rows = next(iter(found.values()))[broker]
        return {name.replace(".", "_"): str(row["value"]) for name, row in rows.items()}

    # -- topics

    def create(self, scenario: Scenario, prefix: str) -> None:
        """The scenario's topics, under a prefix. Raises RealRunError."""
        from kafka.errors import KafkaError, TopicAlreadyExistsError

        topics = {prefix + topic.name: {**self._placed(scenario, topic),
                                        "configs": {name.replace("_", "."): _text(value)
                                                    for name, value in _topic_config(scenario, topic).items()}}
                  for topic in scenario.topics}
        try:
            self._admin.create_topics(topics, wait_for_metadata=True)
        except TopicAlreadyExistsError as error:
            raise RealRunError(f"a topic that begins with {prefix!r} exists already: {error}. Another run uses it, or "
                               "one was ended by force; run once more, and another prefix is taken") from error
        except KafkaError as error:
            self.delete(scenario, prefix)
            raise RealRunError(f"the brokers refuse a topic of this scenario: {type(error).__name__}: {error}"
                               ) from error

    def _placed(self, scenario: Scenario, topic: Topic) -> dict[str, Any]:
        """Which brokers hold which partition: where all of the scenario's are there, as in virtual time."""
        ids = {broker["broker_id"] for broker in self._described["brokers"]}
        if not ids >= {*range(scenario.brokers)}:
            return {"num_partitions": topic.partitions, "replication_factor": topic.replication_factor}
        return {"assignments": {partition: list(replicas_of(partition, topic.replication_factor, scenario.brokers))
                                for partition in range(topic.partitions)}}

    def delete(self, scenario: Scenario, prefix: str) -> None:
        """Until the brokers say that they are gone: a request can meet a broker that has just died.

        The end of a run must not fail because its beginning did: what stays after all is warned of by name.
        """
        left = {prefix + topic.name: "" for topic in scenario.topics}
        with quiet_client():
            wait_for(lambda: not self._delete(left), DELETE_WITHIN, 0.5)
        if left:
            answers = ", ".join(f"{topic!r} ({why})" for topic, why in left.items())
            warnings.warn(f"these topics of the run could not be deleted within {DELETE_WITHIN:g} s: {answers}. "
                          "They hold nothing but this run's records; delete them by hand", RuntimeWarning, stacklevel=2)

    def _delete(self, left: dict[str, str]) -> dict[str, str]:
        """Ask once for each; which stay, and why."""
        from kafka.errors import KafkaError, UnknownTopicOrPartitionError

        for topic in [*left]:
            try:
                self._admin.delete_topics([topic], timeout_ms=10_000)
            except UnknownTopicOrPartitionError:
                del left[topic]
            except KafkaError as error:
                left[topic] = f"{type(error).__name__}: {error}"
                self._connect_again()
            else:
                del left[topic]
        return left

    def grow(self, topic: str, to: int) -> None:
        """More partitions. Raises KafkaError."""
        from kafka.errors import KafkaConnectionError, UnknownBrokerIdError

        until = time.monotonic() + ANSWERED_WITHIN
        with quiet_client():
            while True:
                try:
                    self._admin.create_partitions({topic: to})
                    return
                except (KafkaConnectionError, UnknownBrokerIdError):
                    if time.monotonic() > until:
                        raise
                    time.sleep(0.5)
                    self._connect_again()

    def final_logs(self, scenario: Scenario, prefix: str) -> FinalLogs:
        """Everything that stands in the scenario's topics."""
        return read_final_logs(self.client, scenario, prefix)

    def close(self) -> None:
        self._admin.close()


_CREDENTIALS = ("SASL and TLS settings come from the environment: KAFKA_SECURITY_PROTOCOL, KAFKA_SASL_MECHANISM, "
                "KAFKA_SASL_USERNAME, KAFKA_SASL_PASSWORD, KAFKA_SSL_CAFILE.")


def _topic_config(scenario: Scenario, topic: Topic) -> dict[str, Any]:
    """A topic's own settings, over those of broker_config that a topic can have too."""
    of_brokers = {"min_insync_replicas": "min_insync_replicas", "message_max_bytes": "max_message_bytes",
                  "unclean_leader_election_enable": "unclean_leader_election_enable"}
    inherited = {of_brokers[name]: value for name, value in scenario.broker_config.items() if name in of_brokers}
    return {**inherited, **topic.config}


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
