"""The nets hold: each kind of rot that a notebook can have makes something fail."""

from pathlib import Path

import nbformat
import pytest
from nbclient.exceptions import CellExecutionError
from nets import leftovers, nbval, uncounted

from simlib.course.build import differences
from simlib.course.lesson_source import Cell
from simlib.course.notebook import execute, notebook

pytestmark = pytest.mark.slow

CELLS = [
    Cell("title", "markdown", "# A page"),
    Cell("sum", "code", "print(40 + 2)"),
    Cell("guess", "code", "from simlib.course import predict, reveal\npredict('q', 'How many?')\nreveal('q', 42)"),
]


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    book = notebook("99", CELLS)
    execute(book)
    path = tmp_path_factory.mktemp("book") / "page.ipynb"
    nbformat.write(book, path)
    return path


def altered(page: Path, change) -> Path:
    book = nbformat.read(page, as_version=4)
    change(book)
    path = page.with_name("altered.ipynb")
    nbformat.write(book, path)
    return path


def test_an_executed_page_passes_and_a_changed_digit_fails(page, tmp_path):
    def change(book):
        book.cells[1].outputs[0]["text"] = "43\n"

    done = nbval([page, altered(page, change)], tmp_path, strict=True)
    assert done.returncode == 1 and "1 failed, 3 passed" in done.stdout, done.stdout + done.stderr
    assert "..F." in done.stdout and "43" in done.stdout     # the altered page comes second


def test_a_false_claim_fails():
    book = notebook("99", [Cell("claim", "code", "assert 40 + 2 == 43", ("claim",))])
    with pytest.raises(CellExecutionError, match="AssertionError"):
        execute(book)


def test_a_missing_execution_count_is_found(page):
    book = nbformat.read(page, as_version=4)
    assert uncounted(book) == []
    book.cells[1].execution_count = None
    assert uncounted(book) == ["99-sum"]


def test_a_leftover_in_a_learners_notebook_is_found(page):
    assert leftovers(notebook("99", CELLS)) == []
    assert leftovers(nbformat.read(page, as_version=4)) == ["99-sum", "99-guess"]


@pytest.mark.parametrize(
    ("part", "change"),
    [
        ("cell 99-sum: source", lambda book: book.cells[1].update(source="print(42)")),
        ("cell 99-sum: outputs", lambda book: book.cells[1].update(outputs=[])),
        ("cell 99-sum: metadata", lambda book: book.cells[1].update(metadata={"tags": ["x"]})),
        ("cell 99-title: id", lambda book: book.cells[0].update(id="other")),
        ("metadata", lambda book: book.update(metadata={})),
        ("3 cells against 2", lambda book: book.cells.pop()),
    ],
)
def test_a_notebook_that_was_edited_is_told_from_a_generated_one(page, part, change):
    made = nbformat.read(page, as_version=4)
    edited = nbformat.read(altered(page, change), as_version=4)
    assert differences(made, made) == []
    assert differences(made, edited) == [part]


def test_other_image_bytes_are_no_difference(page):
    def picture(text: str):
        book = nbformat.read(page, as_version=4)
        data = {"text/plain": "a lag", "image/png": text}
        book.cells[1].outputs = [nbformat.v4.new_output("display_data", data)]
        return book

    assert differences(picture("aaaa"), picture("bbbb")) == []
