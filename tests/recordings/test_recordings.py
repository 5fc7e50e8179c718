"""Recorded real runs: each is of the scenario the course has, and says what the simulator says where steps decide."""

import importlib.util
import zipfile
from pathlib import Path

import pytest

from simlib import Crash, Scenario, Service, Topic, Trace, recorded, replace, run, side_by_side
from simlib.data import DataFileError, data_file
from simlib.real.artifacts import KAFKA_VERSION
from simlib.recordings import loading
from simlib.recordings.recording import fingerprint, keep, main
from simlib.recordings.scenarios import SCENARIOS, SHOP
from simlib.recordings.shops import billing_first

BY_A_CLOCK = {
    "05-auto": {"handed over again", "effects", "done again"},
    "05-auto-2": {"handed over again", "effects", "done again"},
    "05-leader": {"in the log", "got a yes, and gone", "handed over", "committed up to"},
}
"""The counts of a recording that no step decides: they are near, not equal."""

BY_A_DRAW = {"05-zombie": {"handed over again", "effects", "done again"}}
"""Which order it is, hangs on who was dealt which partition; how many there are does not."""

BY_THE_CLIENT = {"16-no-key": {"refused", "in the log", "effects"}}
"""What kafka-python does otherwise than the simulator (K68a)."""

LARGEST = 60_000
"""Bytes of a file."""


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_recording_is_a_real_run_of_the_scenario_that_the_course_has(name):
    trace = recorded(name)
    origin = trace.data.meta["recorded"]
    assert trace.scenario == SCENARIOS[name].scenario
    assert origin["scenario"] == fingerprint(SCENARIOS[name].scenario), "it is of another scenario: record it anew"
    assert origin["kafka"] == KAFKA_VERSION and origin["client"].startswith("kafka-python 3.")
    assert trace.data.meta["on"].startswith("kafka://") and trace.ended in ("quiet", "duration")
    assert trace.summary().faults_not_fired == []
    assert data_file(f"recorded/{name}.trace").stat().st_size < LARGEST


@pytest.mark.parametrize("name", SCENARIOS)
def test_what_steps_decide_is_the_same_in_virtual_time(name):
    real = recorded(name)
    table = side_by_side(run(real.scenario), real)
    assert table.loc["sent", "same"] == "yes"
    allowed = {**BY_A_CLOCK, **BY_A_DRAW, **BY_THE_CLIENT}.get(name, set())
    assert {*table.index[table.same == "no"]} <= allowed
    if name in BY_A_DRAW:
        assert table.simulated.loc[[*allowed]].tolist() == table.real.loc[[*allowed]].tolist()


def test_what_clocks_decide_is_near():
    for trace in (recorded("05-auto"), recorded("05-auto-2")):
        assert 5 <= len(trace.duplicates) <= 60 and trace.effects.key.nunique() == 200
    leader = recorded("05-leader")
    assert set(leader.lost.producer) == {"quick"} and 20 <= len(leader.lost) <= 60
    assert not {*leader.deliveries.message} & {*leader.lost.message}


def test_what_the_client_does_otherwise():
    real, simulated = recorded("16-no-key"), run(SCENARIOS["16-no-key"].scenario)
    assert simulated.effects.name.tolist().count("refused") == 1
    assert real.effects.name.tolist() == ["sent", "sent", "refused", "refused", "refused", "refused"]


def test_there_is_nothing_in_the_folder_that_nobody_can_ask_for():
    files = {path.name for path in data_file("recorded/05-crash.trace").parent.iterdir()}
    assert files == {f"{name}.trace" for name in SCENARIOS}


def test_the_table_lists_all_of_them():
    table = recorded()
    assert [*table.index] == [*SCENARIOS] and set(table.columns) == {"what happens", "kafka", "client", "date"}


def test_an_unknown_name_is_answered_with_the_names():
    with pytest.raises(LookupError, match="Did you mean '05-crash'.* There are 05-calm, 05-crash, "):
        recorded("05-crsh")
    with pytest.raises(LookupError, match="There are 05-calm"):
        recorded(5)


