"""`run(scenario, on=...)`: the same scenario with real brokers, real processes and real kills."""

import math
import os
import signal
import subprocess
import sys
from itertools import count
from pathlib import Path

import psutil
import pytest
from real_shop import NEVER_BACK_FOR, QUICK, SHORT, acts, never_back, nobody_before, run_for_real, shop, side_by_side

from simlib import (
    AddPartitions,
    ConsumerGroup,
    Crash,
    LocalKafka,
    LoseReply,
    LoseRequest,
    Pause,
    Producer,
    Scenario,
    Service,
    Shutdown,
    Topic,
    Trace,
    replace,
    run,
)
from simlib.real import cluster
from simlib.real.address import client_config
from simlib.real.processes import wait_for
from simlib.scenario.schedules import ScheduleError

pytestmark = pytest.mark.real
WINDOWS = os.name == "nt"


def workers() -> list[psutil.Process]:
    """All processes of runs on this machine that this test session started."""
    return [child for child in psutil.Process().children(recursive=True) if is_worker(child)]


def is_worker(process: psutil.Process) -> bool:
    """One that has ended, and that nobody has waited for yet, is none."""
    try:
        return "simlib.real.worker" in " ".join(process.cmdline())
    except psutil.NoSuchProcess:
        return False


def topics_left(kafka: LocalKafka) -> list[str]:
    """A broker hears of a deletion from the controller, on a busy machine some moments after it was done."""
    from kafka import KafkaAdminClient

    admin = KafkaAdminClient(bootstrap_servers=kafka.bootstrap)

    def left() -> list[str]:
        return [name for name in admin.list_topics() if name.startswith("simlib-")]

    try:
        wait_for(lambda: not left(), 60, 0.1)
        return left()
    finally:
        admin.close()


def deletions_that_fail(monkeypatch: pytest.MonkeyPatch, times: float) -> None:
    """As when a broker dies that was asked to delete a topic."""
    from kafka import KafkaAdminClient
    from kafka.errors import KafkaConnectionError

    honest, tries = KafkaAdminClient.delete_topics, count(1)

    def delete_topics(admin: KafkaAdminClient, topics: list[str], **options: int) -> dict:
        if next(tries) <= times:
            raise KafkaConnectionError("the broker is gone")
        return honest(admin, topics, **options)

    monkeypatch.setattr(KafkaAdminClient, "delete_topics", delete_topics)


async def booking(app) -> None:
    """Database and effect; the second record's bytes come back as they were."""
    consumer = app.consumer("orders", group_id="billing", enable_auto_commit=False, **QUICK)
    async for order in consumer:
        async with app.database.transaction():
            await app.database.execute("INSERT INTO seen VALUES (?, ?)", (order.value["order_id"], str(order.key)))
        if order.headers:
            await app.database.execute("UPDATE seen SET key = ? WHERE id = 1", (repr((order.key, order.headers)),))
        await app.effect("charge", order.value["order_id"])
        await consumer.commit()


def test_a_calm_run_gives_the_same_tables_as_virtual_time_and_leaves_nothing_behind(kafka: LocalKafka) -> None:
    rows = [{"key": "a", "value": {"order_id": 0}},
            {"key": b"\xff", "value": {"order_id": 1}, "headers": {"text": "yes", "raw": b"\x00"}},
            {"value": {"order_id": 2}}]
    scenario = shop(inputs={"orders": rows}, services=[
        Service("billing", booking, database="CREATE TABLE seen(id PRIMARY KEY, key)")])
    real, simulated = run_for_real(scenario, kafka.url), run(scenario)
    assert acts(real) == acts(simulated) == [("charge", 0), ("charge", 1), ("charge", 2)]
    for view in ("records", "deliveries", "effects"):
        mine, theirs = getattr(real, view), getattr(simulated, view)
        assert list(mine.columns) == list(theirs.columns)
        for column in {"message", "key", "value", "topic", "partition", "offset", "member", "attempt"} & {*mine}:
            assert mine[column].tolist() == theirs[column].tolist(), (view, column)
    query = "SELECT id, key FROM seen ORDER BY id"
    assert real.databases["billing"].execute(query) == simulated.databases["billing"].execute(query)
    assert real.commits["offset"].max() == 3
    assert (real.ended, real.summary().lost, real.summary().duplicates) == ("quiet", 0, 0)
    assert workers() == topics_left(kafka) == []


def test_topics_are_deleted_although_a_request_was_lost(kafka: LocalKafka, monkeypatch: pytest.MonkeyPatch) -> None:
    deletions_that_fail(monkeypatch, times=2)
    assert run_for_real(shop(), kafka.url).ended == "quiet"
    assert topics_left(kafka) == []


