"""What a register must look like: everything wrong with one is said by name."""

import pytest

import simlib
from simlib.data import DataFileError
from simlib.statements import statements

GOOD = {
    "id": '"K01"',
    "given": '"a"',
    "when": '"b"',
    "then": '"c"',
    "source": '"d"',
    "modelled": '"e"',
    "simplified": '""',
    "where": '["simulator"]',
}


def register(tmp_path, **changes):
    """A register with one entry; a change to None leaves the field out."""
    lines = [f"{name} = {text}" for name, text in {**GOOD, **changes}.items() if text is not None]
    path = tmp_path / "statements.toml"
    path.write_text("\n".join(["[[statement]]", *lines, ""]), encoding="utf-8")
    return path


def test_a_good_register_is_read(tmp_path):
    statement = statements(register(tmp_path))["K01"]
    assert (statement.then, statement.where) == ("c", ("simulator",))


@pytest.mark.parametrize(
    ("changes", "verdict", "holds"),
    [
        ({}, "simulated only", True),
        ({"where": '["simulator", "real"]'}, "agrees", True),
        ({"where": '["simulator", "real", "otherwise"]'}, "differs", False),
        ({"modelled": '""', "not_modelled": '"f"'}, "not modelled", False),
    ],
)
def test_the_verdict_follows_from_where_it_was_tested(tmp_path, changes, verdict, holds):
    statement = statements(register(tmp_path, **changes))["K01"]
    assert (statement.verdict, statement.holds) == (verdict, holds)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"source": '""'}, "K01: source is empty"),
        ({"when": None}, "K01: when is missing"),
        ({"model": '"x"'}, "K01: model is no field"),
        ({"given": "5"}, "K01: given is not text"),
        ({"id": '"k1"'}, "k1: an id looks like"),
        ({"where": '["moon"]'}, "it lists one or more of"),
        ({"where": "[]"}, "it lists one or more of"),
        ({"modelled": '""'}, "not_modelled must say why"),
        ({"then": '"broken'}, "cannot be read"),
    ],
)
def test_a_bad_entry_is_refused_by_name(tmp_path, changes, message):
    with pytest.raises(DataFileError, match=message):
        statements(register(tmp_path, **changes))


def test_a_mark_can_be_looked_up():
    shown = str(simlib.statement("K86"))
    assert shown.startswith("K86: A killed member's partitions") and "verdict: agrees" in shown
    assert "K99: Lag" in simlib.statement("K99")._repr_html_()


def test_what_is_shown_in_a_notebook_is_escaped(tmp_path):
    page = statements(register(tmp_path, then='"a < b"', line='"1 < 2 & 3"'))["K01"]._repr_html_()
    assert "a &lt; b" in page and "1 &lt; 2 &amp; 3" in page and "a < b" not in page


def test_an_unknown_mark_is_refused_with_its_neighbours():
    with pytest.raises(LookupError, match="no statement 'K86x'; there are .* among them .*K86"):
        simlib.statement("K86x")


def test_repeats_an_empty_register_and_no_register_are_refused(tmp_path):
    path = register(tmp_path)
    path.write_text(path.read_text(encoding="utf-8") * 2, encoding="utf-8")
    with pytest.raises(DataFileError, match="K01 stands there twice"):
        statements(path)
    path.write_text("", encoding="utf-8")
    with pytest.raises(DataFileError, match="no \\[\\[statement\\]\\]"):
        statements(path)
    with pytest.raises(DataFileError, match="cannot be read"):
        statements(tmp_path / "none.toml")
