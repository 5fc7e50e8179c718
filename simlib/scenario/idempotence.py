"""What a producer's client does with settings that contradict each other (K12, K22, K23, K38).

Java: KafkaProducer.configureDeliveryTimeout, ProducerConfig.postProcessAndValidateIdempotenceConfigs. kafka-python
3.0.12: kafka/producer/kafka.py, RecordAccumulator. They differ twice; each is modelled as it is. Too many requests in
flight: Java refuses, kafka-python switches idempotence off. A default delivery timeout that is too small: Java raises
it, kafka-python refuses.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

IDEMPOTENT_IN_FLIGHT = 5


def idempotence_rules(client: str, overrides: Mapping[str, Any], values: dict[str, Any]) -> tuple[list[str], list[str]]:
    """(problems, notes); changes `values` where the client changes a setting by itself."""
    problems: list[str] = []
    notes: list[str] = []
    _idempotence(client, overrides, values, problems, notes)
    if not problems and values["transactional_id"] is not None and not values["enable_idempotence"]:
        problems.append(_not_without_idempotence(values))
    _delivery_timeout(client, overrides, values, problems, notes)
    return problems, notes


def _idempotence(client: str, overrides: Mapping, values: dict, problems: list[str], notes: list[str]) -> None:
    if not values["enable_idempotence"]:
        return
    conflicts = list(_conflicts(values))
    refused = [
        text
        for name, text in conflicts
        if "enable_idempotence" in overrides or (client == "java" and name != "acks" and name != "retries")
    ]
    if refused:
        problems.append(
            f"idempotence needs acks='all', retries above 0 and at most {IDEMPOTENT_IN_FLIGHT} requests in flight, "
            f"but {' and '.join(refused)}; change that, or set enable_idempotence=False"
        )
    elif conflicts:
        values["enable_idempotence"] = False
        notes.append(
            f"{' and '.join(text for _, text in conflicts)} switches idempotence off without a word: "
            "a retry may now duplicate or reorder records"
        )


def _not_without_idempotence(values: Mapping) -> str:
    why = " and ".join(text for _, text in _conflicts(values)) or "enable_idempotence=False"
    return (f"transactional_id={values['transactional_id']!r} needs idempotence, but {why} switches it off; "
            "leave that out, or the transactional_id")


def _conflicts(values: Mapping) -> Iterator[tuple[str, str]]:
    if values["acks"] != "all":
        yield "acks", f"acks={values['acks']!r}"
    if values["retries"] == 0:
        yield "retries", "retries=0"
    in_flight = "max_in_flight_requests_per_connection"
    if values[in_flight] > IDEMPOTENT_IN_FLIGHT:
        yield in_flight, f"{in_flight}={values[in_flight]}"


def _delivery_timeout(client: str, overrides: Mapping, values: dict, problems: list[str], notes: list[str]) -> None:
    needed = values["linger_ms"] + values["request_timeout_ms"]
    given = values["delivery_timeout_ms"]
    if given >= needed:
        return
    if client == "java" and "delivery_timeout_ms" not in overrides:
        values["delivery_timeout_ms"] = needed
        notes.append(f"delivery_timeout_ms is raised from {given} to {needed}, which is linger_ms + request_timeout_ms")
    else:
        problems.append(f"delivery_timeout_ms={given} must be at least linger_ms + request_timeout_ms = {needed}")
