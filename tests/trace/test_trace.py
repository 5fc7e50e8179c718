"""Effects, events, the summary's face, and the promises about size and identity."""

import re
from pathlib import Path

import numpy as np
import pytest
from handmade import Builder

from simlib.trace import TraceData, columns
from simlib.trace.trace_data import WORTH_NARROWING
from simlib.units import NEVER


def charged_twice() -> Builder:
    build = Builder(orders=1)
    order = build.write(at=0.0, offset=0)
    build.deliver(order, 0, 0.5, None)
    build.effect("charge", "order-1", 0.6, message=order)
    build.event("crashed", 0.6, "billing-0")
    build.event("restarted", 1.6, "billing-0")
    build.deliver(order, 0, 2.0, 2.2, incarnation=1, generation=2)
    build.effect("charge", "order-1", 2.1, message=order, incarnation=1)
    build.effect("mail", "order-1", 2.2)
    build.commit(1, 2.3, auto=False)
    return build


def test_effects_count_the_same_act_by_name_and_key():
    effects = charged_twice().trace().effects
    assert effects.occurrence.tolist() == [1, 2, 1]
    assert effects.service.tolist() == ["billing"] * 3
    assert effects.message.tolist()[:2] == ["shop:0", "shop:0"] and effects.message.isna().tolist()[2]


def test_events_tell_the_whole_story_in_order():
    events = charged_twice().trace().events
    assert events.kind.tolist() == ["produced", "appended", "acked", "delivered", "effect", "crashed", "restarted",
                                    "delivered", "effect", "handled", "effect", "committed"]
    assert events.time.is_monotonic_increasing


def test_a_crash_comes_after_what_its_process_did_at_the_same_instant():
    events = charged_twice().trace().events
    at_the_crash = events[events.time == 0.6]
    assert at_the_crash.kind.tolist() == ["effect", "crashed"]


def test_control_is_the_control_events_alone():
    assert charged_twice().trace().control.kind.tolist() == ["crashed", "restarted"]


def test_an_unknown_kind_of_event_is_refused():
    build = charged_twice()
    build.event("exploded", 3.0)
    with pytest.raises(KeyError, match="exploded"):
        _ = build.trace().events


@pytest.mark.parametrize("view", columns.VIEWS)
def test_the_views_have_the_documented_columns(view):
    frame, documented = getattr(charged_twice().trace(), view), columns.VIEWS[view][1]
    if view == "duplicates":
        documented = columns.VIEWS["deliveries"][1]
    if view == "control":
        documented = [name for name in columns.VIEWS["events"][1] if name not in ("offset", "message")]
        documented = [*documented[:-1], "a", "b", "detail"]
    assert list(frame.columns) == list(documented)


def test_the_views_of_an_empty_trace_are_empty():
    trace = Builder(orders=1).trace()
    assert all(len(getattr(trace, view)) == 0 for view in columns.VIEWS)
    assert trace.summary().produced == 0


def test_docs_are_written_from_the_columns():
    page = Path(__file__).parents[2] / "docs" / "trace.md"
    assert page.read_text(encoding="utf-8") == columns.markdown()


def test_summary_escapes_what_it_shows():
    build = Builder(orders=1)
    build.event("fault_not_fired", 90.0, detail="Crash('<script>')")
    build.meta["warnings"] = ["<b>careful</b>"]
    html = build.trace().summary()._repr_html_()
    assert "<script>" not in html and "<b>" not in html and "&lt;script&gt;" in html


def test_summary_reads_as_a_mapping_and_refuses_unknown_names():
    summary = charged_twice().trace().summary()
    assert summary["duplicates"] == summary.duplicates == 1
    assert dict(summary)["effects"] == 3
    with pytest.raises(KeyError, match="there are produced, "):
        summary["dupes"]


@pytest.mark.statement("peer-T13")
def test_summary_says_what_is_modelled():
    assert "Apache Kafka 4.x, client kafka-python" in repr(charged_twice().trace().summary())


def test_raw_tables_with_a_wrong_name_or_length_are_refused():
    with pytest.raises(ValueError, match="'mesages' is not a table"):
        TraceData({"mesages": {}}, {})
    with pytest.raises(ValueError, match="differ in length"):
        TraceData({"commits": {"time": [1, 2], "offset": [1]}}, {})


@pytest.mark.parametrize("low, high, kind", [
    (0, 127, "int8"), (-128, 0, "int8"), (0, 128, "int16"), (-2**31, 2**31 - 1, "int32"), (NEVER, 0, "int64")])
def test_large_columns_are_kept_narrow_and_read_wide(low, high, kind):
    column = np.full(WORTH_NARROWING, low)
    column[-1] = high
    data = TraceData({"commits": {"offset": column}}, {})
    assert data.tables["commits"]["offset"].dtype == kind
    assert data.column("commits", "offset").dtype == np.int64
    assert data.column("commits", "offset").tolist() == column.tolist()


def test_bytes_per_record_leaves_keys_and_values_out():
    build = Builder(orders=1)
    plain = build.write(at=0.0, offset=0, value="x" * 10_000, key="y" * 10_000)
    assert plain == "shop:0"
    assert build.trace().bytes_per_record() < 300


def test_every_kind_is_documented_once():
    text = columns.markdown()
    assert all(len(re.findall(rf"^\| `{kind}` \|", text, re.MULTILINE)) >= 1 for kind in columns.KINDS)
    assert not set(columns.MARKS) & set(columns.CONTROL_KINDS)
