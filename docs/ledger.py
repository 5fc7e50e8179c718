"""Makes docs/fidelity.md, the ledger, from the tests, the register and the lessons: `python lab.py ledger`."""

import re
import tomllib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from docs.evidence import ROOT, Tests, collected, locked_version, place_of, verdict_of
from simlib.course.lesson_source import find_lessons, read_lesson
from simlib.course.proofreading import cited_statements
from simlib.data import data_file
from simlib.real.artifacts import KAFKA_VERSION
from simlib.statements import REGISTER_FILE, Statement, statements

DOCS = ROOT / "docs"
PAGE = DOCS / "fidelity.md"
README = ROOT / "README.md"
HEAD = DOCS / "ledger_head.md"
GAPS = DOCS / "gaps.toml"
VERDICTS = ("agrees", "differs", "simulated only", "not modelled", "no test")
COLUMNS = ("id", "statement", "simulated", "real", "verdict", "simplified", "not modelled", "lessons")
SECTION = re.compile(r"^# --- (?P<title>.+?) -+\n(?:# (?P<about>.+)\n)?|^id = \"(?P<id>.+)\"$", re.MULTILINE)
SHOWN_FIRST = ("tests/kafka/conformance/", "tests/patterns/", "tests/theory/")
"""Where a whole run shows it; tests of single parts come after."""


@dataclass(frozen=True)
class Row:
    """One line of the table, and what it is counted as."""

    cells: tuple[str, ...]
    verdict: str
    place: str = ""

    def __str__(self) -> str:
        return "| " + " | ".join(cell.replace("|", r"\|") for cell in self.cells) + " |"


@dataclass(frozen=True)
class Section:
    """A heading with its rows."""

    title: str
    about: str
    rows: tuple[Row, ...]


def main() -> None:
    tests = collected(ROOT / "tests")
    PAGE.write_text(page(tests), encoding="utf-8")
    README.write_text(counted(README.read_text(encoding="utf-8"), tests), encoding="utf-8")
    print(f"wrote {PAGE.relative_to(ROOT)}, and its numbers into README.md")


# -- the table


def row(one: Statement, tests: dict[str, Tests], lessons: dict[str, list[str]]) -> Row:
    """A statement of the register."""
    carried = tests["statement"].get(one.id, [])
    simulated = most_telling([test for test in carried if not place_of(test)], one)
    otherwise = tests["differs"].get(one.id, [])
    real = most_telling(otherwise or [test for test in carried if place_of(test)], one)
    verdict = verdict_of(one, tests)
    cells = (one.id, one.heading, link(simulated) if simulated else "no test", _real(real, one), verdict,
             one.simplified, one.not_modelled, ", ".join(lessons.get(one.id, [])))
    return Row(cells, verdict, place_of(real))


def most_telling(found: list[str], one: Statement) -> str:
    """Of several tests the one whose name says the most of what the statement says; of equals the whole run."""
    said = _words(f"{one.line} {one.given} {one.when} {one.then}")

    def rank(test: str) -> tuple[float, int]:
        words = _words(_name(test))
        folder = next((i for i, folder in enumerate(SHOWN_FIRST) if test.startswith(folder)), len(SHOWN_FIRST))
        return -len(words & said) / len(words) ** 0.5, folder

    return min(found, key=rank, default="")


def _words(text: str) -> set[str]:
    return set(re.findall(r"[a-z0-9]+", text.lower()))


def _name(test: str) -> str:
    return re.sub(r"\[.*", "", test).split("::", 1)[1].removeprefix("test_").replace("_", " ")


def _real(test: str, one: Statement) -> str:
    shown = [f"{place_of(test)}: {link(test)}"] if test else []
    return "<br>".join([*shown, *([f"*kafka-python*: {one.kafka_python}"] if one.kafka_python else [])])


def link(test: str) -> str:
    """A test's name in words, and the way to its file."""
    return f"[{_name(test)}](../{test.split('::', 1)[0]})"


