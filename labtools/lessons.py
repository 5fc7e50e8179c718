"""The learner's copies of the lessons."""

from pathlib import Path

from labtools.console import Problem, quiet, say
from labtools.layout import COURSE, NOTEBOOKS, ROOT, venv_python

_REFRESH = """
import sys
from pathlib import Path
from simlib.course.copies import refresh
for line in refresh(Path(sys.argv[1]), Path(sys.argv[2])):
    print(line)
"""


def refresh_copies(course: Path = COURSE) -> None:
    """Bring the learner's folder up to date; a changed copy is never overwritten."""
    code, output = quiet([venv_python(), "-c", _REFRESH, NOTEBOOKS, course], cwd=ROOT)
    if code != 0:
        raise Problem(f"The lessons could not be copied to {course}:\n{output}")
    if output.strip():
        say(output.strip())


def find_lesson(number: str, course: Path = COURSE) -> Path:
    """The learner's copy of a lesson, by its number ("0" or "00") or its name ("00_start_here")."""
    lessons = sorted(course.glob("[0-9][0-9]*_*.ipynb"))
    if found := [lesson for lesson in lessons if lesson.stem.startswith(number.zfill(2))]:
        return found[0]
    known = ", ".join(lesson.stem for lesson in lessons) or "none yet"
    raise Problem(f"{number!r}: no such lesson. The lessons here: {known}.")
