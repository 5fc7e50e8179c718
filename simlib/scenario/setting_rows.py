"""What a row of the defaults table is (`simlib.scenario.settings_table`), and how rows are written."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from simlib.scenario.field_info import FieldInfo

ABSENT = "absent"  # this client has no such setting
MAX_INT = 2**31 - 1
MAX_LONG = 2**63 - 1


@dataclass(frozen=True)
class Setting:
    """One row: the default in each client (ABSENT where it has none) and what the setting is."""

    kafka_python: Any
    java: Any
    info: FieldInfo

    def default(self, client: str) -> Any:
        return self.kafka_python if client == "kafka-python" else self.java


def both(default: Any, info: FieldInfo) -> Setting:
    """A setting with the same default in both clients."""
    return Setting(default, default, info)


def ms(label: str, low: float, high: float, help: str, step: float | None = None, log: bool = True) -> FieldInfo:
    return FieldInfo(label, "number", "ms", low, high, step, log, help, minimum=0, maximum=MAX_INT)


def count(
    label: str, low: float, high: float, help: str, minimum: int = 0, unit: str = "", log: bool = True
) -> FieldInfo:
    return FieldInfo(label, "whole", unit, low, high, 1, log, help, minimum=minimum, maximum=MAX_INT)


def limit(label: str, unit: str, low: float, high: float, help: str, minimum: int = -1) -> FieldInfo:
    """A time (ms) or a size (bytes) that Kafka keeps in 64 bits; with a minimum of -1, -1 stands for no limit."""
    return FieldInfo(label, "whole", unit, low, high, 1, True, help, minimum=minimum, maximum=MAX_LONG)


def flag(label: str, help: str) -> FieldInfo:
    return FieldInfo(label, "flag", help=help)


def choice(label: str, choices: tuple, help: str) -> FieldInfo:
    return FieldInfo(label, "choice", choices=choices, help=help)


def setting(table: dict[str, Setting], name: str) -> Any:
    """A dataclass field for a setting that may be left to the client's default (None)."""
    return field(default=None, metadata={"info": replace(table[name].info, optional=True)})
