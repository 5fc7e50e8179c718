"""How all tests run: Hypothesis' profiles, no window for plots, and no silent skip in CI."""

import gc
import os
import signal
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from simlib.real import LocalKafka

os.environ.setdefault("MPLBACKEND", "Agg")

# A shared machine may be slow for a second: a deadline would fail tests for no reason.
_COMMON = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("test", max_examples=200, derandomize=True, **_COMMON)
settings.register_profile("quick", max_examples=25, derandomize=True, **_COMMON)
settings.register_profile("soak", max_examples=5_000, print_blob=True, **_COMMON)
settings.load_profile("test")

# A skip whose reason starts like this is a fact about the machine (another operating system, say), not an omission.
EXCUSE = "cannot run on this system"


class NoSilentSkips:
    """Where CI=true, a skipped test fails the run unless its reason starts with EXCUSE."""

    def __init__(self) -> None:
        self.found: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.skipped and not hasattr(report, "wasxfail"):
            self._note(report)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.skipped:
            self._note(report)

    def _note(self, report: pytest.TestReport | pytest.CollectReport) -> None:
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        if not reason.removeprefix("Skipped: ").startswith(EXCUSE):
            self.found.append(f"{report.nodeid}: {reason}")

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if self.found and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        for line in self.found:
            terminalreporter.write_line(f"Skipped, and in CI that is a failure: {line}", red=True)


@pytest.fixture(scope="module", autouse=True)
def _heap_of_earlier_tests_is_left_alone() -> Iterator[None]:
    """Killed processes are kept for ever: who looks for what is left of a run need not look through all of them."""
    yield
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def java_and_maven() -> None:
    """Skips where a Kafka cannot be started. In CI a skip is a failure."""
    from simlib.real import KafkaUnavailable
    from simlib.real.programs import java, maven

    try:
        java()
        maven()
    except KafkaUnavailable as error:
        pytest.skip(f"what runs on a real Kafka is left out: {error}")


@pytest.fixture(scope="session")
def kafka(java_and_maven: None) -> Iterator["LocalKafka"]:
    """One real Kafka for all tests that need one: it takes ten seconds to start."""
    from real_shop import SHORT

    from simlib.real import LocalKafka

    with LocalKafka(brokers=3, broker_config=SHORT) as kafka:
        yield kafka


def pytest_configure(config: pytest.Config) -> None:
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as shells start what runs behind them; children inherit it
        signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a time limit is over: fixtures end what they began
    if os.environ.get("CI", "").lower() in ("1", "true"):
        config.pluginmanager.register(NoSilentSkips())