def test_the_broker_that_was_asked_first_may_die(kafka: LocalKafka) -> None:
    """kafka-python's admin client goes on asking the one that it once took for the controller."""
    scenario = shop()
    made = cluster.Cluster(client_config(kafka.bootstrap))
    made.create(scenario, "simlib-asked-")
    asked = f"broker-{made._admin._controller_id}"
    kafka.kill(asked)
    try:
        made.grow("simlib-asked-orders", 2)
        made.delete(scenario, "simlib-asked-")
    finally:
        made.close()
        kafka.restart(asked)
        kafka.wait_until_ready()
    assert topics_left(kafka) == []


def test_topics_that_stay_are_warned_of_by_name(kafka: LocalKafka, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "DELETE_WITHIN", 1.0)
    scenario = shop()
    made = cluster.Cluster(client_config(kafka.bootstrap))
    try:
        made.create(scenario, "simlib-stays-")
        with monkeypatch.context() as meanwhile, pytest.warns(RuntimeWarning, match="'simlib-stays-orders' .*is gone"):
            deletions_that_fail(meanwhile, times=math.inf)
            made.delete(scenario, "simlib-stays-")
        made.delete(scenario, "simlib-stays-")
    finally:
        made.close()
    assert topics_left(kafka) == []


SCHEDULES = ("crash-before:billing-0.0/charge#2", "crash-after:billing-0.0/charge#2",
             "crash-after:billing-0.0/commit#1",
             "crash-after:billing-0.0/receive#3", "crash-after:billing-0.0/charge#1+crash-after:billing-0.1/charge#1",
             "lose-reply:billing-0.0/commit#1", "lose-request:billing-0.0/commit#2",
             "lose-reply:billing-0.0/charge#1")


@pytest.mark.skipif(WINDOWS, reason="cannot run on this system: needs the proxy on POSIX")
def test_each_schedule_has_the_same_effects_as_in_virtual_time(kafka: LocalKafka) -> None:
    scenario = shop()
    real = side_by_side([(scenario, kafka.url, schedule) for schedule in SCHEDULES])
    for schedule, trace in zip(SCHEDULES, real, strict=True):
        simulated = run(scenario, schedule=schedule)
        assert acts(trace) == acts(simulated), schedule
        assert trace.deliveries["attempt"].tolist() == simulated.deliveries["attempt"].tolist(), schedule
        assert [*trace.duplicates["cause_of_repeat"]] == [*simulated.duplicates["cause_of_repeat"]], schedule


def load(faults: tuple = (), **changes) -> Scenario:
    """Twenty records a second for twelve seconds, and a group that works them."""
    given = {"topics": [Topic("orders", partitions=2, replication_factor=3)],
             "producers": [Producer("shop", topic="orders", rate=20, keys=10, stop=8.0)],
             "groups": [ConsumerGroup("billing", topic="orders", consumers=2, service_time=0.005,
                                      auto_commit_interval_ms=1_000, **QUICK)],
             "faults": faults, "duration": 20, "broker_config": SHORT}
    return Scenario(**{**given, **changes})


def stood_still(trace: Trace, name: str, seconds: float) -> None:
    """It was stopped once, for so long, and was handed nothing meanwhile."""
    paused, resumed = trace.events.query("kind in ('paused', 'resumed')")["time"]
    assert resumed - paused == pytest.approx(seconds, abs=0.5)
    assert not trace.deliveries.query(f"member == {name!r} and {paused} + 0.1 < time < {resumed}").size


def watchful() -> dict:
    """Clients that look at the topics every second: by default a new partition is found after up to five minutes."""
    calm = load()
    return {"producers": [replace(calm, "producers.shop.metadata_max_age_ms", 1_000).producer("shop")],
            "groups": [replace(calm, "groups.billing.metadata_max_age_ms", 1_000).group("billing")]}


def test_declared_load_and_its_faults(kafka: LocalKafka) -> None:
    """A consumer killed at a time, stopped, killed at a step, standing still; lost messages; a topic that grows."""
    cases = {
        "calm": load(),
        "killed": replace(load((Crash("billing-0", at=4.3, restart_after=3),)),
                          "groups.billing.auto_commit_interval_ms", 3_000),
        "stopped": load((Shutdown("billing-1", at=4, restart_after=2),)),
        "step": load((Crash("billing-0", after="receive", nth=30, restart_after=2),)),
        "grows": load((AddPartitions("orders", at=2, to=3),), **watchful()),
        "producer": load((Crash("shop", at=3, restart_after=2),)),
        "lost": load((LoseReply("shop", "produce", nth=5), LoseReply("shop", "produce", nth=9),
                      LoseRequest("shop", "produce", nth=12))),
        **({} if WINDOWS else {"paused": load((Pause("billing-0", at=3, duration=1),))}),
    }
    traces = dict(zip(cases, side_by_side([(case, kafka.url, None) for case in cases.values()]), strict=True))
    for name, trace in traces.items():
        counts = trace.summary()
        assert counts.lost_acked == 0 and counts.backlog == 0, name
        assert counts.in_log == counts.delivered == (160 if name != "producer" else counts.in_log), name
        assert not counts.faults_not_fired, name
    assert traces["calm"].records["key"].tolist() != [] and traces["calm"].summary().duplicates == 0
    simulated = run(cases["calm"]).records.sort_values("message")
    real = traces["calm"].records.sort_values("message")
    assert real[["message", "key", "partition"]].values.tolist() == simulated[
        ["message", "key", "partition"]].values.tolist()
    assert 0 < traces["killed"].summary().groups["billing"].causes["crash"] <= 40
    assert traces["stopped"].summary().groups["billing"].causes.get("crash", 0) == 0
    assert {"crashed", "restarted"} <= {*traces["step"].events["kind"]}
    killed = traces["producer"].summary()
    assert 60 < killed.produced < 160 and {*killed.lost_reasons} <= {"lost with its producer"}
    assert traces["grows"].records["partition"].max() == 2
    assert traces["lost"].summary().duplicates == 0 and traces["lost"].records["copies"].max() == 1
    assert [*traces["lost"].events["kind"]].count("reply_lost") == 2
    if not WINDOWS:
        stood_still(traces["paused"], "billing-0", 1)


