"""Around the lessons: the glossary has every word of the course, the teacher's guide every lesson and its routes."""

import re
from pathlib import Path

import pytest

from simlib.course.glossary import read_terms
from simlib.course.lesson_source import LessonError, find_lessons, read_lesson
from simlib.course.routes import LESSONS, ROUTES
from simlib.course.teachers_guide import page, teachers_guide

ROOT = Path(__file__).resolve().parents[2]
TEACHING = ROOT / "lessons" / "teaching.md"
FIRST = read_lesson(find_lessons(ROOT / "lessons", "00")[0])
# What the course set out to explain, with the lessons that do.
PROMISED = {
    "event": "00", "producer": "00", "consumer": "00", "message broker": "00", "topic": "04, 11", "queue": "11",
    "event sourcing": "09", "CQRS": "10", "idempotency": "06", "dead letter queue": "12", "eventual consistency": "10",
    "correlation id": "13", "partition": "04", "consumer group": "04",
}  # fmt: skip


def test_the_glossary_has_every_promised_term_in_its_lesson():
    terms = read_terms(ROOT / "lessons" / "glossary.md")
    assert {name: terms[name].lesson for name in PROMISED} == PROMISED


def test_every_entry_belongs_to_a_lesson_of_the_course():
    numbers = {lesson.number for lesson in LESSONS}
    for term in read_terms(ROOT / "lessons" / "glossary.md").values():
        assert set(re.split(r",\s*", term.lesson)) <= numbers, term.term


def section(text: str, name: str) -> str:
    return re.search(rf"^### {name}\n(.*?)(?=^##|\Z)", text, flags=re.DOTALL | re.MULTILINE)[1]


@pytest.mark.parametrize(("name", "route", "minutes"), [
    ("40 minutes", "40 minutes", 40), ("Half a day", "half a day", 180), ("A day", "one day", 360),
])  # fmt: skip
def test_a_written_route_visits_the_lessons_of_that_route_without_a_gap(name, route, minutes):
    text = section(TEACHING.read_text(encoding="utf-8"), name)
    visited = set(re.findall(r"\{(\d\d[A-Z]?)\}", text))
    assert set(ROUTES[route]) <= visited
    times = [(int(begin), int(end)) for begin, end in re.findall(r"^\| (\d+)-(\d+) \|", text, flags=re.MULTILINE)]
    assert times[0][0] == 0 and times[-1][1] == minutes
    assert all(before[1] == after[0] for before, after in zip(times, times[1:], strict=False))


def test_what_is_not_written_is_marked_as_planned():
    guide = teachers_guide(TEACHING, [FIRST])
    assert "**00**," in guide and "**05A** (planned)" in guide and "{0" not in guide
    assert "## Planned" in guide and "17 Move a monolith's checkout to events" in guide


def test_a_lessons_page_has_minutes_vote_wrong_answers_and_what_to_cut():
    text = page(FIRST)
    assert "20 minutes. They need: Python functions, async and await." in text
    assert "| 20 | What happens if I kill a consumer? |" in text
    assert "**The vote.** The question before the first run" in text and "**What to cut.** The second look" in text
    assert "| a group for each | ... a group of its own ... |" in text


def test_a_route_to_a_lesson_that_nobody_plans_is_refused(tmp_path):
    (tmp_path / "teaching.md").write_text("first {00}, then {42A}", encoding="utf-8")
    with pytest.raises(LessonError, match="no lesson 42"):
        teachers_guide(tmp_path / "teaching.md", [FIRST])
