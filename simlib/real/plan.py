"""What the process that watches over a run tells each of its workers, and where they leave their marks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from simlib.scenario.faults import Crash, LoseReply, LoseRequest
from simlib.scenario.scenario import Scenario
from simlib.scenario.schedules import Hit

MESSAGE_HEADER = "simlib"
"""Every record carries its message's id, and what Kafka's bytes do not say, in a header of this name."""

StepFault = Crash | LoseRequest | LoseReply


@dataclass(frozen=True)
class Plan:
    """One process of a run, for all its lives.

    `role`: service, group, producer, inputs or redis; `owner`: the service's, group's or producer's name; `scenario` is
    without its services, whose code is in `program` and whose processes are in `services`; `database`: a SQLite file,
    or the name of a schema in PostgreSQL; `faults` (with their places in the scenario) and `hits` are aimed at this
    process's own steps.
    """

    name: str
    role: str
    owner: str
    scenario: Scenario
    folder: Path
    prefix: str
    bootstrap: tuple[str, ...]
    services: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    program: bytes = b""
    restart_after: float | None = None
    database: Path | str = ""
    hits: tuple[Hit, ...] = ()
    faults: tuple[tuple[int, StepFault], ...] = ()
    paths: tuple[str, ...] = ()

    @property
    def file(self) -> Path:
        return self.folder / f"{self.name}.plan"

    def marks_of(self, life: int) -> Path:
        """Where one life of the process writes down what it does, one line at a time."""
        return self.folder / f"{self.name}.{life}.marks"

    def output_of(self, life: int) -> Path:
        """What one life of the process prints."""
        return self.folder / f"{self.name}.{life}.out"

    def port_of(self, name: str) -> Path:
        """Where the process of this name leaves the port at which it listens."""
        return self.folder / f"{name}.port"

    def real_topic(self, topic: str) -> str:
        """The topic's name on the cluster."""
        return self.prefix + topic

    def topic(self, real: str) -> str:
        """The topic's name in the scenario."""
        return real.removeprefix(self.prefix)
