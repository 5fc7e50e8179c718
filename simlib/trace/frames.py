"""From arrays of codes to pandas columns. pandas and pyarrow are imported when the first view is asked for."""

from __future__ import annotations

from typing import Any

import numpy as np

from simlib.trace.trace_data import TraceData, as_seconds


def categorical(codes: np.ndarray, names: list[Any]) -> Any:
    """Codes with their names; -1 becomes empty. Names that no row has are left out, so that nobody counts them."""
    import pandas as pd

    used = np.flatnonzero(np.bincount(codes.astype(np.int64) + 1, minlength=len(names) + 1)[1:])
    if len(used) < len(names):
        place = np.full(len(names) + 1, -1, np.int32)  # code -1 finds the last one: empty
        place[used] = np.arange(len(used))
        codes, names = place[codes], [names[code] for code in used]
    return pd.Categorical.from_codes(codes, categories=pd.Index(names, dtype=object))


def nullable(values: np.ndarray, empty: np.ndarray | None = None) -> Any:
    """Integers as Int64, empty where `empty` says so (by default where they are negative)."""
    import pandas as pd

    return pd.arrays.IntegerArray(np.asarray(values, np.int64), values < 0 if empty is None else empty)


def message_ids(data: TraceData, producer: np.ndarray, number: np.ndarray) -> Any:
    """`<producer>:<n>` as text; empty where the producer is -1."""
    import pandas as pd
    import pyarrow as pa
    import pyarrow.compute as pc

    names = pa.array([str(name) for name in data.code_table("actors")], pa.string())
    who = names.take(pa.array(np.where(producer < 0, 0, producer), mask=producer < 0))
    ids = pc.binary_join_element_wise(who, pc.cast(pa.array(number), pa.string()), ":")
    return pd.array(ids, dtype=pd.StringDtype("pyarrow", na_value=np.nan))


def text(values: np.ndarray) -> Any:
    """Objects that are all text, as pandas text."""
    import pandas as pd

    return pd.array(values, dtype="str")


def topic_and_partition(data: TraceData, tp: np.ndarray) -> dict[str, Any]:
    """The two public columns that a raw `tp` code stands for."""
    table = np.array([*data.code_table("tps"), (-1, -1)], np.int64)  # code -1 finds the last row: empty
    return {"topic": categorical(table[tp, 0], data.code_table("topics")), "partition": nullable(table[tp, 1])}


def frame(columns: dict[str, Any]) -> Any:
    """A DataFrame that shares the arrays it is given."""
    import pandas as pd

    return pd.DataFrame(columns, copy=False)


seconds = as_seconds
