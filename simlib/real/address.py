"""`kafka://host:port`, and the security that the environment asks for: credentials are never part of a notebook."""

from __future__ import annotations

import os
import re
from typing import Any

from simlib.real.errors import RealRunError

ADDRESS = re.compile(r"kafka://([A-Za-z0-9_.-]+:\d{1,5}(?:,[A-Za-z0-9_.-]+:\d{1,5})*)/?")

FROM_ENVIRONMENT = {
    "KAFKA_SECURITY_PROTOCOL": "security_protocol", "KAFKA_SASL_MECHANISM": "sasl_mechanism",
    "KAFKA_SASL_USERNAME": "sasl_plain_username", "KAFKA_SASL_PASSWORD": "sasl_plain_password",
    "KAFKA_SSL_CAFILE": "ssl_cafile", "KAFKA_SSL_CERTFILE": "ssl_certfile", "KAFKA_SSL_KEYFILE": "ssl_keyfile",
}
"""Environment variable -> kafka-python's setting."""


def bootstrap_of(on: Any) -> list[str]:
    """The brokers' addresses in what `run(scenario, on=...)` was given. Raises RealRunError, saying what it takes."""
    found = ADDRESS.fullmatch(on) if isinstance(on, str) else None
    if found is None:
        raise RealRunError(f"on={on!r}: give the address of a Kafka, as 'kafka://localhost:9092' (several brokers: "
                           "'kafka://one:9092,two:9092'), or leave it out to run in virtual time")
    return found[1].split(",")


def security() -> dict[str, str]:
    """kafka-python's settings for SASL and TLS, from the environment."""
    return {setting: os.environ[name] for name, setting in FROM_ENVIRONMENT.items() if os.environ.get(name)}


def client_config(bootstrap: list[str]) -> dict[str, Any]:
    """What every client of a run is made with."""
    return {"bootstrap_servers": bootstrap, **security()}
