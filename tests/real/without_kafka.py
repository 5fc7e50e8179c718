"""Real runs whose services need no Kafka: real processes, calls, stores and kills, and no brokers."""

import tempfile
from pathlib import Path

from simlib import Scenario, Trace
from simlib.real.final_logs import FinalLogs
from simlib.real.real_run import _Run
from simlib.scenario.schedules import CALM, parse_schedule


class NoCluster:
    """Has no topics, and nothing in them."""

    client = {"bootstrap_servers": ["127.0.0.1:1"]}

    def create(self, scenario: Scenario, prefix: str) -> None:
        """Nobody reads them."""

    delete = create

    def final_logs(self, scenario: Scenario, prefix: str) -> FinalLogs:
        return FinalLogs([], set())


def run_without_kafka(scenario: Scenario, schedule: str = CALM) -> Trace:
    """As `run(scenario, on=...)` runs it."""
    with tempfile.TemporaryDirectory() as folder:
        one = _Run(scenario, parse_schedule(schedule), NoCluster(), None, Path(folder))
        data, missed = one.carry_out(False, "tests", [], "nowhere")
        assert not missed
        return Trace(data)
