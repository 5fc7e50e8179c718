"""A test of tests: every statement of the register has a test, every id a test carries is registered."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from simlib.data import DataFileError
from simlib.statements import statements

TESTS = Path(__file__).parent
WANTED = {
    **{f"K{number:02d}": "producers" for number in range(1, 30)},
    **{f"K{number}": "partitioners" for number in (39, 40, 41, 42, 43, "44a", "45a", "46a", "47a")},
    **{f"K{number}": "brokers" for number in range(44, 61)},
    **{f"K{number}": "logs" for number in (*range(61, 72), "71a")},
    **{f"K{number}": "consumers" for number in (*range(72, 80), *range(81, 102), "94a", "94b", "94c")},
    **{f"peer-T{number}": "peers" for number in (1, 2, 3, 6, 7, 8, 10, 11, 12)},
    **{f"P{number:02d}": "patterns" for number in (*range(1, 16), 28, 29, 30, *range(34, 43))},
    **{f"C{number:02d}": "code everybody copies" for number in (1, 2, 3, 6)},
    **{f"T{number}": "theory" for number in ("01", "04", "07", "10", "11", "12", "20", "21", "22", "33", "34")},
}
ON_A_REAL_KAFKA = re.compile(r"tests/(real/|conformance/.*\[real\])")


def collected(folder: Path) -> dict[str, list[str]]:
    """The statement ids in a folder of tests, with the tests that carry them."""
    command = [sys.executable, str(TESTS / "collected_statements.py"), str(folder)]
    alone = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}  # three times as fast
    shown = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", cwd=TESTS.parent, env=alone)
    assert shown.returncode == 0, shown.stdout + shown.stderr
    return json.loads(shown.stdout)


@pytest.fixture(scope="module")
def tested() -> dict[str, list[str]]:
    return collected(TESTS)


def test_every_statement_has_a_test(tested):
    untested = [statement_id for statement_id in statements() if statement_id not in tested]
    assert not untested, f"registered, but no test carries the id: {', '.join(untested)}"


def test_every_id_in_a_test_is_registered(tested):
    unknown = {name: tests for name, tests in tested.items() if name not in statements()}
    assert not unknown, f"not in data/statements.toml: {unknown}"


def test_the_register_holds_what_the_course_promises():
    missing = [name for name in WANTED if name not in statements()]
    assert not missing, f"missing from data/statements.toml: {', '.join(missing)}"


def test_the_register_says_what_was_tried_on_a_real_kafka(tested):
    tried = {name for name, tests in tested.items() if any(ON_A_REAL_KAFKA.match(test) for test in tests)}
    said = {name for name, one in statements().items() if name.startswith("K") and "real" in one.where}
    assert said == tried


def test_the_modules_named_in_the_register_exist():
    named = {path for one in statements().values() for path in re.findall(r"[\w/]+\.py", one.modelled)}
    missing = sorted(path for path in named if not (TESTS.parent / "simlib" / path).is_file())
    assert named and not missing


@pytest.mark.statement("peer-T12")
def test_every_statement_has_a_source_outside_the_project():
    inside = [name for name, one in statements().items() if not one.source or "simlib" in one.source]
    assert not inside


def test_only_tests_that_run_count(tmp_path):
    (tmp_path / "test_some.py").write_text(
        "import pytest\n"
        "pytestmark = pytest.mark.statement('K03')\n"
        "@pytest.mark.statement('K01', 'K02')\ndef test_one(): pass\n"
        "@pytest.mark.skip\n@pytest.mark.statement('K04')\ndef test_two(): pass\n"
        "@pytest.mark.xfail\n@pytest.mark.statement('K05')\ndef test_three(): pass\n"
        "@pytest.mark.statement('K06')\ndef no_test(): pass\n"
        "case = pytest.param(1, marks=pytest.mark.statement('K07'))\n"
        "@pytest.mark.parametrize('n', [case])\ndef test_four(n): pass\n",
        encoding="utf-8",
    )
    assert sorted(collected(tmp_path)) == ["K01", "K02", "K03", "K07"]


def test_tests_that_cannot_be_collected_are_an_error(tmp_path):
    (tmp_path / "test_broken.py").write_text("import no_such_module\n", encoding="utf-8")
    with pytest.raises(AssertionError, match="no_such_module"):
        collected(tmp_path)


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
    ("changes", "message"),
    [
        ({"source": '""'}, "K01: source is empty"),
        ({"when": None}, "K01: when is missing"),
        ({"model": '"x"'}, "K01: model is no field"),
        ({"given": "5"}, "K01: given is not text"),
        ({"id": '"k1"'}, "k1: an id looks like"),
        ({"where": '["moon"]'}, "it lists one or both of"),
        ({"where": "[]"}, "it lists one or both of"),
        ({"modelled": '""'}, "simplified must say why"),
        ({"then": '"broken'}, "cannot be read"),
    ],
)
def test_a_bad_entry_is_refused_by_name(tmp_path, changes, message):
    with pytest.raises(DataFileError, match=message):
        statements(register(tmp_path, **changes))


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
