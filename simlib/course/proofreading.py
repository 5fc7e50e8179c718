"""What can be found wrong with a lesson by reading it: sizes, numbers, statements, terms, links, exercises."""

import re
from pathlib import Path
from urllib.parse import urlsplit

from simlib.course.counts import STATEMENTS, complaints, unclaimed_numbers
from simlib.course.exercises import of_lesson
from simlib.course.glossary import missing_terms, read_terms
from simlib.course.lesson_source import LessonSource
from simlib.course.routes import LESSONS
from simlib.statements import statements

LINKS_OUT = 3


def read_through(lesson: LessonSource, lessons: Path) -> dict[str, list[str]]:
    """What is wrong with a lesson, by what was looked at; `lessons` is the folder of the sources."""
    return {
        "header agrees with the course": header_troubles(lesson),
        "words, cells and lines fit the minutes": complaints(lesson),
        "numbers in the prose have a claim": unclaimed_numbers(lesson),
        "statements are registered, tested and not disproved": unknown_statements(lesson),
        "terms in italics are in the glossary": missing_terms(lesson, read_terms(lessons / "glossary.md")),
        "links are links": link_troubles(lesson, lessons),
    }


def header_troubles(lesson: LessonSource) -> list[str]:
    """Where the header, the exercises and the list of lessons say different things."""
    header, exercises = lesson.header, of_lesson(lesson.number)
    wanted = [goal["exercise"] for goal in header["objectives"]]
    found = [f"no exercise {name} for an objective" for name in wanted if name not in exercises]
    if sum(episode["minutes"] for episode in header["episodes"]) > header["minutes"]:
        found.append("the episodes take longer than the lesson")
    planned = next((item for item in LESSONS if item.number == lesson.number), None)
    said = (lesson.name, header["minutes"], header["question"])
    if planned is None or said != (planned.name, planned.minutes, planned.question):
        found.append(f"the header says {said}; simlib/course/routes.py says {planned}")
    return found


def unknown_statements(lesson: LessonSource) -> list[str]:
    """Cited ids that the register does not have, or not as something that holds; a lesson without any is told, too."""
    register, cited = statements(), cited_statements(lesson)
    found = [f"{name}: not in data/statements.toml" for name in cited if name not in register]
    found += [f"{name}: {register[name].verdict}" for name in cited if name in register and not register[name].holds]
    return found if cited else ["none cited"]


def cited_statements(lesson: LessonSource) -> list[str]:
    """The ids in a lesson's marks, in order: [K86], [P09, C01]."""
    text = "\n".join(cell.text for cell in lesson.cells)
    return [name for marks in re.findall(STATEMENTS, text) for name in re.split(r",\s*", marks)]


def link_troubles(lesson: LessonSource, lessons: Path) -> list[str]:
    """Links that cannot work, as far as that can be seen without a network, and too few of them."""
    cells = [cell for cell in lesson.shown() if cell.kind == "markdown"]
    links = [(cell.name, link) for cell in cells for link in targets(cell.text)]
    found = [f"{name}: {link or 'an empty link'}" for name, link in links if not _may_work(link, lessons)]
    outside = {link for _, link in links if link.startswith("https:")}
    return found if len(outside) >= LINKS_OUT else [*found, f"{len(outside)} links to read on; {LINKS_OUT} are due"]


def targets(markdown: str) -> list[str]:
    """Where the links of a text lead; code is no link."""
    text = re.sub(r"```.*?```|`[^`]*`", " ", markdown, flags=re.DOTALL)
    return re.findall(r"\[[^\]]*\]\(\s*([^)]*?)\s*\)", text)


def _may_work(link: str, lessons: Path) -> bool:
    if not link.startswith(("http:", "https:")):
        notebooks = {"glossary.ipynb"} | {f"{path.stem}.ipynb" for path in lessons.glob("[0-9][0-9]_*.py")}
        return link.partition("#")[0] in notebooks
    parts = urlsplit(link)
    return parts.scheme == "https" and "." in parts.netloc and not re.search(r"\s|[.,;]$", link)
