"""Which local clusters there are: a small file for each, so that anybody can find it, use it, or clear it away."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simlib.real.artifacts import cache_folder
from simlib.real.broker_files import Node
from simlib.real.errors import KafkaUnavailable
from simlib.real.server import Server

STATE = "cluster.json"


def clusters_folder() -> Path:
    return cache_folder() / "clusters"


@dataclass(frozen=True)
class Standing:
    """A cluster that somebody started: its folder, its nodes with their processes, and whose it is.

    `owner` is the process that stops it when it ends; None for one that stands until it is stopped by hand.
    """

    folder: Path
    owner: int | None
    servers: dict[str, Server]

    @property
    def addresses(self) -> list[str]:
        """Where its brokers listen."""
        return [server.node.address for server in self.servers.values() if server.node.is_broker]

    @property
    def alive(self) -> bool:
        return any(server.alive for server in self.servers.values())

    @property
    def orphaned(self) -> bool:
        """Its owner is gone without having stopped it."""
        import psutil

        return self.owner is not None and not psutil.pid_exists(self.owner)

    def write(self) -> None:
        """Tell everybody."""
        nodes = [{"name": server.node.name, "id": server.node.id, "port": server.node.port, "pid": server.pid}
                 for server in self.servers.values()]
        beside = self.folder / f"{STATE}.new"
        beside.write_text(json.dumps({"owner": self.owner, "nodes": nodes}), encoding="utf-8")
        beside.replace(self.folder / STATE)

    def refresh(self) -> None:
        """What others have started again meanwhile. Raises KafkaUnavailable."""
        try:
            nodes = _state(self.folder)["nodes"]
        except FileNotFoundError:
            raise KafkaUnavailable(f"somebody has ended this Kafka (python lab.py kafka-stop?): {self.folder} is gone. "
                                   "Start another one") from None
        for each in nodes:
            if each["pid"] != self.servers[each["name"]].pid:
                self.servers[each["name"]] = _server(self.folder, each)

    def clear_away(self) -> None:
        """End its processes, and only them, and throw its data away."""
        with suppress(KafkaUnavailable):
            self.refresh()
        for server in self.servers.values():
            server.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


def standing() -> Iterator[Standing]:
    """All local clusters of this user, also those that are dead."""
    for file in sorted(clusters_folder().glob(f"*/{STATE}")):
        try:
            state = _state(file.parent)
        except FileNotFoundError:  # it has just been cleared away
            continue
        servers = {each["name"]: _server(file.parent, each) for each in state["nodes"]}
        yield Standing(file.parent, state["owner"], servers)


def _state(folder: Path) -> dict[str, Any]:
    state: dict[str, Any] = json.loads((folder / STATE).read_text(encoding="utf-8"))
    return state


def _server(folder: Path, each: dict[str, Any]) -> Server:
    return Server(Node(each["name"], each["id"], each["port"], folder / each["name"]), each["pid"])


def standing_at(address: str) -> Standing | None:
    """The local cluster with a broker at this address (`127.0.0.1:9092`), if it is one."""
    wanted = address.replace("localhost", "127.0.0.1")
    return next((each for each in standing() if wanted in each.addresses and each.alive), None)


def clear_orphans() -> None:
    """What a killed Python left behind is ended when the next cluster starts."""
    for each in standing():
        if each.orphaned:
            each.clear_away()
