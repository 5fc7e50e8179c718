"""What members were handed, poll by poll; unrolled to records when the run is over."""

from __future__ import annotations

from array import array
from typing import Any

import numpy as np

from simlib.flow.service import Stretch
from simlib.trace.runs import distinct_pairs, rises, unroll

COLUMNS = ("began", "written", "member", "incarnation", "group", "tp", "offset", "count", "generation")


Given = tuple[list[int], list[int]]
"""When records were handed over, and done."""


class Deliveries:
    """One row a stretch of a poll. Times of records follow from `began` and the group's service times, unless given."""

    def __init__(self) -> None:
        self.rows = array("q")
        self.given: dict[int, Given] = {}
        """Row -> when its records were handed over and done, where that cannot be reckoned."""

    def __len__(self) -> int:
        return len(self.rows) // len(COLUMNS)

    def add(self, began: int, written: int, who: tuple[int, int, int], stretch: Stretch, generation: int) -> None:
        """`who`: member, incarnation, group (codes); `written`: when the poll was over."""
        self.rows.extend((began, written, *who, stretch.tp, stretch.offset, stretch.count, generation))

    def add_many(self, began: array[int], written: array[int], who: tuple[int, int, int], tp: int, offset: int,
                 counts: array[int], generations: np.ndarray) -> None:
        """Polls one after the other, all of one partition, the first of them from an offset on."""
        size = np.array(counts, np.int64)
        same = [np.full(len(size), one, np.int64) for one in (*who, tp)]
        offsets = offset + np.cumsum(size) - size
        columns = [np.array(began), np.array(written), *same, offsets, size, generations]
        self.rows.frombytes(np.column_stack(columns).tobytes())

    def add_given(self, handed: list[int], done: list[int], written: int, who: tuple[int, int, int], stretch: Stretch,
                  generation: int) -> None:
        self.given[len(self)] = handed, done
        self.add(handed[0], written, who, stretch, generation)

    def put_back(self, table: np.ndarray, given: dict[int, Given]) -> None:
        """Rows that were taken out."""
        self.given |= {len(self) + row: each for row, each in given.items()}
        self.rows.frombytes(table.tobytes())

    def empty(self) -> tuple[np.ndarray, dict[int, Given]]:
        """Take all rows out."""
        table, given = self._table().copy(), self.given
        self.rows, self.given = array("q"), {}
        return table, given

    def columns(self) -> dict[str, np.ndarray]:
        """All rows, poll by poll in the order in which members were done with them."""
        table, order = self._table(), self._order()
        return {name: table[:, i][order] for i, name in enumerate(COLUMNS)}

    def _order(self) -> Any:
        """In which rows are told; they stand so if each was written later than the one before it."""
        table = self._table()
        return slice(None) if rises(table[:, COLUMNS.index("written")]) else in_order(table)

    def _table(self) -> np.ndarray:
        return np.frombuffer(self.rows, np.int64).reshape(-1, len(COLUMNS))

    def times(self, rows: dict[str, np.ndarray], sums: dict[tuple[int, int], np.ndarray],
              constants: dict[int, int | None]) -> tuple[np.ndarray, np.ndarray]:
        """When each record of all rows was handed over, and done: row after row."""
        handed, done = np.empty(int(rows["count"].sum()), np.int64), np.empty(int(rows["count"].sum()), np.int64)
        first = np.cumsum(rows["count"]) - rows["count"]
        for group, tp in distinct_pairs(rows["group"], rows["tp"]):
            mine = np.flatnonzero((rows["group"] == group) & (rows["tp"] == tp))
            count, offset = rows["count"][mine], rows["offset"][mine]
            places, offsets = unroll(first[mine], count), unroll(offset, count)
            constant = constants[group]
            before = offsets * constant if constant is not None else _upto(sums[group, tp], offsets)
            after = (offsets + 1) * constant if constant is not None else _upto(sums[group, tp], offsets + 1)
            began = np.repeat(rows["began"][mine] - before[np.cumsum(count) - count], count)
            handed[places], done[places] = began + before, began + after
        place = np.argsort(np.arange(len(self))[self._order()]) if self.given else ()
        for row, (when, until) in self.given.items():
            row = int(place[row])
            here = slice(first[row], first[row] + len(when))
            handed[here], done[here] = when, until
        return handed, done


def in_order(table: np.ndarray) -> np.ndarray:
    """The order in which members were done with rows."""
    began, written, member = table[:, :3].T
    same = np.r_[False, (written[1:] == written[:-1]) & (member[1:] == member[:-1])][:len(table)]
    first = np.maximum.accumulate(np.where(same, 0, np.arange(len(table))))
    at_once = began[first] == written  # work that takes no time ends after an answer has come; other, by a timer
    return np.lexsort((member, at_once, written))


def _upto(sums: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """Sums that were never made belong to rows whose times are given."""
    return sums[np.minimum(offsets, len(sums) - 1)]
