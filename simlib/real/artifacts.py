"""Apache Kafka's own artifacts, fetched once by Maven into a folder of the user's cache."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from simlib.real.errors import KafkaUnavailable
from simlib.real.programs import INSTEAD, maven

KAFKA_VERSION = "4.1.2"
SCALA_VERSION = "2.13"
SLF4J_VERSION = "1.7.36"
"""Of the logging interface that Kafka brings along: with it, the brokers write their warnings to a file."""

POM = f"""<project>
  <modelVersion>4.0.0</modelVersion>
  <groupId>simlib</groupId><artifactId>local-kafka</artifactId><version>1</version><packaging>pom</packaging>
  <dependencies>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_{SCALA_VERSION}</artifactId>
      <version>{KAFKA_VERSION}</version></dependency>
    <dependency><groupId>org.slf4j</groupId><artifactId>slf4j-simple</artifactId>
      <version>{SLF4J_VERSION}</version></dependency>
  </dependencies>
</project>
"""


def cache_folder() -> Path:
    """Where this user's downloads and running clusters are kept; SIMLIB_CACHE overrides it."""
    if chosen := os.environ.get("SIMLIB_CACHE"):
        return Path(chosen).absolute()
    from platformdirs import user_cache_path

    return user_cache_path("event-driven-lab", appauthor=False)


def class_path() -> str:
    """What `java -cp` is given. Fetches Kafka (43 MB) the first time. Raises KafkaUnavailable."""
    folder = cache_folder() / f"kafka-{KAFKA_VERSION}"
    if not folder.is_dir():
        _fetch(folder)
    return str(folder / "*")


def is_fetched() -> bool:
    """Whether starting a Kafka needs no network any more."""
    return (cache_folder() / f"kafka-{KAFKA_VERSION}").is_dir()


def _fetch(folder: Path) -> None:
    """Into a folder beside it first: what is at its place is complete, also when this is interrupted."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as beside:
        pom, jars = Path(beside) / "pom.xml", Path(beside) / "jars"
        pom.write_text(POM, encoding="utf-8")
        done = subprocess.run([maven(), "-B", "-q", "-f", str(pom), "dependency:copy-dependencies",
                               f"-DoutputDirectory={jars}", "-DincludeScope=runtime"],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              encoding="utf-8", errors="replace")
        if done.returncode != 0 or not any(jars.glob(f"kafka_{SCALA_VERSION}-*.jar")):
            raise KafkaUnavailable("Maven could not fetch Apache Kafka. No internet, or a proxy in between? "
                                   f"{INSTEAD}\nWhat Maven said:\n{done.stdout[-2_000:]}")
        _into_place(jars, folder)


def _into_place(jars: Path, folder: Path) -> None:
    try:
        jars.rename(folder)
    except OSError:  # somebody else has fetched it at the same time
        if not folder.is_dir():
            raise
        shutil.rmtree(jars)
