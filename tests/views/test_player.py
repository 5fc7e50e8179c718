"""The player before any browser: what is refused, what travels, what is told, where two runs differ."""

import gzip
import json
import zipfile
from base64 import b64decode, b64encode

import pytest
from handmade import Builder
from node import SCRIPTS, lay_out, node
from test_what_pictures_say import charged_twice

import simlib
from benchmarks.large_trace import million
from simlib import ConsumerGroup, Crash, Producer, Scenario, Topic, replace, run
from simlib.trace import Trace
from simlib.trace.columns import KINDS
from simlib.trace.sentences import SENTENCES
from simlib.trace.trace_data import FORMAT_VERSION, LATER, TraceData
from simlib.views.player import NotPlayable, export, play
from simlib.views.player.cast import Cast
from simlib.views.player.difference import first_difference
from simlib.views.player.packing import VERSION, pack
from simlib.views.player.recording import Recording
from simlib.views.player.script import FILES, HERE, look, module
from simlib.views.player.tape import Tape
from simlib.views.player.widget import SENT_ALONG, WHEN_RUN, Player
from simlib.views.storyboard import storyboard

HOSTILE = "<img src=x onerror=\"window.hacked=1\"></script><script>window.hacked=1</script>"
SHOP = Scenario(
    topics=[Topic("orders", partitions=2, replication_factor=3)], duration=20, seed=3,
    producers=[Producer("shop", topic="orders", rate=20, keys=5)],
    groups=[ConsumerGroup("billing", topic="orders", consumers=2, service_time=0.01)],
    faults=[Crash("billing-1", at=8, restart_after=4)])


def unpacked(piece: bytes) -> dict:
    """The head of a piece."""
    raw = gzip.decompress(piece)
    return json.loads(raw[4:4 + int.from_bytes(raw[:4], "little")])


def empty() -> Trace:
    return Trace(TraceData({}, {"actors": ["world"]}, None, {"ended": "quiet", "ended_at": 0}))


# -- what is refused


@pytest.mark.parametrize(("thing", "says"), [
    (None, "the player needs a trace; it was given NoneType"),
    (SHOP, "it was given Scenario. Give what run(scenario) returns"),
    (empty(), "this trace is empty: nothing was sent and nothing happened"),
    (Trace(TraceData({}, {}, None, {"folded": True})), "this trace is folded: it holds sums over many records"),
])
def test_what_cannot_be_played_is_refused_with_what_to_do(thing, says, tmp_path):
    for use in (play, lambda trace: export(trace, tmp_path / "story.html")):
        with pytest.raises(NotPlayable) as refused:
            use(thing)
        assert says in str(refused.value)


@pytest.mark.parametrize("start", [-1, 1_000])
def test_a_start_outside_the_run_is_refused(start):
    with pytest.raises(ValueError, match=r"this run goes from 0 to 8 s"):
        charged_twice().play(start=start)


def test_a_trace_saved_by_another_version_is_refused_and_one_of_before_without_later_tables_plays(tmp_path):
    trace = run(SHOP)
    trace.save(tmp_path / "shop.trace")
    other = json.dumps(FORMAT_VERSION + 1)
    with zipfile.ZipFile(tmp_path / "shop.trace") as saved, zipfile.ZipFile(tmp_path / "newer.trace", "w") as newer:
        for name in saved.namelist():
            newer.writestr(name, saved.read(name).replace(f'"format": {FORMAT_VERSION}'.encode(),
                                                          f'"format": {other}'.encode()))
    with pytest.raises(ValueError, match=f"is a trace of format {other}; this simlib reads format {FORMAT_VERSION}"):
        Trace.load(tmp_path / "newer.trace").play()
    data = trace.data
    old = TraceData({table: dict(columns) for table, columns in data.tables.items() if table not in LATER}, data.names,
                    data.scenario, data.meta)
    assert Recording(Trace(old)).state(10.0)["logs"] == Recording(trace).state(10.0)["logs"]


def test_only_html_files_are_written_and_only_so_many_panels_drawn(tmp_path):
    with pytest.raises(ValueError, match=r"give a name that ends in \.html"):
        charged_twice().export(tmp_path / "story.mp4")
    assert not list(tmp_path.iterdir())
    with pytest.raises(ValueError, match="a storyboard has from 1 to 8 panels"):
        charged_twice().plot.storyboard(panels=0)


def test_a_page_that_no_browser_would_open_is_not_written(monkeypatch, tmp_path):
    monkeypatch.setattr("simlib.views.player.offline.MOST_BYTES", 100)
    with pytest.raises(ValueError, match="too long for one page"):
        charged_twice().export(tmp_path / "story.html")


def test_a_trace_with_one_event_plays():
    build = Builder(orders=1)
    build.create(at=1.0)
    recording = Recording(build.trace("quiet", at=1.0))
    assert recording.index()["events"] == 1
    assert recording.state(1.0)["created"] == [1]
    assert build.trace("quiet", at=1.0).plot.storyboard().description.startswith("1 moment from 1 to 1 s.")


# -- what travels