async def failing(app) -> None:
    """Raises at the second order, the first time."""
    consumer = app.consumer("orders", group_id="billing", enable_auto_commit=False, **QUICK)
    print(f"{app.name} begins")
    async for order in consumer:
        if order.value["order_id"] == 1 and await nobody_before(app):
            raise ValueError("cannot read this order")
        await app.effect("charge", order.value["order_id"])
        await consumer.commit()


def test_an_exception_is_a_crash_and_what_a_service_prints_is_seen(kafka: LocalKafka, capsys) -> None:
    trace = run_for_real(shop(failing, services=[Service("billing", failing, restart_after=3)]), kafka.url)
    assert acts(trace) == [("charge", 0), ("charge", 1), ("charge", 2)]
    assert any("ValueError: cannot read this order (in failing, line" in text for text in trace.summary().warnings)
    assert capsys.readouterr().out.count("billing-0 begins") == 2


def test_a_run_ends_at_its_duration_whatever_hangs(kafka: LocalKafka) -> None:
    """Had it waited, it would have waited for NEVER_BACK_FOR; how long a start takes is the machine's affair."""
    trace = run_for_real(shop(never_back, duration=4), kafka.url)
    assert trace.ended == "duration" and 4 <= trace.ended_at < NEVER_BACK_FOR
    assert not workers()


def test_a_step_that_is_never_taken_is_said(kafka: LocalKafka) -> None:
    with pytest.raises(ScheduleError, match="never took the step that crash-after:billing-0.0/charge#9 aims at"):
        run_for_real(shop(), kafka.url, "crash-after:billing-0.0/charge#9")
    trace = run_for_real(shop(faults=[Crash("billing-0", after="charge", nth=9)]), kafka.url)
    assert len(trace.summary().faults_not_fired) == 1


SCRIPT = """
import sys, time
from real_shop import QUICK, shop
from simlib import run

async def hangs(app):
    consumer = app.consumer("orders", group_id="billing", **QUICK)
    for _ in range(3):
        await consumer.getone()
    print("has all three", flush=True)
    time.sleep(1_000)

trace = run(shop(hangs, duration=90), on=sys.argv[1])
print("ended", trace.ended, len(trace.records), flush=True)
"""


def start(kafka: LocalKafka, folder: Path) -> subprocess.Popen:
    """A program with a run that ends much later; returns when its workers have done what they do."""
    tests = Path(__file__).parents[1]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tests), str(tests.parent)]),
                   **dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(folder))}  # who is killed cannot clear up
    program = subprocess.Popen([sys.executable, "-u", "-c", SCRIPT, kafka.url], stdout=subprocess.PIPE, text=True,
                               env=environment)
    said = []
    for line in program.stdout:
        said.append(line)
        if "has all three" in line:
            return program
    raise AssertionError(f"the run is over, and its workers never worked: {said}")


def its_workers(program: subprocess.Popen) -> list[psutil.Process]:
    return [child for child in psutil.Process(program.pid).children(recursive=True) if is_worker(child)]


def gone(processes: list[psutil.Process]) -> bool:
    _, alive = psutil.wait_procs(processes, timeout=10)
    return not alive


@pytest.mark.skipif(WINDOWS, reason="cannot run on this system: it has no SIGINT for other processes")
def test_ctrl_c_keeps_what_there_is_and_leaves_no_process_and_no_topic_behind(
        kafka: LocalKafka, tmp_path: Path) -> None:
    program = start(kafka, tmp_path)
    left = its_workers(program)
    program.send_signal(signal.SIGINT)
    said, _ = program.communicate(timeout=60)
    assert "ended interrupted 3" in said
    assert gone(left)
    assert topics_left(kafka) == []


def test_workers_end_when_nobody_watches_over_them_any_more(kafka: LocalKafka, tmp_path: Path) -> None:
    program = start(kafka, tmp_path)
    left = its_workers(program)
    program.kill()
    program.wait()
    assert gone(left)
