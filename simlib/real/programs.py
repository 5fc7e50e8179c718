"""Finds Java and Maven, and says clearly when one is missing or too old."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path

from simlib.real.errors import KafkaUnavailable

OLDEST_JAVA = 17
"""Apache Kafka 4 brokers need it."""

INSTEAD = ("Or use Docker (docker compose up -d), or any other Kafka: run(scenario, on='kafka://host:port'). "
           "The simulator needs none of this: run(scenario).")


@cache
def java() -> str:
    """The path of a Java that is new enough. Raises KafkaUnavailable."""
    found = _found("java", "JAVA_HOME", f"Install Java {OLDEST_JAVA} or newer (on Debian: openjdk-17-jre-headless)")
    version = java_version(said(found, "-version"))
    if version < OLDEST_JAVA:
        raise KafkaUnavailable(f"{found} is Java {version}; Apache Kafka 4 needs Java {OLDEST_JAVA} or newer. "
                               f"Install one and point JAVA_HOME at it. {INSTEAD}")
    return found


@cache
def maven() -> str:
    """The path of Maven, which fetches Kafka once. Raises KafkaUnavailable."""
    return _found("mvn", "MAVEN_HOME", "Install Maven (on Debian: maven)")


def java_version(text: str) -> int:
    """The main version in what `java -version` prints: 8 for "1.8.0_292", 17 for "17.0.15". Raises KafkaUnavailable."""
    found = re.search(r'version "(?:1\.)?(\d+)', text)
    if found is None:
        raise KafkaUnavailable(f"`java -version` says no version but {text.strip()!r}. "
                               f"Install Java {OLDEST_JAVA}. {INSTEAD}")
    return int(found[1])


def said(*command: str) -> str:
    """What a program prints, wherever it prints it. Raises KafkaUnavailable if it cannot run at all."""
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              timeout=60, encoding="utf-8", errors="replace")
    except (OSError, subprocess.TimeoutExpired) as error:
        raise KafkaUnavailable(f"{command[0]} cannot be run: {error}. {INSTEAD}") from error
    return done.stdout


def _found(name: str, home: str, todo: str) -> str:
    """In the folder that an environment variable names, or on the PATH."""
    at_home = shutil.which(name, path=str(Path(os.environ[home]) / "bin")) if os.environ.get(home) else None
    found = at_home or shutil.which(name)
    if found is None:
        raise KafkaUnavailable(f"There is no {name} here, neither under {home} nor on the PATH. {todo}. {INSTEAD}")
    return found
