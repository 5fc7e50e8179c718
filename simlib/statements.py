"""The register of statements: each claim about Kafka, theory or other simulators, with its source and its model."""

import re
import tomllib
from dataclasses import MISSING, dataclass, fields
from difflib import get_close_matches
from html import escape
from pathlib import Path
from typing import Any

from simlib.data import DataFileError, data_file

REGISTER_FILE = "statements.toml"
ID_PATTERN = re.compile(r"K\d{2,3}[a-z]?|[PCT]\d{2}|D-[a-z]+|peer-T\d{1,2}")
PLACES = {"simulator", "real", "otherwise"}
MAY_BE_EMPTY = {"modelled", "simplified", "not_modelled"}


@dataclass(frozen=True)
class Statement:
    """One entry of `data/statements.toml`; its header explains the fields."""

    id: str
    given: str
    when: str
    then: str
    source: str
    modelled: str
    simplified: str
    where: tuple[str, ...]
    line: str = ""
    not_modelled: str = ""
    kafka_python: str = ""

    @property
    def heading(self) -> str:
        """All of it in one line."""
        return self.line or self.then

    @property
    def verdict(self) -> str:
        """What the ledger (docs/fidelity.md) says of it; tests hold `where` to what was tried."""
        if not self.modelled:
            return "not modelled"
        return "differs" if "otherwise" in self.where else "agrees" if "real" in self.where else "simulated only"

    @property
    def holds(self) -> bool:
        """Whether a lesson may claim it."""
        return self.verdict in ("agrees", "simulated only")

    def rows(self) -> list[tuple[str, str]]:
        """(label, text) of all there is to say."""
        said = [("given", self.given), ("when", self.when), ("then", self.then), ("source", self.source),
                ("verdict", f"{self.verdict}: {MEANING[self.verdict]}"), ("simulated by", self.modelled),
                ("simplified", self.simplified), ("not modelled", self.not_modelled),
                ("kafka-python", self.kafka_python)]
        return [(label, text) for label, text in said if text]

    def __str__(self) -> str:
        return "\n".join([f"{self.id}: {self.heading}", *(f"  {label}: {text}" for label, text in self.rows())])

    def _repr_html_(self) -> str:
        left = "style='text-align:left'"
        cells = "".join(f"<tr><th {left}>{escape(label)}</th><td {left}>{escape(text)}</td></tr>"
                        for label, text in self.rows())
        return f"<table><caption {left}><b>{escape(self.id)}: {escape(self.heading)}</b></caption>{cells}</table>"


MEANING = {"agrees": "one test holds the simulator to it, another the real thing",
           "differs": "the real thing does otherwise, and a test shows how",
           "simulated only": "tested in virtual time alone, against its source",
           "not modelled": "nothing here could show it"}

FIELDS = [field.name for field in fields(Statement)]
REQUIRED = [field.name for field in fields(Statement) if field.default is MISSING]


def statement(name: str) -> Statement:
    """What a mark like [K86] stands for: print it, or leave it as the last line of a cell."""
    register = statements()
    if name not in register:
        near = get_close_matches(str(name), register, 3, 0.5) or [*register][:3]
        raise LookupError(f"no statement {name!r}; there are {len(register)}, among them {', '.join(near)}")
    return register[name]


def statements(path: Path | None = None) -> dict[str, Statement]:
    """Return the register by id, in the order of the file. Everything wrong with it is one `DataFileError`."""
    path = path or data_file(REGISTER_FILE)
    try:
        entries = tomllib.loads(path.read_text(encoding="utf-8")).get("statement", [])
    except (OSError, ValueError) as error:
        raise DataFileError(f"{path} cannot be read: {error}") from error
    if problems := _problems(entries):
        raise DataFileError(f"{path}: " + "; ".join(problems))
    return {entry["id"]: Statement(**{**entry, "where": tuple(entry["where"])}) for entry in entries}


def _problems(entries: list[dict[str, Any]]) -> list[str]:
    names = [str(entry.get("id")) for entry in entries]
    repeated = sorted({name for name in names if names.count(name) > 1})
    found = [f"{name} stands there twice" for name in repeated]
    if not entries:
        found.append("there is no [[statement]] in it")
    return found + [f"{entry.get('id')}: {problem}" for entry in entries for problem in _entry_problems(entry)]


def _entry_problems(entry: dict[str, Any]) -> list[str]:
    missing = [f"{name} is missing" for name in REQUIRED if name not in entry]
    unknown = [f"{name} is no field; fields are {', '.join(FIELDS)}" for name in entry if name not in FIELDS]
    return missing + unknown or _text_problems(entry) + _meaning_problems(entry)


def _text_problems(entry: dict[str, Any]) -> list[str]:
    texts = {name: text for name, text in entry.items() if name != "where"}
    not_text = [f"{name} is not text" for name, text in texts.items() if not isinstance(text, str)]
    blank = [f"{name} is empty" for name, text in texts.items() if text == "" and name not in MAY_BE_EMPTY]
    return not_text + blank


def _meaning_problems(entry: dict[str, Any]) -> list[str]:
    found = []
    if not ID_PATTERN.fullmatch(str(entry["id"])):
        found.append("an id looks like K46, K46a, K94c, P09, C01, T20, D-broker or peer-T1")
    if not (isinstance(entry["where"], list) and entry["where"] and set(entry["where"]) <= PLACES):
        found.append(f"where is {entry['where']!r}; it lists one or more of {sorted(PLACES)}")
    if not entry["modelled"] and not entry.get("not_modelled"):
        found.append("it is not modelled; not_modelled must say why")
    return found
