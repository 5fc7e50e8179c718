"""simlib.data.orders: the log replayed as input of a scenario."""

import gzip
import json
import subprocess
import sys
from datetime import datetime

import pytest

import simlib.data
from simlib.data import DataFileError, orders, orders_frame


def test_the_first_orders_have_real_customers_and_amounts():
    by_id = {row["value"]["order_id"]: row for row in orders(200)}
    assert sorted(by_id) == [f"o-{number:05d}" for number in range(200)]
    first = by_id["o-00001"]
    assert first["key"] == "00004"
    order = {"order_id": "o-00001", "customer": "00004", "date": "1997-01-01", "cds": 2, "amount": 29.33}
    assert first["value"] == order
    assert json.loads(json.dumps(first)) == first


def test_times_rise_from_start_and_keep_the_rate():
    rows = orders(5_000, rate=50, start=3.0)
    times = [row["at"] for row in rows]
    assert times == sorted(times)
    assert 3.0 < times[0] < 3.5 and 102.5 < times[-1] < 103.0  # 5,000 orders at 50 a second: 100 s


def test_a_busy_day_stays_busy():
    rows = orders(69_659, rate=1_000)
    day = 69_659 / 1_000 / 546
    assert rows[0]["value"]["date"] == "1997-01-01" and rows[-1]["value"]["date"] == "1998-06-30"
    for row in rows[::997]:
        number = (datetime.fromisoformat(row["value"]["date"]) - datetime(1997, 1, 1)).days
        assert number * day < row["at"] < (number + 1) * day


def test_none_is_the_whole_log():
    assert len(orders()) == 69_659


def test_days_are_in_order_and_the_part_of_the_last_day_is_not_thinned_out():
    rows = orders(250)
    assert [row["value"]["date"] for row in rows] == ["1997-01-01"] * 212 + ["1997-01-02"] * 38
    last_day_begins = 25 / (1 + 38 / 247)  # 250 orders at 10 a second; 38 of the second day's 247 orders
    assert rows[211]["at"] < last_day_begins < rows[212]["at"]
    assert 24.5 < rows[-1]["at"] < 25


def test_the_seed_moves_times_within_a_day_and_nothing_else():
    one, again, other = orders(300, seed=1), orders(300, seed=1), orders(300, seed=2)
    assert one == again
    assert [row["at"] for row in one] != [row["at"] for row in other]
    by_id = sorted(row["value"]["order_id"] for row in one)
    assert by_id == sorted(row["value"]["order_id"] for row in other)


def test_customers_repeat_but_order_ids_do_not():
    rows = orders(20_000)
    assert len({row["value"]["order_id"] for row in rows}) == 20_000
    assert len({row["key"] for row in rows}) < 20_000


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n": 0}, "from 1 to 69,659"),
        ({"n": -1}, "from 1 to 69,659"),
        ({"n": 69_660}, "from 1 to 69,659"),
        ({"n": 2.5}, "whole number"),
        ({"n": True}, "whole number"),
        ({"rate": 0}, "above 0"),
        ({"rate": float("nan")}, "above 0"),
        ({"rate": "10"}, "above 0"),
        ({"seed": "a"}, "seed is a whole number"),
        ({"start": -1}, "0 or more"),
        ({"start": float("inf")}, "0 or more"),
    ],
)
def test_bad_arguments_are_refused_with_what_is_allowed(arguments, message):
    name, value = next(iter(arguments.items()))
    with pytest.raises(ValueError, match=message) as refused:
        orders(**{"n": 5, **arguments})
    assert f"{name}={value!r}" in str(refused.value)


def test_the_frame_has_the_types_a_reader_expects():
    frame = orders_frame()
    assert list(frame.columns) == ["order_id", "customer", "date", "cds", "amount"]
    assert len(frame) == 69_659 and frame["order_id"].is_unique
    assert frame["date"].dt.year.isin([1997, 1998]).all()
    assert frame["cds"].sum() == 167_881
    assert round(frame["amount"].sum(), 2) == 2_500_315.63


GOOD_ROW = b"o-00000,00001,1997-01-01,1,11.77\n"
SHORT = gzip.compress(simlib.data.HEADER.encode() + b"\n" + GOOD_ROW)
BAD_ROW = gzip.compress(simlib.data.HEADER.encode() + b"\n" + GOOD_ROW + b"o-00001,1,1997-01-01,one,1\n")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param(None, "neither in", id="missing"),
        pytest.param(b"order_id", "damaged after 0 rows", id="not gzip"),
        pytest.param(SHORT[:-9], "damaged after", id="cut off"),
        pytest.param(gzip.compress(b"id\n"), "first line is 'id", id="another header"),
        pytest.param(BAD_ROW, "damaged after 1 rows", id="a bad row"),
        pytest.param(SHORT, "has 1 rows instead of 69,659", id="too short"),
    ],
)
def test_a_file_that_cannot_be_read_is_a_clear_error(monkeypatch, tmp_path, content, message):
    package = tmp_path / "simlib"
    (package / "_data").mkdir(parents=True)
    monkeypatch.setattr(simlib.data, "PACKAGE", package)
    if content is not None:
        (package / "_data" / "cdnow_orders.csv.gz").write_bytes(content)
    with pytest.raises(DataFileError, match=message) as refused:
        orders(2)
    assert "check" in str(refused.value) and "install" in str(refused.value)


def test_a_package_without_a_checkout_finds_its_own_copy(monkeypatch, tmp_path):
    here = simlib.data.data_file("cdnow_orders.csv.gz")
    package = tmp_path / "site-packages" / "simlib"
    (package / "_data").mkdir(parents=True)
    (package / "_data" / here.name).write_bytes(here.read_bytes())
    monkeypatch.setattr(simlib.data, "PACKAGE", package)
    assert simlib.data.data_file(here.name) == package / "_data" / here.name
    assert len(orders(3)) == 3


def test_a_few_orders_need_neither_pandas_nor_pyarrow():
    code = "import sys; from simlib.data import orders; orders(200); print({'pandas', 'pyarrow'} & set(sys.modules))"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "set()"
