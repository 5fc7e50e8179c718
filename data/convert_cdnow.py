"""Turn CDNOW_master.txt into cdnow_orders.csv.gz, and back: `python data/convert_cdnow.py PATH/TO/CDNOW_master.txt`.

The original comes with the PyPI package Lifetimes 0.11.3, as lifetimes/datasets/CDNOW_master.txt.
"""

import gzip
import hashlib
import sys
from pathlib import Path

ORIGINAL_SHA256 = "eff6889ed364c5199d6eacbbeb7a6d559971df4406ac876f322c373f00a072ef"
ORIGINAL_HEADER = " customer_id  date number_of_cds  dollar_value"
HEADER = "order_id,customer,date,cds,amount"
TARGET = Path(__file__).with_name("cdnow_orders.csv.gz")


def convert(original: str) -> str:
    """The log as CSV: oldest day first, customers in order within a day, each row numbered."""
    header, *lines = original.splitlines()
    if header != ORIGINAL_HEADER:
        raise ValueError(f"the first line is {header!r}; CDNOW_master.txt begins with {ORIGINAL_HEADER!r}")
    by_day = sorted((line.split() for line in lines), key=lambda row: row[1])
    return "\n".join([HEADER, *(_csv_line(number, *row) for number, row in enumerate(by_day)), ""])


def _csv_line(number: int, customer: str, day: str, cds: str, amount: str) -> str:
    return f"o-{number:05d},{customer},{day[:4]}-{day[4:6]}-{day[6:]},{cds},{amount}"


def restore(csv: str) -> str:
    """The original text from our CSV: nothing was lost on the way."""
    rows = (line.split(",") for line in csv.splitlines()[1:])
    by_customer = sorted(rows, key=lambda row: row[1])  # stable: a customer's days stay in order
    return "\r\n".join([ORIGINAL_HEADER, *(_original_line(*row) for row in by_customer), ""])


def _original_line(order_id: str, customer: str, date: str, cds: str, amount: str) -> str:
    return f" {customer} {date.replace('-', '')} {int(cds):2d} {float(amount):7.2f}"


def write(csv: str, target: Path = TARGET) -> None:
    """Compress without a time stamp, so that the same CSV gives the same file."""
    target.write_bytes(gzip.compress(csv.encode("ascii"), compresslevel=9, mtime=0))


def main(path: str) -> None:
    content = Path(path).read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    if digest != ORIGINAL_SHA256:
        sys.exit(f"{path} has SHA-256 {digest}; the file this project was made from has {ORIGINAL_SHA256}")
    write(convert(content.decode("ascii")))
    print(f"wrote {TARGET}: {TARGET.stat().st_size:,} bytes")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
