"""A test of tests: every statement of the register has a test, every id a test carries is registered."""

import re
from pathlib import Path

import pytest

from docs import ledger
from docs.evidence import collected, place_of
from simlib.course.lesson_source import find_lessons, read_lesson
from simlib.course.proofreading import unknown_statements
from simlib.statements import statements

TESTS = Path(__file__).parent
WANTED = {
    **{f"K{number:02d}": "producers" for number in range(1, 30)},
    **{f"K{number}": "partitioners" for number in (39, 40, 41, 42, 43, "44a", "45a", "46a", "47a")},
    **{f"K{number}": "brokers" for number in range(44, 61)},
    **{f"K{number}": "logs" for number in (*range(61, 72), "71a")},
    **{f"K{number}": "consumers" for number in (*range(72, 80), *range(81, 103), "94a", "94b", "94c",
                                           *(f"102{letter}" for letter in "abcdefg"))},
    **{f"peer-T{number}": "peers" for number in (1, 2, 3, 5, 6, 7, 8, 9, 10, 11, 12, 13)},
    **{f"P{number:02d}": "patterns" for number in (*range(1, 16), 28, 29, 30, *range(34, 43))},
    **{f"C{number:02d}": "code everybody copies" for number in (1, 2, 3, 6)},
    **{f"T{number}": "theory" for number in ("01", "04", "07", "10", "11", "12", "20", "21", "22", "33", "34")},
}


@pytest.fixture(scope="module")
def carried() -> dict[str, dict[str, list[str]]]:
    """The ids in the marks of all tests, by mark."""
    return collected(TESTS)


@pytest.fixture(scope="module")
def tested(carried) -> dict[str, list[str]]:
    return carried["statement"]


def test_every_statement_has_a_test(tested):
    untested = [statement_id for statement_id in statements() if statement_id not in tested]
    assert not untested, f"registered, but no test carries the id: {', '.join(untested)}"


def test_every_id_in_a_test_is_registered(tested):
    unknown = {name: tests for name, tests in tested.items() if name not in statements()}
    assert not unknown, f"not in data/statements.toml: {unknown}"


def test_the_register_holds_what_the_course_promises():
    missing = [name for name in WANTED if name not in statements()]
    assert not missing, f"missing from data/statements.toml: {', '.join(missing)}"


def test_the_register_says_what_was_tried_elsewhere_than_in_the_simulator(carried):
    tried = {name for name, tests in carried["statement"].items() if any(map(place_of, tests))}
    assert {name for name, one in statements().items() if "real" in one.where} == tried
    assert {name for name, one in statements().items() if "otherwise" in one.where} == set(carried["differs"])


def test_who_shows_a_difference_is_no_test_of_the_simulator(carried):
    assert all(place_of(test) for tests in carried["differs"].values() for test in tests)


def test_the_ledger_is_what_the_tests_say(carried):
    made = ledger.page(carried)
    assert made == ledger.PAGE.read_text(encoding="utf-8"), "out of date: python lab.py ledger"
    readme = ledger.README.read_text(encoding="utf-8")
    assert "agree on a real Apache Kafka" in readme
    assert ledger.counted(readme, carried) == readme, "out of date: python lab.py ledger"
    shown = dict(re.findall(r"^\| (\S+) \|.*\| (agrees|differs|simulated only|not modelled|no test) \|", made, re.M))
    assert {name: shown[name] for name in statements()} == {name: one.verdict for name, one in statements().items()}


def test_a_lesson_claims_nothing_that_is_missing_or_disproved():
    lessons = [read_lesson(path) for path in find_lessons(ledger.ROOT / "lessons")]
    found = {lesson.stem: unknown_statements(lesson) for lesson in lessons}
    assert found and not any(found.values()), found


def test_a_statement_shows_what_became_of_its_tests():
    """Tested on both; without its test on a real Kafka; without any; with one that shows a difference."""
    def row(carried: list[str], differs: list[str]) -> str:
        return str(ledger.row(statements()["K86"], {"statement": {"K86": carried}, "differs": {"K86": differs}}, {}))

    virtual, real = (f"tests/conformance/test_groups_on_both.py::test_one[{on}]" for on in ("virtual", "real"))
    assert "| agrees |" in row([virtual, real], []) and "Apache Kafka" in row([virtual, real], [])
    assert "| simulated only |" in row([virtual], []) and "Apache Kafka" not in row([virtual], [])
    assert "| no test |  | no test |" in row([], [])
    assert "| differs |" in row([virtual, real], [real])


def test_what_is_registered_is_no_gap_any_more(tmp_path, monkeypatch):
    gaps = tmp_path / "gaps.toml"
    section = '[[section]]\ntitle = "queues"\nverdict = "no test"\nwhy = "w"\n'
    gaps.write_text(f'{section}[section.lines]\nK86 = "x"\nR01 = "y"\n', encoding="utf-8")
    monkeypatch.setattr(ledger, "GAPS", gaps)
    (section,) = ledger.gaps()
    assert [row.cells[:2] for row in section.rows] == [("R01", "y")]


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
    assert sorted(collected(tmp_path)["statement"]) == ["K01", "K02", "K03", "K07"]


def test_tests_that_cannot_be_collected_are_an_error(tmp_path):
    (tmp_path / "test_broken.py").write_text("import no_such_module\n", encoding="utf-8")
    with pytest.raises(RuntimeError, match="no_such_module"):
        collected(tmp_path)
