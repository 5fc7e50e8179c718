"""Real input: a shop's purchase log of 1997-98, replayed as the orders of a scenario.

    from simlib.data import orders
    Scenario(topics=[Topic("orders")], inputs={"orders": orders(200, rate=10)}, ...)

The rows are the CDNOW orders (Fader and Hardie, 2001); `data/cdnow_orders.origin.md` says where they come from.
"""

import gzip
import math
import zlib
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypedDict

from simlib.scenario.draws import Stream

if TYPE_CHECKING:
    import pandas

PACKAGE = Path(__file__).parent
ORDERS_FILE = "cdnow_orders.csv.gz"
ORDERS_IN_LOG = 69_659
HEADER = "order_id,customer,date,cds,amount"
REPAIR = "check it out or install event-driven-lab again"


class DataFileError(OSError):
    """A file that ships with the course is missing or cannot be read."""


class Order(TypedDict):
    """One purchase. `date` is ISO; `amount` is in US dollars, 0.0 where the log has no amount."""

    order_id: str
    customer: str
    date: str
    cds: int
    amount: float


class OrderInput(TypedDict):
    """One row of `Scenario(inputs=...)`: `at` is in seconds of virtual time."""

    key: str
    value: Order
    at: float


class Day(NamedTuple):
    """A day of the log: the orders taken from it, and how much of the day they stand for."""

    orders: list[Order]
    length: float


def orders(n: int | None = None, rate: float = 10.0, seed: int = 0, start: float = 0.0) -> list[OrderInput]:
    """Return the first `n` orders of the log (all 69,659 when None), ready for `Scenario(inputs=...)`.

    The key is the customer. `rate` is the average in orders a second: all days are shortened by one factor, so a
    busy day stays busy. The log has dates without a time of day; it is drawn per order from `seed`. Sorted by `at`.
    The `order_id` names an order. A customer does not: customers buy again, some twice a day. Never count effects
    by customer.
    """
    _check_arguments(n, rate, seed, start)
    days = _days(n)
    taken = sum(len(day.orders) for day in days)
    day_seconds = taken / rate / sum(day.length for day in days)
    return _replayed(days, day_seconds, seed, start)


def orders_frame() -> "pandas.DataFrame":
    """Return the whole log as a DataFrame: order_id, customer, date (datetime64), cds (int), amount (US dollars)."""
    import pandas

    frame = pandas.DataFrame(_rows())
    return frame.assign(date=pandas.to_datetime(frame["date"], format="%Y-%m-%d"))


def data_file(name: str) -> Path:
    """Return the path of a file in `data/`, in a checkout and in an installed package alike."""
    folders = [PACKAGE / "_data", PACKAGE.parent / "data"]
    for folder in folders:
        if (folder / name).is_file():
            return folder / name
    places = " nor in ".join(str(folder) for folder in folders)
    raise DataFileError(f"{name} is neither in {places}; {REPAIR}")


def _check_arguments(n: Any, rate: Any, seed: Any, start: Any) -> None:
    if n is not None and not (_is_integer(n) and 1 <= n <= ORDERS_IN_LOG):
        raise ValueError(f"orders(n={n!r}): n is a whole number from 1 to {ORDERS_IN_LOG:,}, or None for all of them")
    if not (_is_number(rate) and rate > 0):
        raise ValueError(f"orders(rate={rate!r}): rate is a number above 0, in orders a second")
    if not _is_integer(seed):
        raise ValueError(f"orders(seed={seed!r}): seed is a whole number")
    if not (_is_number(start) and start >= 0):
        raise ValueError(f"orders(start={start!r}): start is a number of seconds, 0 or more")


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _days(n: int | None) -> list[Day]:
    """The days that the first n orders fall on. The last one counts in part, or its orders would be thinned out."""
    days: list[Day] = []
    wanted = ORDERS_IN_LOG if n is None else n
    for _, rows in groupby(_rows(), key=lambda row: row["date"]):
        whole = list(rows)
        kept = whole[:wanted]
        days.append(Day(kept, len(kept) / len(whole)))
        wanted -= len(kept)
        if not wanted:
            break
    return days


def _replayed(days: list[Day], day_seconds: float, seed: int, start: float) -> list[OrderInput]:
    time_of_day = iter(Stream(seed, "orders", "time of day").block(0, sum(len(day.orders) for day in days)).tolist())
    rows: list[OrderInput] = []
    midnight = start
    for day in days:
        seconds = day.length * day_seconds
        placed = [(midnight + next(time_of_day) * seconds, order) for order in day.orders]
        placed.sort(key=lambda pair: pair[0])
        rows += [{"key": order["customer"], "value": order, "at": at} for at, order in placed]
        midnight += seconds
    return rows


def _rows() -> Iterator[Order]:
    """Read the log row by row, so that two hundred orders do not cost seventy thousand."""
    path = data_file(ORDERS_FILE)
    rows = 0
    try:
        with gzip.open(path, "rt", encoding="ascii") as lines:
            _check_header(next(lines, ""))
            for line in lines:
                yield _order(line)
                rows += 1
    except (OSError, EOFError, zlib.error, ValueError) as error:
        raise DataFileError(f"{path} is damaged after {rows:,} rows ({error}); {REPAIR}") from error
    if rows != ORDERS_IN_LOG:
        raise DataFileError(f"{path} has {rows:,} rows instead of {ORDERS_IN_LOG:,}; {REPAIR}")


def _check_header(line: str) -> None:
    if line.rstrip("\n") != HEADER:
        raise ValueError(f"its first line is {line[:60]!r}, not {HEADER!r}")


def _order(line: str) -> Order:
    order_id, customer, date, cds, amount = line.rstrip("\n").split(",")
    return {"order_id": order_id, "customer": customer, "date": date, "cds": int(cds), "amount": float(amount)}