def test_a_missing_file_says_what_to_do(monkeypatch):
    monkeypatch.setattr(loading, "FOLDER", "nowhere")
    with pytest.raises(DataFileError, match="install event-driven-lab again"):
        recorded("05-crash")


def test_what_is_kept_comes_back_with_its_code(tmp_path, monkeypatch):
    trace = run(SCENARIOS["06-inbox"].scenario)
    path = keep("06-inbox", trace, tmp_path)
    assert "without the code" in repr(Trace.load(path).summary())
    monkeypatch.setattr(loading, "data_file", lambda _: path)
    again = recorded("06-inbox")
    assert again.scenario == trace.scenario and again.same_as(trace)
    assert "without the code" not in repr(again.summary())
    with zipfile.ZipFile(path) as archive:
        assert path.stat().st_size < sum(one.file_size for one in archive.infolist()) / 2


def test_another_loop_is_another_scenario():
    mine = fingerprint(SHOP)
    assert mine == fingerprint(replace(SHOP, {}))
    assert mine != fingerprint(replace(SHOP, "services.billing.main", billing_first))
    assert mine != fingerprint(replace(SHOP, "faults", [Crash("billing-0", at=1)]))


def test_without_java_recording_says_what_is_missing(monkeypatch, capsys, tmp_path):
    from simlib.real import programs

    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    programs.java.cache_clear()
    try:
        assert main(["05-calm", "--folder", str(tmp_path)]) == 1
    finally:
        programs.java.cache_clear()
    assert capsys.readouterr().err.startswith("There is no java here")
    assert not [*tmp_path.iterdir()]


# -- side_by_side

async def charges(app):
    consumer = app.consumer("orders", group_id="billing", enable_auto_commit=False, auto_offset_reset="earliest")
    async for order in consumer:
        await app.database.execute("INSERT INTO paid VALUES (?)", [order.value])
        await app.effect("charge", order.value)
        await consumer.commit()


def a_shop(*values: int) -> Scenario:
    inputs = {"orders": [{"value": value} for value in values]}
    return Scenario([Topic("orders")], inputs=inputs,
                    services=[Service("billing", charges, database="CREATE TABLE paid (n)")])


def test_the_same_number_of_other_ones_is_not_the_same():
    scenario = a_shop(1, 2, 3)
    calm, hit = run(scenario), run(scenario, schedule="crash-after:billing-0.0/charge#1")
    other = run(scenario, schedule="crash-after:billing-0.0/charge#2")
    assert (side_by_side(calm, calm).same != "no").all()
    table = side_by_side(hit, other)
    assert table.loc["done again"].tolist() == [1, 1, "no"]
    assert table.loc["sent"].tolist() == [3, 3, "yes"] and table.loc["committed up to", "same"] == "yes"
    assert table.loc["billing: rows of paid"].tolist() == [4, 4, "no"]
    assert {*table.same[["until the yes, median (ms)", "the run's last second (s)"]]} == {"measured"}


def test_what_neither_side_has_is_left_out():
    table = side_by_side(*(run(a_shop(1)),) * 2)
    assert not {"done again", "refused", "got a yes, and gone"} & {*table.index}


def test_rows_are_compared_whatever_is_in_them():
    """NULL, numbers and text in one column have no order in Python; names may have quotes in them."""
    tables = """CREATE TABLE paid (n); CREATE TABLE "a ""b" (n, m);
                INSERT INTO "a ""b" VALUES (NULL, 1), ('x', NULL), (2, x'00'), (NULL, 'y');"""
    trace = run(replace(a_shop(1), "services.billing.database", tables))
    assert side_by_side(trace, trace).loc['billing: rows of a "b'].tolist() == [4, 4, "yes"]


def test_runs_of_two_scenarios_are_refused():
    with pytest.raises(ValueError, match="two scenarios"):
        side_by_side(run(a_shop(1)), run(a_shop(2)))


def test_the_command_is_named_where_people_look():
    root = Path(__file__).resolve().parents[2]
    assert importlib.util.find_spec("simlib.recordings.recording")
    for page in ("CONTRIBUTING.md", "docs/real-kafka.md", "data/recorded.origin.md"):
        assert "python -m simlib.recordings.recording" in (root / page).read_text(encoding="utf-8"), page