def test_an_index_says_its_version_and_javascript_reads_no_other(tmp_path):
    recording = Recording(charged_twice())
    assert unpacked(pack(recording.index()))["version"] == VERSION
    folder = lay_out(recording, tmp_path / "good")
    assert json.loads(node(SCRIPTS / "told.mjs", folder))
    raw = gzip.decompress((folder / "index.bin").read_bytes())
    (folder / "index.bin").write_bytes(gzip.compress(raw.replace(f'"version":{VERSION}'.encode(), b'"version":9')))
    said = json.loads(node(SCRIPTS / "told.mjs", folder))
    assert said == {"refused": "this is a recording of version 9; this player reads version 2. Make it again with the "
                               "simlib that is installed now, or open it with the one that made it."}


def test_a_short_trace_travels_whole_and_of_a_long_one_only_the_index(monkeypatch):
    trace = run(SHOP)
    assert [len(slices) for slices in trace.play().slices] == [len(Recording(trace))]
    monkeypatch.setattr("simlib.views.player.recording.ROWS_OF_A_SLICE", 40)
    long = trace.play()
    assert len(Recording(trace)) > SENT_ALONG and long.slices == [[]]


def test_the_curve_reaches_what_is_behind_at_most():
    trace = run(replace(SHOP, {"producers.shop.rate": 3, "duration": 60}))
    behind, most = {}, 0
    for _, rows in trace.lag.groupby("time"):
        behind.update(zip(rows.partition, rows.lag, strict=True))
        most = max(most, sum(behind.values()))
    curve = Recording(trace).index()["lag"]
    assert max(curve) == most > 0 and len(curve) == 240
    assert curve[-1] >= sum(behind.values())


def test_the_kernel_answers_every_question_and_says_what_was_wrong_with_it(monkeypatch):
    widget = charged_twice().play()
    sent = []
    monkeypatch.setattr(Player, "send", lambda self, content, buffers=None: sent.append((content, buffers)))
    for question in ({"track": 0, "slice": 0}, {"track": 0, "life": 0}, {"track": 0, "slice": 999}):
        widget._asked(widget, question, [])
    assert [content["name"] for content, _ in sent] == ["slice 0", "life 0", "slice 999"]
    assert unpacked(sent[0][1][0])["base"]["created"] == [0, 0, 0]
    assert unpacked(sent[1][1][0])["life"] == 0
    assert sent[2] == ({"track": 0, "name": "slice 999", "error": sent[2][0]["error"]}, None)
    assert "IndexError" in sent[2][0]["error"]


def test_the_life_of_a_record_has_its_rows_and_the_commit_that_covers_it():
    head = Recording(charged_twice()).life(0)
    raw = gzip.decompress(head)
    assert unpacked(head)["records"] == {"0": [0, 0, None, None]}
    assert unpacked(head)["rows"] == 9, "created, written, told, handed, charged, handed, charged, committed, done"
    assert len(raw) > 9


# -- what is told


def test_every_kind_of_row_has_its_sentence():
    assert not KINDS.keys() - SENTENCES.keys()


def test_javascript_tells_the_same_story_as_python_in_steps(tmp_path):
    told = json.loads(node(SCRIPTS / "told.mjs", lay_out(Recording(charged_twice()), tmp_path / "pieces")))
    assert told["lines"] == [
        "0.0 shop created shop:0 for orders-0.",
        "0.001 broker-0 wrote shop:0 at orders-0 offset 0.",
        "0.003 shop was told that shop:0 is written.",
        "0.5 billing-0 was handed shop:0 (orders-0 offset 0).",
        "0.6 billing-0 did charge order-1.",
        "0.6 billing-0 died.",
        "1.6 billing-0 was back.",
        "2.0 billing-0 was handed shop:0 (orders-0 offset 0) again.",
        "2.1 billing-0 did charge order-1 again (first at 0.6 s).",
        "2.15 billing-0 committed orders-0: 1.",
        "2.2 billing-0 was done with shop:0."]
    assert told["life"] == [line for line in told["lines"] if "died" not in line and "back" not in line]
    assert [moment["text"] for moment in Recording(charged_twice()).index()["moments"]] == [
        line.partition(" ")[2] for line in (told["lines"][5:9])]


def test_the_tests_of_the_javascript_itself(tmp_path):
    node("--test", *sorted(SCRIPTS.glob("*.test.mjs")))


def test_one_module_is_made_of_all_files_and_of_nothing_else():
    text = module()
    assert {path.stem for path in HERE.glob("*.js")} == set(FILES)
    assert "import " not in "\n".join(line for line in text.splitlines() if line.startswith("import"))
    assert text.count("export default") == 1
    assert "http" not in text.replace("http://www.w3.org/2000/svg", "")


# -- who is where, in which colour


def test_the_same_actor_has_the_same_place_and_colour_as_in_the_other_pictures():
    cast = Cast(run(SHOP))
    by_name = {actor["name"]: (actor["role"], actor["colour"]) for actor in cast.actor_table()}
    assert by_name["shop"] == ("producer", "#222222") and by_name["broker-1"] == ("broker", "#222222")
    assert by_name["billing-1"] == ("member", "#E69F00") and by_name["controller-0"][0] == ""
    places = cast.places()
    assert places["shop"] < places["broker-1"] < places["billing-1"] < places["controller-0"]
    replicas = [[cast.actors[code] for code in one["replicas"]] for one in cast.partition_table()]
    assert replicas[1:] == [["broker-0", "broker-1", "broker-2"], ["broker-1", "broker-2", "broker-0"]]


