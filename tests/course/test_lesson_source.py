"""Lesson sources: what is read, what is refused, how much a lesson may ask of its reader."""

from pathlib import Path

import pytest

from simlib.course.counts import complaints, unclaimed_numbers, words
from simlib.course.glossary import italics, missing_terms, read_terms
from simlib.course.lesson_source import LessonError, find_lessons, read_lesson

HEADER = """
# %% header [raw] tags=["header"]
# minutes = 20
# question = "Why?"
# needs = []
# cut = "nothing"
# vote = "the first question"
# [[episodes]]
# question = "Why?"
# minutes = 20
# [[objectives]]
# do = "say why"
# exercise = "99-why"
"""
BODY = """
# %% opening [markdown]
# # Why?
#
# An *event* and 45 seconds.

# %% sum
total = 1 + 1

# %% proof tags=["claim"]
assert total == 2
"""


def write(folder: Path, text: str, name: str = "99_why.py") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_a_lesson_is_read(tmp_path):
    lesson = read_lesson(write(tmp_path, HEADER + BODY))
    assert (lesson.number, lesson.stem, lesson.header["minutes"]) == ("99", "99_why", 20)
    assert [(cell.name, cell.kind) for cell in lesson.shown()] == [("opening", "markdown"), ("sum", "code")]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (BODY, "the first cell is the header"),
        (HEADER.replace("# minutes = 20\n# question", "# question", 1), r"lacks minutes \(int\)"),
        (HEADER.replace('# exercise = "99-why"', ""), r"lacks objectives\[0\].exercise"),
        (HEADER.replace("= 20", "= twenty", 1), "not TOML"),
        (HEADER + BODY + "\n# %% sum\n1", "two cells are called sum"),
        (HEADER + "\n# %%\nprint(1)", "needs a name"),
        (HEADER + '\n# %% x tags=["clam"]\nprint(1)', r"unknown tags \['clam'\]"),
    ],
)
def test_a_source_that_is_no_lesson_is_refused(tmp_path, text, says):
    with pytest.raises(LessonError, match=says):
        read_lesson(write(tmp_path, text))


def test_names_of_lessons(tmp_path):
    with pytest.raises(LessonError, match="NN_name.py"):
        read_lesson(write(tmp_path, HEADER, "why.py"))
    write(tmp_path, HEADER)
    assert [path.name for path in find_lessons(tmp_path, "99")] == ["99_why.py"]
    with pytest.raises(LessonError, match="98: not in"):
        find_lessons(tmp_path, "98")


def test_words_are_what_is_read():
    code, folded = "```python\nx = 1\n```", "<details><summary>Answer</summary>hidden words</details>"
    assert words(f"One two.\n{code}\n{folded} [three](four.ipynb) *five*") == 4


def lesson_with(tmp_path: Path, body: str):
    return read_lesson(write(tmp_path, HEADER + body))


def test_a_lesson_that_asks_too_much_is_named(tmp_path):
    assert complaints(lesson_with(tmp_path, BODY)) == []
    long_text = lesson_with(tmp_path, "\n# %% a [markdown]\n# " + "word " * 601)
    assert complaints(long_text) == ["601 words; 20 minutes allow 600"]
    many = lesson_with(tmp_path, "".join(f"\n# %% c{n}\nx = {n}\n" for n in range(11)))
    assert complaints(many) == ["11 code cells; 20 minutes allow 10"]
    long_cell = lesson_with(tmp_path, "\n# %% c\n" + "x = 1\n" * 13 + "\n# %% d\nx = 1\n\n# %% e\nx = 1\n")
    assert complaints(long_cell) == ["cell c has 13 lines; 12 are allowed"]
    service = lesson_with(tmp_path, '\n# %% c tags=["service"]\n' + "x = 1\n" * 20)
    assert complaints(service) == ["half of the code cells have more than 4 lines"]


def test_a_number_without_a_claim_is_found(tmp_path):
    assert unclaimed_numbers(lesson_with(tmp_path, BODY)) == ["opening: 45.0"]
    proved = BODY.replace("assert total == 2", "assert total * 22.5 == 45")
    assert unclaimed_numbers(lesson_with(tmp_path, proved)) == []


GLOSSARY = """
| term | meaning | everyday picture | often confused with | lesson |
|---|---|---|---|---|
| event | a fact | a note | a command | 00 |
"""


def test_a_term_without_an_entry_is_found(tmp_path):
    known = read_terms(write(tmp_path, GLOSSARY, "glossary.md"))
    assert known["event"].picture == "a note"
    assert missing_terms(lesson_with(tmp_path, BODY), known) == []
    assert missing_terms(lesson_with(tmp_path, BODY.replace("event", "broker")), known) == ["broker"]


def test_italics_are_terms_but_quotations_and_bold_are_not():
    assert italics('An *event*, **bold**, `a * b * c`, *"You took my money."* and *lag*') == ["event", "lag"]


def test_a_glossary_with_an_empty_column_is_refused(tmp_path):
    with pytest.raises(LessonError, match="event: each row has 5 filled columns"):
        read_terms(write(tmp_path, GLOSSARY.replace("a note", " "), "glossary.md"))
