"""compose.yaml is the cluster of `python lab.py kafka`, for those who have Docker. No test starts it."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from simlib.real.artifacts import KAFKA_VERSION
from simlib.real.broker_files import nodes_of, write_config
from simlib.real.command import BROKERS, PORT
from simlib.real.ports import CONTROLLERS_AT
from simlib.real.server import HEAP_MB

FILE = Path(__file__).parents[2] / "compose.yaml"
PLACES = {"listeners", "advertised.listeners", "controller.quorum.voters", "listener.security.protocol.map", "log.dirs"}
"""Settings that say where something is: other machines, other places."""


@pytest.fixture(scope="module")
def services() -> dict:
    return yaml.safe_load(FILE.read_text(encoding="utf-8"))["services"]


def settings(service: dict) -> dict[str, str]:
    """What the image makes of its environment: KAFKA_NODE_ID is node.id; CLUSTER_ID and the heap are no settings."""
    return {name.removeprefix("KAFKA_").lower().replace("_", "."): str(value)
            for name, value in service["environment"].items() if name not in ("CLUSTER_ID", "KAFKA_HEAP_OPTS")}


def test_its_nodes_have_the_settings_of_a_local_kafka(services: dict, tmp_path: Path) -> None:
    nodes = nodes_of(tmp_path, BROKERS, 1, [PORT, PORT + 1, PORT + 2, PORT + CONTROLLERS_AT])
    assert {node.name for node in nodes} == services.keys()
    for node in nodes:
        write_config(node, nodes, {})
        local = dict(line.split("=", 1) for line in node.config.read_text(encoding="utf-8").splitlines())
        docker = settings(services[node.name])
        assert {name: value for name, value in docker.items() if name not in PLACES} == {
            name: value for name, value in local.items() if name not in PLACES}, node.name
        assert PLACES & local.keys() == PLACES & docker.keys(), node.name
        assert f"-Xmx{HEAP_MB}m" in services[node.name]["environment"]["KAFKA_HEAP_OPTS"]


def test_all_nodes_are_of_one_cluster_and_of_the_version_that_the_tests_run(services: dict) -> None:
    assert {service["image"] for service in services.values()} == {f"apache/kafka:{KAFKA_VERSION}"}
    (cluster,) = {service["environment"]["CLUSTER_ID"] for service in services.values()}
    assert re.fullmatch(r"[A-Za-z0-9_-]{22}", cluster)  # a UUID in Base64


def test_each_broker_is_found_where_it_says_it_is(services: dict) -> None:
    for number in range(BROKERS):
        name, service = f"broker-{number}", services[f"broker-{number}"]
        given, port = settings(service), PORT + number
        listeners = dict(each.split("://:") for each in given["listeners"].split(","))
        advertised = dict(each.split("://") for each in given["advertised.listeners"].split(","))
        protocols = dict(each.split(":") for each in given["listener.security.protocol.map"].split(","))
        assert service["ports"] == [f"127.0.0.1:{port}:{listeners['OUTSIDE']}"]
        assert advertised == {"PLAINTEXT": f"{name}:{listeners['PLAINTEXT']}", "OUTSIDE": f"127.0.0.1:{port}"}
        assert {*listeners, "CONTROLLER"} == {*protocols} and given["inter.broker.listener.name"] in listeners
        assert service["healthcheck"]["test"].endswith(f"localhost:{listeners['PLAINTEXT']}")
    voters = settings(services["broker-0"])["controller.quorum.voters"]
    controller = settings(services["controller-0"])
    assert voters == f"{controller['node.id']}@controller-0:{controller['listeners'].removeprefix('CONTROLLER://:')}"


def test_it_is_a_compose_file() -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(FILE)]
    done = subprocess.run(command, capture_output=True, encoding="utf-8")
    assert done.returncode == 0, done.stdout + done.stderr