def test_without_a_note_of_the_replicas_whoever_wrote_first_leads():
    cast = Cast(charged_twice())
    assert [[cast.actors[code] for code in one["replicas"]] for one in cast.partition_table()] == [["broker-0"]]


# -- two runs


def test_the_first_difference_of_two_runs_is_found_and_told():
    calm, killed = run(replace(SHOP, "faults", ())), run(SHOP)
    found = first_difference(Tape(calm), Tape(killed))
    assert found.time == 8.0 and found.after == "billing-1 died."
    assert found.before.startswith("nothing at that moment (8.0")
    assert first_difference(Tape(killed), Tape(run(SHOP))) is None
    widget = simlib.play(calm, killed)
    assert widget.difference["time"] == 8.0 and len(widget.indexes) == 2


def test_a_run_that_stops_earlier_differs_where_it_stops():
    build, more = Builder(orders=1), Builder(orders=1)
    for one in (build, more):
        one.create(at=1.0)
    more.create(at=2.0)
    found = first_difference(Tape(build.trace(at=3.0)), Tape(more.trace(at=3.0)))
    assert (found.time, found.before, found.after) == (2.0, "", "shop created shop:1 for orders-0.")


# -- nothing in a trace becomes markup


def hostile() -> Trace:
    build = Builder(orders=1)
    order = build.write(value={"name": HOSTILE}, key=HOSTILE)
    build.deliver(order, 0, 0.5, 0.6)
    build.effect("charge", HOSTILE, 0.55, message=order)
    return build.trace("quiet", at=2.0)


def test_values_in_an_exported_file_are_text(tmp_path):
    hostile().export(tmp_path / "story.html")
    page = (tmp_path / "story.html").read_text(encoding="utf-8")
    assert "<img src=x" not in page and page.count("</script>") == 2
    charged_twice().export(tmp_path / "titles.html", charged_twice(), titles=(HOSTILE, "b"))
    assert "<img src=x" not in (tmp_path / "titles.html").read_text(encoding="utf-8")


def test_an_exported_file_needs_nothing_but_itself_and_is_the_same_every_time(tmp_path):
    for name in ("one.html", "two.html"):
        charged_twice().export(tmp_path / name, expected={"charge": 1})
    page = (tmp_path / "one.html").read_text(encoding="utf-8")
    assert page == (tmp_path / "two.html").read_text(encoding="utf-8")
    assert "http" not in page.replace("http://www.w3.org/2000/svg", "").replace("http-equiv", "")
    assert "default-src 'none'" in page and "data:image/png;base64," in page


# -- without JavaScript


def test_where_no_javascript_runs_the_player_is_a_picture_with_a_caption():
    widget = charged_twice().play()
    bundle = widget._repr_mimebundle_()
    data = bundle[0] if isinstance(bundle, tuple) else bundle
    assert data["image/png"].startswith("iVBOR") and "application/vnd.jupyter.widget-view+json" in data
    assert data["text/plain"] == storyboard(charged_twice()).description
    assert repr(widget) == repr(charged_twice().play())


def test_a_notebook_keeps_the_film_and_after_it_the_picture_each_in_an_output_of_its_own(monkeypatch):
    shown = []
    monkeypatch.setattr("IPython.display.publish_display_data", lambda data, metadata=None: shown.append(data))
    charged_twice().play()._ipython_display_()
    film, still = shown
    assert film["text/plain"] == WHEN_RUN and "application/vnd.jupyter.widget-view+json" in film
    assert still.keys() == {"image/png", "text/plain"}
    assert size(still["image/png"])[1] > size(b64encode(storyboard(charged_twice()).png))[1], "its caption is in it"
    assert ".sp-controls) + .jp-OutputArea-child:has(.jp-RenderedImage) { display: none; }" in look()


def size(png: str | bytes) -> tuple[int, ...]:
    """Width and height of a PNG in base64."""
    header = b64decode(png)[16:24]
    return int.from_bytes(header[:4], "big"), int.from_bytes(header[4:], "big")


def test_the_storyboard_shows_the_telling_moments_and_the_end():
    assert charged_twice().plot.storyboard().description == (
        "5 moments from 0.6 to 8 s. In the end billing was handed 2 records, 1 of them again. "
        "billing-0 crashed at 0.6 s (back at 1.6 s).")
    assert charged_twice().plot.storyboard().png.startswith(b"\x89PNG")


# -- large traces


@pytest.mark.slow
def test_of_a_million_records_an_index_is_sent_and_one_slice_when_it_is_asked_for():
    """Both are small. How long it takes is measured by the benchmarks."""
    widget = million().play()
    recording = widget.recordings[0]
    middle = recording.slice(len(recording) // 2)
    assert widget.slices == [[]]
    assert len(widget.indexes[0]) < 100_000 and len(middle) < 100_000
