"""A saved trace comes back the same; what is none, or of another version, is refused with advice."""

import json
import zipfile

import numpy as np
import pytest
from handmade import Builder

from simlib.scenario import Crash, Producer, Scenario, Service, Topic
from simlib.trace import Trace
from simlib.trace.storage import HEADER, TraceFileError, from_json, to_json


def a_run(scenario=None) -> Trace:
    build = Builder(orders=2)
    order = build.write(at=0.0, offset=0, key=b"\x00key", value={"amount": 1.5, "items": ["a", None]})
    build.deliver(order, 0, 0.5, None)
    build.effect("charge", ("order", 1), 0.6, message=order)
    build.event("crashed", 0.7, "billing-0", detail="after charge")
    build.commit(1, 0.8)
    return build.trace("quiet", at=5.0, scenario=scenario)


def test_every_view_survives_the_disk(tmp_path):
    trace, path = a_run(), tmp_path / "a run.trace"
    trace.save(path)
    again = Trace.load(path)
    assert again.same_as(trace)
    for view in ("records", "deliveries", "lost", "lag", "effects", "commits", "events", "control"):
        assert getattr(again, view).equals(getattr(trace, view)), view
    assert repr(again.summary()) == repr(trace.summary())
    assert again.effects.key[0] == ("order", 1) and again.records.key[0] == b"\x00key"


def test_the_same_trace_makes_the_same_file(tmp_path):
    for name in ("a", "b"):
        a_run().save(tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_scenario_without_code_comes_back(tmp_path):
    scenario = Scenario([Topic("orders", partitions=2)], producers=[Producer("shop", "orders", rate=1)])
    a_run(scenario).save(tmp_path / "t")
    assert Trace.load(tmp_path / "t").scenario == scenario


async def billing(app):
    await app.sleep(1)


def test_the_code_of_services_is_left_out_and_that_is_said(tmp_path):
    scenario = Scenario([Topic("orders")], services=[Service("billing", billing)], faults=[Crash("billing-0", at=1)])
    a_run(scenario).save(tmp_path / "t")
    again = Trace.load(tmp_path / "t")
    assert again.scenario.topics == scenario.topics and again.scenario.services == ()
    assert "without the code of its services (billing)" in repr(again.summary())


def test_one_changed_number_changes_the_digest():
    trace, other = a_run(), a_run()
    assert trace.same_as(other)
    times = other.data.tables["commits"]["time"]
    times[0] += 1
    assert not trace.same_as(other)


def test_a_changed_value_changes_the_digest():
    other = a_run()
    other.data.tables["messages"]["value"][0]["amount"] = 1.25
    assert not a_run().same_as(other)


def test_a_trace_of_another_version_is_refused(tmp_path):
    a_run().save(tmp_path / "t")
    with zipfile.ZipFile(tmp_path / "t") as old, zipfile.ZipFile(tmp_path / "newer", "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name == HEADER:
                content = json.dumps({**json.loads(content), "format": 99}).encode()
            new.writestr(name, content)
    with pytest.raises(TraceFileError, match="format 99; this simlib reads format 2"):
        Trace.load(tmp_path / "newer")


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(TraceFileError, match="no such file"):
        Trace.load(tmp_path / "nowhere")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 broken", b"time,kind\n1,crashed\n"])
def test_a_file_that_is_no_trace_is_refused(tmp_path, content):
    (tmp_path / "t").write_bytes(content)
    with pytest.raises(TraceFileError, match="cannot be read as a saved trace"):
        Trace.load(tmp_path / "t")


def test_a_cut_or_damaged_file_is_refused(tmp_path):
    a_run().save(tmp_path / "t")
    content = (tmp_path / "t").read_bytes()
    (tmp_path / "cut").write_bytes(content[:-30])
    damaged = bytearray(content)
    damaged[len(content) // 2] ^= 0xFF
    (tmp_path / "damaged").write_bytes(bytes(damaged))
    for name in ("cut", "damaged"):
        with pytest.raises(TraceFileError, match="cannot be read"):
            Trace.load(tmp_path / name)


def test_a_zip_without_the_tables_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "t", "w") as archive:
        archive.writestr(HEADER, json.dumps({"format": 2, "names": {}, "meta": "{}", "scenario": None, "note": ""}))
    with pytest.raises(TraceFileError, match="messages.parquet"):
        Trace.load(tmp_path / "t")


def test_a_folder_is_refused(tmp_path):
    with pytest.raises(TraceFileError, match="cannot be read"):
        Trace.load(tmp_path)


def test_an_effect_that_json_cannot_hold_is_refused_by_name(tmp_path):
    build = Builder(orders=1)
    build.effect("charge", {1, 2}, 1.0)
    with pytest.raises(TraceFileError, match="effects.key holds"):
        build.trace().save(tmp_path / "t")


@pytest.mark.parametrize("value", [None, 1, 1.5, "x", True, [1, [2]], {"a": {"b": b"\x00"}}, (1, ("a", b"b"))])
def test_values_keep_their_type_in_json(value):
    assert from_json(to_json(value)) == value


def test_numpy_numbers_are_stored_as_numbers():
    assert from_json(to_json({"amount": np.float64(1.5), "n": np.int64(3)})) == {"amount": 1.5, "n": 3}
