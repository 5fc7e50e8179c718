"""The form in which pieces of a trace travel to the browser: a JSON head and columns of numbers, compressed.

A piece is `gzip(length of the head as 4 bytes, little end first; the head; the columns one after the other)`. The head
says which version of this form it is; a player that does not know the version says so and draws nothing.
"""

from __future__ import annotations

import gzip
import json
from typing import Any

import numpy as np

VERSION = 2
"""Goes up with every change of the form; `unpack.js` reads this one and no other."""

COLUMNS = {"time": "<f8", "kind": "<u1", "actor": "<i4", "group": "<i4", "tp": "<i4", "offset": "<i4",
           "message": "<i4", "key": "<i4", "a": "<i4", "text": "<i4"}
"""Column -> NumPy type; times are seconds."""


def pack(head: dict[str, Any], columns: dict[str, np.ndarray] | None = None) -> bytes:
    """A head alone, or with columns of one length."""
    columns = columns or {name: np.empty(0) for name in COLUMNS}
    whole = {**head, "version": VERSION, "rows": len(columns["time"]), "columns": COLUMNS}
    text = json.dumps(whole, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode("utf-8")
    parts = [len(text).to_bytes(4, "little"), text,
             *(np.ascontiguousarray(columns[name], dtype=kind).tobytes() for name, kind in COLUMNS.items())]
    return gzip.compress(b"".join(parts), compresslevel=4, mtime=0)
