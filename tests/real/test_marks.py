"""What workers write down, read while they go on writing, and without a Kafka."""

from pathlib import Path

from simlib import Scenario, Topic
from simlib.real.plan import Plan
from simlib.real.processes import Worker
from simlib.real.worker.marks import Marks, read_marks

HOSTILE = "one\u2028two\u2029three\x85four\r\nfive\x0b\x1csix \U0001f4a5"
"""All that some reader of lines takes for the end of one."""


def a_worker(folder: Path) -> Worker:
    worker = Worker(Plan("billing-0", "service", "billing", Scenario([Topic("orders")]), folder, "run-", ()))
    worker.life = 0
    return worker


def test_a_mark_is_one_line_whatever_is_in_it(tmp_path: Path) -> None:
    worker = a_worker(tmp_path)
    marks = Marks(worker.plan.marks_of(0))
    marks.write("effect", "charge", HOSTILE, None)
    marks.write("effect", "charge", (b"\n", HOSTILE), None)
    found = worker.new_marks()
    assert [mark[1:] for mark in found] == [["effect", "charge", HOSTILE, None],
                                            ["effect", "charge", (b"\n", HOSTILE), None]]
    assert read_marks(worker.plan.marks_of(0)) == found and worker.new_marks() == []


def test_half_a_line_waits_for_its_other_half(tmp_path: Path) -> None:
    worker = a_worker(tmp_path)
    whole = '[1, "effect", "charge", "\u00e4"]\n'.encode()
    with worker.plan.marks_of(0).open("wb", buffering=0) as file:
        file.write(whole + whole[:-4])  # in the middle of a letter
        assert len(worker.new_marks()) == 1
        file.write(whole[-4:])
        assert [mark[3] for mark in worker.new_marks()] == ["\u00e4"]


def test_what_a_worker_prints_is_read_piece_by_piece(tmp_path: Path) -> None:
    worker = a_worker(tmp_path)
    with worker.plan.output_of(0).open("wb", buffering=0) as file:
        assert worker.new_output() == ""
        file.write("one ä".encode()[:-1])
        first = worker.new_output()
        file.write("one ä".encode()[-1:] + b" two")
        assert first + worker.new_output() == "one ä two"
