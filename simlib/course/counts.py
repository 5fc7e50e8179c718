"""How much a lesson asks of its reader: words, cells, lines a cell; and the limits."""

import re
from statistics import median

from simlib.course.lesson_source import LessonSource

WORDS_AN_HOUR = 1_800
CELLS_AN_HOUR = 30
LINES_A_CELL = 12
LINES_A_SERVICE = 20
MEDIAN_LINES = 4
STATEMENTS = r"\[([KPCT]\d[^\]]*)\](?!\()"        # [K86], [P09, C01]; a link is none
ASIDES = (r"`[^`]*`", r"\]\([^)]*\)", STATEMENTS, r"[Ll]esson \d+", r"\d+ minutes", r"(?m)^\s*\d+\. ", r"\d\d:\d\d")


def words(text: str) -> int:
    """Words to be read: folded answers, code blocks and addresses do not count."""
    for unread in (r"<details>.*?</details>", r"```.*?```", r"\]\([^)]*\)", r"<[^>]+>"):
        text = re.sub(unread, " ", text, flags=re.DOTALL)
    return len(re.findall(r"[^\W_][\w'’.,-]*", text))


def code_lines(text: str) -> int:
    """Lines that are not empty."""
    return sum(bool(line.strip()) for line in text.splitlines())


def complaints(lesson: LessonSource) -> list[str]:
    """Where a lesson is larger than its minutes allow, one sentence each."""
    cells, hours = lesson.shown(), lesson.header["minutes"] / 60
    code = [cell for cell in cells if cell.kind == "code"]
    read = sum(words(cell.text) for cell in cells if cell.kind == "markdown")
    found = []
    if read > WORDS_AN_HOUR * hours:
        found.append(f"{read} words; {lesson.header['minutes']} minutes allow {WORDS_AN_HOUR * hours:.0f}")
    if len(code) > CELLS_AN_HOUR * hours:
        found.append(f"{len(code)} code cells; {lesson.header['minutes']} minutes allow {CELLS_AN_HOUR * hours:.0f}")
    if code and median(code_lines(cell.text) for cell in code) > MEDIAN_LINES:
        found.append(f"half of the code cells have more than {MEDIAN_LINES} lines")
    for cell in code:
        limit = LINES_A_SERVICE if "service" in cell.tags else LINES_A_CELL
        if code_lines(cell.text) > limit:
            found.append(f"cell {cell.name} has {code_lines(cell.text)} lines; {limit} are allowed")
    return found


def unclaimed_numbers(lesson: LessonSource) -> list[str]:
    """Numbers in the prose that no later claim repeats, by cell: candidates for a claim cell."""
    claims = "\n".join(cell.text for cell in lesson.cells if "claim" in cell.tags)
    proved = {float(found) for found in re.findall(r"\d+(?:\.\d+)?", claims.replace("_", ""))}
    return [
        f"{cell.name}: {number}"
        for cell in lesson.shown()
        if cell.kind == "markdown"
        for number in prose_numbers(cell.text)
        if number not in proved
    ]


def prose_numbers(text: str) -> list[float]:
    """The numbers of more than one digit in prose, outside code, links, statement ids, lists and minutes."""
    for aside in ASIDES:
        text = re.sub(aside, " ", text)
    return [float(found) for found in re.findall(r"(?<![\w.])\d+(?:\.\d+)?(?![\w])", text) if len(found) > 1]

