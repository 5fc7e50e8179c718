"""The processes and files of a local cluster, with a stand-in for Java: what is ours, what is left, what comes back."""

import json
import os
import re
import shlex
import sys
from pathlib import Path

import psutil
import pytest

from simlib.real import KafkaUnavailable, LocalKafka, local_kafka, server
from simlib.real.broker_files import Node, nodes_of, write_config
from simlib.real.harming import Harm
from simlib.real.ports import free_ports
from simlib.real.processes import wait_for
from simlib.real.standing import STATE, Standing, clusters_folder, standing
from simlib.scenario import Scenario, Shutdown

pytestmark = pytest.mark.skipif(os.name == "nt", reason="cannot run on this system: the fake java is a script")

HEARS_NOTHING = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)"
DEAF = f"""#!/bin/sh
exec {shlex.quote(sys.executable)} -c {shlex.quote(HEARS_NOTHING)} "$@"
"""
"""Hears no SIGTERM, as a broker does for a while that still hands its leaders over. A shell starts it: the first line
of a script cannot name a Python in a folder with a space."""


@pytest.fixture
def no_java(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A LocalKafka whose nodes are no brokers, in a cache of its own."""
    program = tmp_path / "java"
    program.write_text(DEAF, encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("SIMLIB_CACHE", str(tmp_path / "cache"))
    for module in (server, local_kafka):
        monkeypatch.setattr(module, "java", lambda: str(program))
        monkeypatch.setattr(module, "class_path", lambda: "")
    monkeypatch.setattr(local_kafka, "format_folders", lambda nodes: None)
    monkeypatch.setattr(LocalKafka, "wait_until_ready", lambda self: None)


def pids(kafka: LocalKafka) -> dict[str, int | None]:
    return {name: each.pid for name, each in kafka._servers.items()}


def test_a_node_is_known_by_what_it_was_started_with_and_not_by_a_clock(no_java: None, tmp_path: Path,
                                                                       monkeypatch: pytest.MonkeyPatch) -> None:
    """Clocks are set while it runs: then every process began at another time than was written down."""
    with LocalKafka(1) as kafka:
        began = psutil.Process.create_time
        monkeypatch.setattr(psutil.Process, "create_time", lambda self: began(self) + 3_600)
        (found,) = standing()
        assert found.alive and {each.pid for each in found.servers.values()} == {*pids(kafka).values()}
        assert LocalKafka.at(kafka.bootstrap[0]) is not None
        monkeypatch.undo()


def test_a_cache_that_is_named_another_way_is_the_same(no_java: None, tmp_path: Path,
                                                      monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SIMLIB_CACHE", "cache")
    with LocalKafka(1) as kafka:
        assert kafka.folder.is_absolute()
        monkeypatch.setenv("SIMLIB_CACHE", str(tmp_path / "cache"))
        (found,) = standing()
        assert found.alive


def test_what_a_program_leaves_that_is_killed_while_it_starts_one_is_found(no_java: None,
                                                                          monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where it was to stand until it is stopped by hand: it did not stand yet."""
    seen: list[Standing] = []

    def killed_here(*_: object) -> None:
        seen.extend(standing())
        raise KeyboardInterrupt

    for name in ("format_folders", "wait_until_ready"):
        with monkeypatch.context() as patch:
            patch.setattr(LocalKafka if name == "wait_until_ready" else local_kafka, name, killed_here)
            with pytest.raises(KeyboardInterrupt):
                LocalKafka(1).start(outlive_me=True)
    assert [each.owner for each in seen] == [os.getpid()] * 2
    assert not seen[0].alive and not any(each.alive for each in seen[1].servers.values())
    assert not list(clusters_folder().iterdir())


def test_one_that_stands_has_no_owner(no_java: None) -> None:
    kafka = LocalKafka(1).start(outlive_me=True)
    try:
        (found,) = standing()
        assert found.owner is None and found.alive
    finally:
        kafka.stop()


def test_the_end_of_a_fork_ends_nothing(no_java: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """A forked process is born with what its parent wants to do at its end."""
    with LocalKafka(1) as kafka:
        with monkeypatch.context() as patch:
            patch.setattr(os, "getpid", lambda: 1)
            kafka._at_exit()
        assert kafka.is_alive("broker-0")
        kafka._at_exit()
        assert not list(standing())


def test_a_cluster_that_is_just_cleared_away_disturbs_nobody(no_java: None) -> None:
    with LocalKafka(1) as one, LocalKafka(1) as other:
        found = standing()
        first = next(found)
        second = other if first.folder == one.folder else one
        second.stop()
        assert list(found) == []


def test_who_was_stopped_by_somebody_else_is_told(no_java: None) -> None:
    with LocalKafka(1) as kafka:
        (found,) = standing()
        found.clear_away()
        with pytest.raises(KafkaUnavailable, match="somebody has ended this Kafka.*kafka-stop.*Start another one"):
            kafka.kill("broker-0")


def test_the_port_of_a_node_that_is_down_is_given_to_nobody(no_java: None) -> None:
    with LocalKafka(1) as kafka, LocalKafka(1) as other:  # no fake node listens: all ports look free
        ports = [each.node.port for one in (kafka, other) for each in one._servers.values()]
        assert len({*ports}) == 4
        assert free_ports(1, ports)[0] not in ports


def test_a_node_that_is_still_ending_when_a_run_is_over_runs_again_afterwards(no_java: None) -> None:
    with LocalKafka(2) as kafka:
        before = pids(kafka)
        kafka.shut_down("broker-0")
        kafka.kill("broker-1")
        kafka.pause("controller-0")
        scenario = Scenario([], brokers=2, faults=[Shutdown("broker-0", at=1)])
        Harm(scenario, None, {}, None, kafka, "run-", None, None).mend()  # type: ignore[arg-type]
        assert all(map(kafka.is_alive, kafka.names))
        changed = {name for name, pid in pids(kafka).items() if pid != before[name]}
        assert changed == {"broker-0", "broker-1"} and not psutil.pid_exists(before["broker-0"] or 0)
        assert wait_for(lambda: kafka._servers["controller-0"]._process.status() != psutil.STATUS_STOPPED, 5)


def test_a_node_that_will_not_stand_still_is_an_error(no_java: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "STANDS_STILL_WITHIN", 0.05)
    with LocalKafka(1) as kafka:
        monkeypatch.setattr(psutil.Process, "send_signal", lambda self, number: None)
        with pytest.raises(KafkaUnavailable, match="broker-0 did not stand still within 0.05 s of SIGSTOP"):
            kafka.pause("broker-0")


def test_folders_have_the_names_that_java_reads(tmp_path: Path) -> None:
    """It takes a file of properties for Latin-1."""
    folder = tmp_path / "für Kafka € \U0001f4a5"
    (node, *_) = nodes = nodes_of(folder, 1, 1, [20_000, 21_000])
    write_config(node, nodes, {})
    text = node.config.read_text(encoding="latin-1")
    read = re.sub(r"\\u(....)", lambda found: chr(int(found[1], 16)), text)
    assert f"log.dirs={folder / 'broker-0' / 'data'}" in read.encode("utf-16", "surrogatepass").decode("utf-16")


def test_the_state_of_an_older_release_is_read(no_java: None) -> None:
    folder = clusters_folder() / "kafka-old"
    folder.mkdir(parents=True)
    node = {"name": "broker-0", "id": 0, "port": 20_000, "pid": None, "born": 1.5}
    (folder / STATE).write_text(json.dumps({"owner": None, "nodes": [node]}), encoding="utf-8")
    (found,) = standing()
    assert not found.alive and found.servers["broker-0"].node == Node("broker-0", 0, 20_000, folder / "broker-0")
