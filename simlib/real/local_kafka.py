"""`LocalKafka`: a real Apache Kafka on this machine, without Docker, for as long as a `with` block lasts."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from simlib.real.artifacts import KAFKA_VERSION, class_path
from simlib.real.broker_files import format_folders, nodes_of, write_config
from simlib.real.connecting import answers
from simlib.real.errors import KafkaUnavailable
from simlib.real.ports import HIGHEST, LOWEST, free_ports, ports_from
from simlib.real.programs import java
from simlib.real.server import Server
from simlib.real.standing import Standing, clear_orphans, clusters_folder, standing, standing_at
from simlib.scenario.settings import resolve_broker

START_WITHIN = 90.0
"""Seconds; a few are usual, but the first start on a busy laptop can take long."""

LOOK_EVERY = 0.2
"""Seconds."""


class LocalKafka:
    """Brokers `broker-0`, `broker-1`, ... and controllers, each a process of its own.

    `port`: where broker-0 listens (None: anywhere free); `broker_config`: the names a scenario's has. Use it in a
    `with` block, or call `start` and `stop`. Its data is thrown away at the end. Raises KafkaUnavailable,
    ConfigError.
    """

    def __init__(self, brokers: int = 3, *, port: int | None = None, controllers: int = 1,
                 broker_config: Mapping[str, Any] | None = None) -> None:
        for name, number in (("brokers", brokers), ("controllers", controllers)):
            _check_whole(name, number, 1, 9)
        if port is not None:
            _check_whole("port", port, LOWEST, HIGHEST)
        self.broker_config = dict(broker_config or {})
        resolve_broker(self.broker_config)
        self._brokers, self._controllers, self._port = brokers, controllers, port
        self._standing: Standing | None = None

    # -- beginning and end

    def start(self, outlive_me: bool = False) -> LocalKafka:
        """Returns when all brokers serve. `outlive_me`: it stands until `lab.py kafka-stop`."""
        if self._standing is not None:
            raise KafkaUnavailable(f"{self!r} runs already; stop it first, or make another LocalKafka")
        java()
        class_path()
        clear_orphans()
        folder = self._new_folder()
        try:
            self._start_in(folder)
        except BaseException:  # also Ctrl-C: nothing of a half-started cluster stays
            self.stop()
            shutil.rmtree(folder, ignore_errors=True)
            raise
        if outlive_me:
            self._disown()
        return self

    def _start_in(self, folder: Path) -> None:
        nodes = nodes_of(folder, self._brokers, self._controllers, self._ports())
        for node in nodes:
            write_config(node, nodes, self.broker_config)
        self._standing = Standing(folder, os.getpid(), {node.name: Server(node) for node in nodes})
        self._standing.write()  # if this program is killed now, the next one finds what it left
        atexit.register(self._at_exit)
        format_folders(nodes)
        self._start_all()

    def _disown(self) -> None:
        atexit.unregister(self._at_exit)
        self._standing = replace(self._cluster, owner=None)
        self._standing.write()

    def stop(self) -> None:
        """Ends these processes and no others, at once; their data is gone."""
        atexit.unregister(self._at_exit)
        if self._standing is not None:
            self._standing.clear_away()
            self._standing = None

    def __enter__(self) -> LocalKafka:
        return self.start()

    def __exit__(self, *exc: Any) -> None:
        self.stop()

    @classmethod
    def at(cls, address: str) -> LocalKafka | None:
        """The local cluster, whoever started it, with a broker at `host:port`; None if there is none."""
        found = standing_at(address)
        if found is None:
            return None
        kafka = cls(sum(server.node.is_broker for server in found.servers.values()))
        kafka._standing = found
        return kafka

    def _at_exit(self) -> None:
        if self._standing is not None and self._standing.owner == os.getpid():  # not that of a fork of it
            self.stop()

    def _new_folder(self) -> Path:
        clusters_folder().mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(prefix="kafka-", dir=clusters_folder()))

    def _ports(self) -> list[int]:
        if self._port is not None:
            return ports_from(self._port, self._brokers, self._controllers)
        promised = {server.node.port for each in standing() for server in each.servers.values()}
        return free_ports(self._brokers + self._controllers, promised)

    def _start_all(self) -> None:
        for server in reversed(self._servers.values()):  # the controllers first: brokers ask them for admission
            server.start()
            self._cluster.write()
        self.wait_until_ready()

    # -- what it is

    @property
    def _cluster(self) -> Standing:
        if self._standing is None:
            raise KafkaUnavailable("this LocalKafka does not run; use it inside `with LocalKafka() as kafka:`")
        return self._standing

    @property
    def _servers(self) -> dict[str, Server]:
        return self._cluster.servers

    @property
    def bootstrap(self) -> list[str]:
        """Every broker's `host:port`: kafka-python's `bootstrap_servers`."""
        return self._cluster.addresses

    @property
    def url(self) -> str:
        """What `run(scenario, on=...)` takes."""
        return f"kafka://{self.bootstrap[0]}"

    @property
    def folder(self) -> Path:
        """Where its nodes keep their configuration, data and logs."""
        return self._cluster.folder

    @property
    def names(self) -> list[str]:
        """broker-0, ..., controller-0, ..."""
        return list(self._servers)

    def __repr__(self) -> str:
        where = f"at {', '.join(self.bootstrap)}" if self._standing else "not started"
        return f"<Apache Kafka {KAFKA_VERSION}, {self._brokers} brokers, {where}>"

    # -- faults

    def is_alive(self, name: str) -> bool:
        """Does this node run? One that stands still does."""
        return self._server(name).alive

    def kill(self, name: str) -> None:
        """SIGKILL of one node."""
        self._server(name).kill()

    def shut_down(self, name: str) -> None:
        """SIGTERM of one node: a broker hands its leaders over first."""
        self._server(name).terminate()

    def restart(self, name: str) -> None:
        """Start a node that was killed or shut down. Returns at once: it serves some seconds later."""
        if self._server(name).alive:
            raise KafkaUnavailable(f"{name} runs already; kill it or shut it down first")
        self._server(name).start()
        self._cluster.write()

    def revive(self, name: str) -> None:
        """Whatever was done to this node, it runs (again). One that is ending does not come to its end first."""
        server = self._server(name)
        if not (server.alive and server.wanted):
            server.kill()
            server.start()
            self._cluster.write()
        elif os.name != "nt":
            server.resume()

    def pause(self, name: str) -> None:
        """SIGSTOP of one node. Not on Windows."""
        _refuse_on_windows("pause")
        self._server(name).pause()

    def resume(self, name: str) -> None:
        """SIGCONT."""
        _refuse_on_windows("resume")
        self._server(name).resume()

    def _server(self, name: str) -> Server:
        self._cluster.refresh()
        if name not in self._servers:
            raise KeyError(f"no node {name!r}; this cluster has {', '.join(self._servers)}")
        return self._servers[name]

    # -- readiness

    def wait_until_ready(self, within: float = START_WITHIN) -> None:
        """Until every broker that runs serves, and sees the others. Raises KafkaUnavailable, with what they wrote."""
        until = time.monotonic() + within
        self._cluster.refresh()
        waiting = [server for server in self._servers.values() if server.node.is_broker and server.wanted]
        expected = {server.node.id for server in waiting}
        for server in waiting:
            while not expected <= answers(server.node.address):
                dead = [one.node.name for one in self._servers.values() if one.wanted and not one.alive]
                if dead or time.monotonic() > until:
                    raise KafkaUnavailable(self._why_not(dead or [server.node.name], within))
                time.sleep(LOOK_EVERY)

    def _why_not(self, names: list[str], within: float) -> str:
        words = "\n".join(f"--- {name}:\n{self._servers[name].last_words()}" for name in names)
        return f"The local Kafka is not ready ({', '.join(names)}; waited up to {within:g} s). They wrote:\n{words}"


def _check_whole(name: str, number: Any, least: int, most: int) -> None:
    if isinstance(number, bool) or not isinstance(number, int) or not least <= number <= most:
        raise ValueError(f"LocalKafka({name}={number!r}): a whole number from {least} to {most}")


def _refuse_on_windows(what: str) -> None:
    if os.name == "nt":
        raise KafkaUnavailable(f"{what}: Windows cannot stop a process for a while (SIGSTOP). Kill the broker and "
                               "restart it instead, or use the simulator")
