"""A real Kafka of our own: it starts, it can be killed, it ends, and nothing else does."""

import json
import os
import socket
import stat
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path

import psutil
import pytest

from simlib.real import KafkaUnavailable, LocalKafka, artifacts, command, programs
from simlib.real.broker_files import HOST
from simlib.real.ports import is_free, ports_from
from simlib.real.standing import STATE, clusters_folder, standing
from simlib.scenario import ConfigError

pytestmark = pytest.mark.slow


@pytest.fixture
def own_cache(java_and_maven: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache folder of the test's own, with Kafka in it already."""
    jars = Path(artifacts.class_path()).parent
    cache = tmp_path / "für Kafka €"  # people have such names, and their folders too
    cache.mkdir()
    (cache / jars.name).symlink_to(jars)
    monkeypatch.setenv("SIMLIB_CACHE", str(cache))
    return cache


def exists(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def test_records_survive_the_death_of_a_broker_and_it_comes_back(kafka: LocalKafka) -> None:
    from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer

    admin = KafkaAdminClient(bootstrap_servers=kafka.bootstrap)
    admin.create_topics({"survivor": {"num_partitions": 1, "replication_factor": 3}})
    with KafkaProducer(bootstrap_servers=kafka.bootstrap, acks="all") as producer:
        producer.send("survivor", b"before").get(20)
        leader = admin.describe_topics(["survivor"])[0]["partitions"][0]["leader_id"]
        kafka.kill(f"broker-{leader}")
        assert not kafka.is_alive(f"broker-{leader}")
        assert all(kafka.is_alive(name) for name in kafka.names if name != f"broker-{leader}")
        producer.send("survivor", b"after").get(40)
    kafka.restart(f"broker-{leader}")
    kafka.wait_until_ready()
    with KafkaConsumer("survivor", bootstrap_servers=kafka.bootstrap, auto_offset_reset="earliest", group_id=None,
                       consumer_timeout_ms=20_000) as consumer:
        assert [next(consumer).value for _ in range(2)] == [b"before", b"after"]
    admin.delete_topics(["survivor"])
    admin.close()


def test_a_paused_node_stands_still_and_goes_on(kafka: LocalKafka) -> None:
    kafka.pause("broker-2")
    pid = kafka._servers["broker-2"].pid
    try:
        assert psutil.Process(pid).status() == psutil.STATUS_STOPPED
        assert kafka.is_alive("broker-2")
    finally:
        kafka.resume("broker-2")
    kafka.wait_until_ready()


def test_it_is_found_by_the_address_of_any_broker(kafka: LocalKafka) -> None:
    for address in kafka.bootstrap:
        found = LocalKafka.at(address)
        assert found is not None and found.bootstrap == kafka.bootstrap
    assert LocalKafka.at("127.0.0.1:1") is None


def test_a_node_it_does_not_have_and_one_that_runs_already_are_refused(kafka: LocalKafka) -> None:
    with pytest.raises(KeyError, match="no node 'broker-7'; this cluster has broker-0, .*, controller-0"):
        kafka.kill("broker-7")
    with pytest.raises(KafkaUnavailable, match="broker-0 runs already"):
        kafka.restart("broker-0")


def test_a_cluster_that_runs_is_not_started_once_more(kafka: LocalKafka) -> None:
    with pytest.raises(KafkaUnavailable, match="Kafka 4.* runs already; stop it first"):
        kafka.start()
    assert all(map(kafka.is_alive, kafka.names))


def test_the_end_of_the_block_ends_its_processes_and_no_others(own_cache: Path) -> None:
    other = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        with LocalKafka(brokers=1) as kafka:
            pids, folder = [server.pid for server in kafka._servers.values()], kafka.folder
            assert all(map(exists, pids)) and folder.is_dir()
        assert not any(map(exists, pids)) and not folder.exists()
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()
    with pytest.raises(KafkaUnavailable, match="does not run"):
        kafka.kill("broker-0")


def test_the_command_starts_one_that_stands_and_ends_it(own_cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["start", "19092"]) == 0
    assert "kafka://127.0.0.1:19092" in capsys.readouterr().out
    (each,) = standing()
    assert each.alive and each.owner is None
    assert command.main(["start", "19092"]) == 1
    assert "runs already" in capsys.readouterr().out
    assert command.main(["stop"]) == 0 and not each.alive
    assert command.main(["stop"]) == 0
    assert "No Kafka of ours" in capsys.readouterr().out


def test_what_a_killed_program_left_is_cleared_away_but_a_foreign_process_is_not_touched(own_cache: Path) -> None:
    """Its number may belong to another program by now."""
    other = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    folder = clusters_folder() / "kafka-left"
    folder.mkdir(parents=True)
    nodes = [{"name": "broker-0", "id": 0, "port": 19_092, "pid": other.pid}]
    (folder / STATE).write_text(json.dumps({"owner": gone.pid, "nodes": nodes}), encoding="utf-8")
    try:
        assert command.main(["stop"]) == 0
        assert not folder.exists() and other.poll() is None
    finally:
        other.kill()
        other.wait()


def test_a_node_that_dies_at_once_is_reported_with_what_it_wrote(own_cache: Path, monkeypatch) -> None:
    """Both of them do; which is seen first is chance."""
    monkeypatch.setattr("simlib.real.local_kafka.format_folders", lambda nodes: None)  # Kafka refuses such a folder
    said = r"is not ready \(.*(broker|controller)-0.*(?s:.*)No readable meta.properties"
    with pytest.raises(KafkaUnavailable, match=said):
        LocalKafka(brokers=1).start()
    assert not list(clusters_folder().iterdir())


def test_ports_that_are_taken_are_named() -> None:
    """All of them; any other port may have been given to a connection by chance."""
    with socket.create_server((HOST, 0)) as listens:
        port = listens.getsockname()[1]
        with socket.create_server((HOST, port + 1)) if is_free(port + 1) else nullcontext():
            said = rf"something else uses {port}, {port + 1}(, \d+)*\. It needs .*kafka-stop"
            with pytest.raises(KafkaUnavailable, match=said):
                ports_from(port, 3, 1)


def test_the_command_says_which_port_is_taken_and_leaves_nothing(own_cache: Path, capsys) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert command.main(["start", str(port)]) == 1
    assert f"something else uses {port}" in capsys.readouterr().out
    assert not list(clusters_folder().iterdir())


@pytest.mark.parametrize("given", [{"brokers": 0}, {"brokers": "three"}, {"brokers": True}, {"controllers": 10},
                                   {"port": 0}, {"port": 80}, {"port": 70_000}, {"port": "9092"}])
def test_a_number_that_makes_no_cluster_is_refused(given: dict) -> None:
    ((name, value),) = given.items()
    with pytest.raises(ValueError, match=rf"LocalKafka\({name}={value!r}\): a whole number from (1|1024) to (9|64500)"):
        LocalKafka(**given)


@pytest.mark.parametrize("word", ["70000", "-1", "kafka", "9092.5"])
def test_the_command_refuses_what_is_no_port(word: str, own_cache: Path, capsys) -> None:
    assert command.main(["start", word]) == 1
    assert "a whole number from 1024 to 64500" in capsys.readouterr().out


def test_a_setting_brokers_do_not_have_is_refused() -> None:
    with pytest.raises(ConfigError, match="linger_ms"):
        LocalKafka(broker_config={"linger_ms": 5})


@pytest.mark.parametrize("text, version", [
    ('openjdk version "17.0.15" 2025-04-15', 17), ('java version "1.8.0_292"', 8), ('openjdk version "21" 2023', 21)])
def test_the_version_of_java_is_read(text: str, version: int) -> None:
    assert programs.java_version(text) == version


def fake(folder: Path, name: str, prints: str) -> None:
    """A program that only prints something."""
    (folder / "bin").mkdir(exist_ok=True)
    program = folder / "bin" / name
    program.write_text(f"#!/bin/sh\necho '{prints}'\n", encoding="utf-8")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)


@pytest.mark.skipif(os.name == "nt", reason="cannot run on this system: the fake java is a shell script")
def test_an_old_java_is_refused_with_the_version_it_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake(tmp_path, "java", 'openjdk version "11.0.2" 2019-01-15')
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    programs.java.cache_clear()
    try:
        with pytest.raises(KafkaUnavailable, match="is Java 11; Apache Kafka 4 needs Java 17.*JAVA_HOME"):
            LocalKafka().start()
    finally:
        programs.java.cache_clear()


@pytest.mark.parametrize("find, name", [(programs.java, "java"), (programs.maven, "mvn")])
def test_what_is_missing_is_named_with_what_works_instead(find, name: str, tmp_path: Path,
                                                          monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("JAVA_HOME", "MAVEN_HOME"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    find.cache_clear()
    try:
        with pytest.raises(KafkaUnavailable, match=f"There is no {name} here.*Docker.*any other Kafka.*simulator"):
            find()
    finally:
        find.cache_clear()


@pytest.mark.skipif(os.name == "nt", reason="cannot run on this system: the fake mvn is a shell script")
def test_a_maven_that_fetches_nothing_leaves_nothing_half_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake(tmp_path, "mvn", "Could not transfer artifact")
    monkeypatch.setenv("MAVEN_HOME", str(tmp_path))
    monkeypatch.setenv("SIMLIB_CACHE", str(tmp_path / "cache"))
    programs.maven.cache_clear()
    try:
        with pytest.raises(KafkaUnavailable, match="(?s)Maven could not fetch.*Could not transfer artifact"):
            artifacts.class_path()
    finally:
        programs.maven.cache_clear()
    assert not artifacts.is_fetched() and not list((tmp_path / "cache").iterdir())
