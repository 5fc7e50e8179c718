"""Lesson 16 without brokers: one line says what is missing; its exercises know what a real Kafka cannot do."""

import re
from pathlib import Path

import pytest

from simlib import ConsumerGroup, NetworkCut, PowerLoss, Scenario, Topic, replace
from simlib.course import live, live_kafka
from simlib.course.exercises.clocks import clock_decides, moved
from simlib.course.exercises.from_the_ledger import SAYINGS
from simlib.real import programs
from simlib.real.demands import hindrances
from simlib.recordings.scenarios import SCENARIOS, SHOP

LESSON = Path(__file__).resolve().parents[2] / "lessons" / "16_real_kafka.py"


def test_nothing_is_started_unless_asked_for(capsys):
    assert live_kafka() is None
    assert capsys.readouterr().out.startswith("No real brokers: the cells below")


def test_without_java_it_says_what_to_install(monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    programs.java.cache_clear()
    try:
        assert live_kafka(start=True) is None
    finally:
        programs.java.cache_clear()
    said = " ".join(capsys.readouterr().out.split())
    assert said.startswith("No real brokers. There is no java here") and "Install Java 17" in said


def test_without_the_client_it_says_what_to_type(monkeypatch, capsys):
    monkeypatch.setattr(live, "find_spec", lambda name: None)
    assert live_kafka(start=True) is None
    assert "pip install 'event-driven-lab[kafka]'" in capsys.readouterr().out


def test_what_a_local_kafka_of_three_cannot_do_is_known_without_one():
    assert hindrances(SHOP) == []
    faults = (PowerLoss("broker-0", at=1), NetworkCut("broker-0", "broker-1", at=2, duration=3))
    impossible = Scenario((Topic("orders", replication_factor=4),), faults=faults, brokers=5, client="java",
                          groups=(ConsumerGroup("billing", "orders", group_protocol="consumer"),))
    problems = "\n".join(hindrances(impossible))
    for part in ("client='java'", "group_protocol='consumer'", "replication_factor=4", "PowerLoss(", "NetworkCut("):
        assert part in problems
    assert hindrances(replace(SHOP, "broker_config", {"group_initial_rebalance_delay_ms": 3_000})) == []
    (other,) = hindrances(replace(SHOP, "broker_config", {"group_initial_rebalance_delay_ms": 0}))
    assert "group_initial_rebalance_delay_ms=0: these brokers have 3000" in other


@pytest.mark.parametrize(("name", "by_a_clock"), [
    ("05-crash", False), ("16-no-key", False), ("05-auto", True), ("05-leader", True)])
def test_other_clocks_change_what_no_step_decides(name, by_a_clock):
    assert bool(clock_decides(SCENARIOS[name].scenario)) is by_a_clock


def test_other_clocks_leave_a_fault_that_is_aimed_at_a_step():
    crash, night = SCENARIOS["05-crash"].scenario, SCENARIOS["05-leader"].scenario
    assert moved(crash, 0.1).faults == crash.faults and moved(crash, 0.1).services[0].start == 0.1
    assert [fault.at for fault in moved(night, 0.5).faults] == [3.5, 4.0, 6.5]
    assert [fault.at for fault in moved(night, -10).faults] == [0.0, 0.0, 0.0]


def test_the_sentences_of_the_page_are_those_that_are_judged():
    page = re.findall(r"^# \d\. (.+\.) \((K\d+\w?)\)$", LESSON.read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert page == [(saying.text, saying.row) for saying in SAYINGS]
