"""The configuration files of a local cluster, and the folders its nodes keep their data in."""

from __future__ import annotations

import json
import secrets
import subprocess
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simlib.real.artifacts import class_path
from simlib.real.errors import KafkaUnavailable
from simlib.real.programs import java

HOST = "127.0.0.1"
FIRST_CONTROLLER = 1_000
"""The node id of controller-0; broker-0 has 0."""

INTERNAL_REPLICAS = 3
"""Copies of the internal topics, where there are so many brokers: what the simulator has too."""

LISTENERS = """controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
"""

SMALL = """auto.create.topics.enable=false
num.network.threads=2
num.io.threads=4
log.cleaner.dedupe.buffer.size=4194304
log.segment.delete.delay.ms=1000
offsets.topic.num.partitions=1
transaction.state.log.num.partitions=1
share.coordinator.state.topic.num.partitions=1
"""
"""For a laptop: little memory, and internal topics of one partition."""


@dataclass(frozen=True)
class Node:
    """One process of a cluster: `broker-0` or `controller-0`, at a port of this machine, with a folder of its own."""

    name: str
    id: int
    port: int
    folder: Path

    @property
    def is_broker(self) -> bool:
        return self.name.startswith("broker-")

    @property
    def address(self) -> str:
        return f"{HOST}:{self.port}"

    @property
    def config(self) -> Path:
        return self.folder / "server.properties"

    @property
    def log(self) -> Path:
        """What the node itself says."""
        return self.folder / "server.log"


def nodes_of(folder: Path, brokers: int, controllers: int, ports: list[int]) -> list[Node]:
    """The brokers, then the controllers."""
    names = [(f"broker-{i}", i) for i in range(brokers)]
    names += [(f"controller-{i}", FIRST_CONTROLLER + i) for i in range(controllers)]
    return [Node(name, id, port, folder / name) for (name, id), port in zip(names, ports, strict=True)]


def write_config(node: Node, nodes: list[Node], broker_config: Mapping[str, Any]) -> None:
    """server.properties of one node. `broker_config` has the scenario's names: group_min_session_timeout_ms."""
    node.folder.mkdir(parents=True)
    voters = ",".join(f"{one.id}@{one.address}" for one in nodes if not one.is_broker)
    copies = min(INTERNAL_REPLICAS, sum(one.is_broker for one in nodes))
    own = {name.replace("_", "."): _text(value) for name, value in broker_config.items()}
    lines = [f"node.id={node.id}", f"process.roles={'broker' if node.is_broker else 'controller'}",
             *_addresses(node), f"controller.quorum.voters={voters}", f"log.dirs={node.folder / 'data'}",
             f"offsets.topic.replication.factor={copies}", f"transaction.state.log.replication.factor={copies}",
             f"transaction.state.log.min.isr={min(2, copies)}",
             f"share.coordinator.state.topic.replication.factor={copies}",
             f"share.coordinator.state.topic.min.isr={min(2, copies)}",
             *(f"{name}={value}" for name, value in own.items())]
    node.config.write_text(LISTENERS + SMALL + _for_java("\n".join(lines)) + "\n", encoding="ascii")


def _for_java(text: str) -> str:
    """Java takes a file of properties for Latin-1, and a backslash for the beginning of something."""
    return "".join(letter if letter.isascii() else json.dumps(letter)[1:-1] for letter in text.replace("\\", "/"))


def _addresses(node: Node) -> list[str]:
    listener = "PLAINTEXT" if node.is_broker else "CONTROLLER"
    lines = [f"listeners={listener}://{node.address}"]
    if node.is_broker:
        lines += [f"advertised.listeners=PLAINTEXT://{node.address}", "inter.broker.listener.name=PLAINTEXT"]
    return lines


def _text(value: Any) -> str:
    if isinstance(value, (tuple, list)):
        return ",".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


def format_folders(nodes: list[Node]) -> None:
    """Make each node's data folder ready, all with one cluster id. Raises KafkaUnavailable."""
    cluster = urlsafe_b64encode(b"lab" + secrets.token_bytes(13)).decode("ascii").rstrip("=")
    tools = [_storage_tool("format", "--cluster-id", cluster, "--config", str(node.config)) for node in nodes]
    outputs = [tool.communicate()[0] for tool in tools]  # all of them end, whatever one says
    for tool, output in zip(tools, outputs, strict=True):
        if tool.returncode != 0:
            raise KafkaUnavailable(f"Kafka's storage tool refused a folder:\n{output}")


def _storage_tool(*words: str) -> subprocess.Popen[str]:
    command = [java(), "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Dorg.slf4j.simpleLogger.defaultLogLevel=error",
               "-cp", class_path(), "kafka.tools.StorageTool", *words]
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                            encoding="utf-8", errors="replace")
