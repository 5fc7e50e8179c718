"""A trace on disk: one ZIP of Parquet tables and a JSON header. Values and keys are stored as JSON text."""

from __future__ import annotations

import base64
import hashlib
import json
import zipfile
import zlib
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from simlib.trace.databases import Databases
from simlib.trace.trace_data import FORMAT_VERSION, LATER, NAMES, TABLES, TraceData, object_array

HEADER = "trace.json"
DATABASES = "databases/"
FIXED_DATE = (1980, 1, 1, 0, 0, 0)  # no wall clock: the same trace makes the same file
WORTH_DEFLATING = 200_000  # bytes
IDENTITY = ("ended", "ended_at", "seed")
"""The parts of `meta` that belong to what happened (not to the library that ran it)."""


class TraceFileError(ValueError):
    """A file that cannot be read as a trace, or a trace that cannot be written."""


def save(data: TraceData, path: str | Path) -> None:
    """Write one file; the code of services is left out, and the header says so."""
    header = json.dumps(_header(data), sort_keys=True, indent=1)
    parts = {HEADER: header.encode("utf-8"), **{f"{table}.parquet": _parquet(data, table) for table in _tables(data)}}
    parts |= {f"{DATABASES}{name}.sqlite": image for name, image in data.databases.items()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in parts.items():
            archive.writestr(zipfile.ZipInfo(name, FIXED_DATE), content, _packing(content))


def _packing(content: bytes) -> int:
    """A short table is mostly Parquet's description of it, which shrinks; a long one is packed already."""
    return zipfile.ZIP_DEFLATED if len(content) < WORTH_DEFLATING else zipfile.ZIP_STORED


def load(path: str | Path) -> TraceData:
    """Read it back; TraceFileError says what is wrong with the file and what to do."""
    try:
        with zipfile.ZipFile(path) as archive:
            header = json.loads(archive.read(HEADER))
            _check_version(header, path)
            there = [table for table in TABLES if table not in LATER or f"{table}.parquet" in archive.namelist()]
            return _assembled(header, {table: _columns(archive, table) for table in there}, _databases(archive))
    except FileNotFoundError:
        raise TraceFileError(f"{path}: there is no such file") from None
    except (zipfile.BadZipFile, zlib.error, KeyError, OSError, ValueError) as error:
        if isinstance(error, TraceFileError):
            raise
        raise TraceFileError(f"{path} cannot be read as a saved trace ({error}). "
                             "Give a file that trace.save(path) wrote, or run the scenario again.") from error


def digest(data: TraceData) -> str:
    """SHA-256 over every column in a fixed order, the code tables, how the run ended, and the databases' contents."""
    total = hashlib.sha256()
    for table in _tables(data):
        for column, kind in TABLES[table].items():
            total.update(f"{table}.{column}".encode())
            total.update(_column_bytes(data.column(table, column), kind))
    total.update(to_json({name: data.code_table(name) for name in NAMES}).encode("utf-8"))
    total.update(to_json({name: data.meta.get(name) for name in IDENTITY}).encode("utf-8"))
    for name, database in Databases(data.databases, 0).items():
        total.update("\n".join([name, *database.content()]).encode("utf-8"))
    return total.hexdigest()


def _tables(data: TraceData) -> list[str]:
    return [table for table in TABLES if table not in LATER or data.rows(table)]


def to_json(value: Any) -> str:
    """Any value that a record or an effect may carry, as JSON text; bytes and tuples keep their type."""
    return json.dumps(_tagged(value), ensure_ascii=False, default=_plain)


def from_json(text: str) -> Any:
    """The inverse of `to_json`."""
    return json.loads(text, object_hook=_untagged)


def _header(data: TraceData) -> dict[str, Any]:
    scenario, note = _scenario_json(data.scenario)
    return {"format": FORMAT_VERSION, "names": {name: to_json(data.code_table(name)) for name in NAMES},
            "meta": to_json(data.meta), "scenario": scenario, "note": note}


def _scenario_json(scenario: Any) -> tuple[str | None, str]:
    if scenario is None:
        return None, ""
    from simlib.scenario.json_form import to_json as scenario_to_json

    if not scenario.services:
        return scenario_to_json(scenario), ""
    names = ", ".join(service.name for service in scenario.services)
    return (scenario_to_json(replace(scenario, services=())),
            f"this trace was saved without the code of its services ({names}), so its scenario cannot be run again")


def _databases(archive: zipfile.ZipFile) -> dict[str, bytes]:
    """The files of the services' databases, by service."""
    return {name.removeprefix(DATABASES).removesuffix(".sqlite"): archive.read(name)
            for name in archive.namelist() if name.startswith(DATABASES)}


def _assembled(header: dict[str, Any], tables: dict[str, dict[str, Any]], databases: dict[str, bytes]) -> TraceData:
    names = {name: from_json(text) for name, text in header["names"].items()}
    meta = from_json(header["meta"])
    if header["note"]:
        meta["warnings"] = [*meta.get("warnings", []), header["note"]]
    scenario = None
    if header["scenario"] is not None:
        from simlib.scenario.json_form import from_json as scenario_from_json

        scenario = scenario_from_json(header["scenario"])
    return TraceData(tables, names, scenario, meta, databases)


def _check_version(header: dict[str, Any], path: str | Path) -> None:
    if header.get("format") != FORMAT_VERSION:
        raise TraceFileError(f"{path} is a trace of format {header.get('format')}; this simlib reads format "
                             f"{FORMAT_VERSION}. Run the scenario again, or read it with the simlib that wrote it.")


def _parquet(data: TraceData, table: str) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = {}
    for column, kind in TABLES[table].items():
        values = data.column(table, column)
        columns[column] = pa.array(np.ascontiguousarray(values)) if kind != "O" else \
            pa.array([_stored(value, table, column) for value in values], pa.string())
    buffer = BytesIO()
    pq.write_table(pa.table(columns), buffer, compression="zstd")
    return buffer.getvalue()


def _stored(value: Any, table: str, column: str) -> str | None:
    try:
        return None if value is None else to_json(value)
    except TypeError as error:
        raise TraceFileError(f"{table}.{column} holds {value!r}, which cannot be written as JSON ({error}). "
                             "Use text, numbers, lists and dictionaries in records and effects.") from error


def _columns(archive: zipfile.ZipFile, table: str) -> dict[str, Any]:
    import pyarrow.parquet as pq

    read = pq.read_table(BytesIO(archive.read(f"{table}.parquet")))
    return {column: object_array(None if text is None else from_json(text) for text in read[column].to_pylist())
            if kind == "O" else read[column].to_numpy() for column, kind in TABLES[table].items()}


def _column_bytes(values: np.ndarray, kind: str) -> bytes:
    if kind == "O" and all(value is None for value in values):
        return b"none"
    if kind == "O":
        return "\n".join(to_json(value) for value in values).encode("utf-8")
    return np.ascontiguousarray(values, dtype=f"<{kind}").tobytes()


def _tagged(value: Any) -> Any:
    if isinstance(value, bytes):
        return {"$bytes": base64.b64encode(value).decode("ascii")}
    if isinstance(value, tuple):
        return {"$tuple": [_tagged(item) for item in value]}
    if isinstance(value, list):
        return [_tagged(item) for item in value]
    if isinstance(value, dict):
        tagged = {key: _tagged(item) for key, item in value.items()}
        return {"$dict": [[*item] for item in tagged.items()]} if _looks_tagged(value) else tagged
    return value


def _looks_tagged(value: dict[Any, Any]) -> bool:
    """Would it be taken for one of ours?"""
    return len(value) == 1 and next(iter(value)) in ("$bytes", "$tuple", "$dict")


def _untagged(value: dict[str, Any]) -> Any:
    if set(value) == {"$bytes"}:
        return base64.b64decode(value["$bytes"])
    if set(value) == {"$tuple"}:
        return tuple(value["$tuple"])
    if set(value) == {"$dict"}:
        return dict(value["$dict"])
    return value


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{type(value).__name__} is not JSON")
