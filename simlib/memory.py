"""What fits into this machine's memory, said before a run starts."""

from __future__ import annotations

import os

from simlib.scenario.errors import TooLarge
from simlib.scenario.scenario import Scenario
from simlib.scenario.size import expected_bytes, expected_records

UNKNOWN = 4 << 30
"""Bytes taken for free where nobody says how much there is."""


def refuse_too_large(scenario: Scenario) -> None:
    """Raises TooLarge if the trace of a run cannot fit into memory, record by record."""
    size, free = expected_bytes(scenario), free_memory()
    if size > free:
        from simlib.flow.refusals import reasons_against

        records = sum(expected_records(producer, scenario.duration) for producer in scenario.producers)
        raise TooLarge(records, size, free, reasons_against(scenario))


def free_memory() -> int:
    """Bytes that a run may take without pushing others out."""
    try:
        import psutil  # comes with Jupyter's kernel
    except ImportError:
        return _free_pages()
    return int(psutil.virtual_memory().available)


def _free_pages() -> int:
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):  # Windows has no sysconf, macOS not this name
        return UNKNOWN