def sections(tests: dict[str, Tests]) -> Iterator[Section]:
    """The register in its own order."""
    register, lessons = statements(), citing_lessons()
    text = data_file(REGISTER_FILE).read_text(encoding="utf-8")
    title, about, rows = "", "", []
    for found in SECTION.finditer(text):
        if found["id"]:
            rows.append(row(register[found["id"]], tests, lessons))
            continue
        if rows:
            yield Section(title, about, tuple(rows))
        title, about, rows = found["title"], found["about"] or "", []
    yield Section(title, about, tuple(rows))


def gaps() -> Iterator[Section]:
    """What is in no register, neither whole nor in parts (K102a)."""
    registered = {re.sub(r"(?<=\d)[a-z]$", "", name) for name in statements()}
    for one in tomllib.loads(GAPS.read_text(encoding="utf-8"))["section"]:
        rows = [Row((name, line, "no test", "", one["verdict"], "", "", ""), one["verdict"])
                for name, line in one["lines"].items() if name not in registered]
        yield Section(f"Not claimed: {one['title']}", one["why"], tuple(rows))


@cache
def citing_lessons() -> dict[str, list[str]]:
    """Statement id -> numbers of the lessons that cite it."""
    found: dict[str, list[str]] = {}
    for lesson in map(read_lesson, find_lessons(ROOT / "lessons")):
        for name in dict.fromkeys(cited_statements(lesson)):
            found.setdefault(name, []).append(lesson.number)
    return found


# -- the page


def page(tests: dict[str, Tests]) -> str:
    """The whole of docs/fidelity.md."""
    claimed, unclaimed = list(sections(tests)), [section for section in gaps() if section.rows]
    head = HEAD.read_text(encoding="utf-8").format(count=headline(claimed), kafka=KAFKA_VERSION,
                                                   client=locked_version("kafka-python"))
    return "\n".join([head, *overview([*claimed, *unclaimed]),
                      *(line for one in [*claimed, *unclaimed] for line in shown(one))])


def headline(claimed: list[Section]) -> str:
    """How many statements, and what became of them."""
    rows = [row for section in claimed for row in section.rows]
    agreeing = Counter(row.place for row in rows if row.verdict == "agrees")
    counts = Counter(row.verdict for row in rows)
    parts = [f"{number} agree on {place}" for place, number in agreeing.most_common()]
    parts += [f"{counts['differs']} differ", f"{counts['simulated only']} are simulated only",
              f"{counts['not modelled']} are not modelled", f"{counts['no test']} have no test"]
    return f"{len(rows)} statements: {', '.join(parts)}."


def counted(readme: str, tests: dict[str, Tests]) -> str:
    """The README with the numbers of today."""
    rows = [row for section in sections(tests) for row in section.rows]
    kafka = f"Apache Kafka {KAFKA_VERSION}"
    agreeing = sum(row.verdict == "agrees" and row.place == kafka for row in rows)
    readme = re.sub(r"\d+(?= statements about Kafka)", str(len(rows)), readme)
    readme = re.sub(r"\d+ agree on a real Apache Kafka [\d.]+\d", f"{agreeing} agree on a real {kafka}", readme)
    return re.sub(r"\d+ differ\b", f"{sum(row.verdict == 'differs' for row in rows)} differ", readme)


def overview(all_sections: list[Section]) -> Iterator[str]:
    """How many of each verdict, section by section."""
    yield from _table(("", *VERDICTS))
    for one in all_sections:
        counts = Counter(row.verdict for row in one.rows)
        yield f"| {one.title} | " + " | ".join(str(counts[verdict] or "") for verdict in VERDICTS) + " |"
    yield ""


def shown(section: Section) -> Iterator[str]:
    """A section as lines of Markdown."""
    yield from (f"## {section.title}", "")
    if section.about:
        yield from (section.about, "")
    yield from _table(COLUMNS)
    yield from map(str, section.rows)
    yield ""


def _table(names: tuple[str, ...]) -> Iterator[str]:
    yield "| " + " | ".join(names) + " |"
    yield "|" + "---|" * len(names)


if __name__ == "__main__":
    main()
