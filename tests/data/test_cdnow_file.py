"""The purchase log in data/: is it what its origin page says, and can the original be rebuilt from it?"""

import gzip
import hashlib
import importlib.util
import re
from collections import Counter
from pathlib import Path

import pytest

DATA = Path(__file__).parents[2] / "data"
ORIGIN = (DATA / "cdnow_orders.origin.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def converter():
    spec = importlib.util.spec_from_file_location("convert_cdnow", DATA / "convert_cdnow.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def csv():
    return gzip.decompress((DATA / "cdnow_orders.csv.gz").read_bytes()).decode("ascii")


@pytest.fixture(scope="module")
def rows(csv):
    return [tuple(line.split(",")) for line in csv.splitlines()[1:]]


def test_the_original_can_be_rebuilt_byte_for_byte(converter, csv):
    original = converter.restore(csv)
    assert hashlib.sha256(original.encode("ascii")).hexdigest() == converter.ORIGINAL_SHA256
    assert converter.ORIGINAL_SHA256 in ORIGIN


def test_converting_the_original_gives_this_file_byte_for_byte(converter, csv):
    assert converter.convert(converter.restore(csv)) == csv
    assert hashlib.sha256(csv.encode("ascii")).hexdigest() in ORIGIN


def test_the_written_file_holds_the_csv_and_no_time_stamp(converter, tmp_path):
    for name in ("one.gz", "two.gz"):
        converter.write("order_id\no-00000\n", tmp_path / name)
    assert (tmp_path / "one.gz").read_bytes() == (tmp_path / "two.gz").read_bytes()
    assert gzip.decompress((tmp_path / "one.gz").read_bytes()) == b"order_id\no-00000\n"


def test_another_file_is_refused_by_its_digest(converter, tmp_path):
    (tmp_path / "other.txt").write_text("customer,date\n", encoding="ascii")
    with pytest.raises(SystemExit, match="SHA-256"):
        converter.main(str(tmp_path / "other.txt"))
    with pytest.raises(ValueError, match="CDNOW_master.txt begins with"):
        converter.convert("customer,date\n")


def test_a_small_log_is_converted_by_date_and_numbered(converter):
    lines = [converter.ORIGINAL_HEADER, " 00001 19970102  1   11.77", " 00002 19970101 12    0.00", ""]
    rows = ["o-00000,00002,1997-01-01,12,0.00", "o-00001,00001,1997-01-02,1,11.77"]
    expected = ["order_id,customer,date,cds,amount", *rows, ""]
    assert converter.convert("\r\n".join(lines)) == "\n".join(expected)
    assert converter.restore("\n".join(expected)) == "\r\n".join(lines)


def test_the_counts_on_the_origin_page_are_those_of_the_file(rows):
    repeats = Counter(row[1:] for row in rows)
    repeated = [count for count in repeats.values() if count > 1]
    no_amount = [row for row in rows if float(row[4]) == 0]
    busy_days = sum(count > 1 for count in Counter(row[1:3] for row in rows).values())
    counts = [len(rows), len({row[1] for row in rows}), len({row[2] for row in rows})]
    counts += [sum(repeated) - len(repeated), len(repeated), sum(repeated)]
    counts += [len(no_amount), len({row[1] for row in no_amount}), busy_days, max(int(row[3]) for row in rows)]
    assert counts == [69_659, 23_570, 546, 255, 215, 470, 80, 80, 1_774, 99]
    printed = set(re.findall(r"\d[\d,]*", ORIGIN))
    assert {f"{count:,}" for count in counts} <= {number.rstrip(",") for number in printed}


def test_every_row_has_a_number_of_its_own_in_order_of_date(rows):
    assert [row[0] for row in rows] == [f"o-{number:05d}" for number in range(69_659)]
    dates = [row[2] for row in rows]
    assert dates == sorted(dates)
    assert (dates[0], dates[-1]) == ("1997-01-01", "1998-06-30")
    firsts = {}
    for row in rows:
        firsts.setdefault(row[1], row[2])
    assert max(firsts.values()) < "1997-04-01"
