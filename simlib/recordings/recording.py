"""Record the scenarios of `simlib.recordings.scenarios`: `python -m simlib.recordings.recording [NAME ...]`.

Starts a local Kafka (Java 17 and Maven), runs one scenario after the other, and writes data/recorded/NAME.trace.
"""

from __future__ import annotations

import argparse
import hashlib
import inspect
import os
import platform
import sys
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from simlib.real.artifacts import KAFKA_VERSION
from simlib.real.errors import KafkaUnavailable
from simlib.real.local_kafka import LocalKafka
from simlib.recordings.loading import ENDING, FOLDER, ORIGIN
from simlib.recordings.scenarios import SCENARIOS
from simlib.running import run
from simlib.scenario.json_form import to_json
from simlib.scenario.paths import replace as changed
from simlib.scenario.scenario import Scenario
from simlib.trace.storage import save
from simlib.trace.trace import Trace


def record(name: str, kafka: LocalKafka, folder: Path) -> Path:
    """One run on this Kafka, written into the folder."""
    scenario = SCENARIOS[name].scenario
    trace = run(scenario, on=kafka.url)
    if trace.ended not in ("quiet", "duration") or trace.summary().faults_not_fired:
        raise RuntimeError(f"{name}: this run is none to keep.\n{trace.summary()!r}")
    return keep(name, trace, folder)


def keep(name: str, trace: Trace, folder: Path) -> Path:
    """The trace as a file, with what recorded it."""
    meta = trace.data.meta | {ORIGIN: _origin(trace.scenario, trace.data.meta["warnings"]), "tracebacks": []}
    path = folder / f"{name}{ENDING}"
    save(replace(trace.data, meta=meta), path)
    return path


def fingerprint(scenario: Scenario) -> str:
    """Of all that decides a run: another one means that the recording is of another scenario."""
    parts = [to_json(changed(scenario, "services", ()))]
    for service in scenario.services:
        parts += [repr((service.name, service.instances, service.start, service.restart_after)),
                  service.database or "", inspect.getsource(service.main)]
    return hashlib.sha256("\n".join(parts).encode("utf-8")).hexdigest()


def _origin(scenario: Scenario, warnings: list[str]) -> dict[str, Any]:
    return {"date": datetime.now(UTC).date().isoformat(), "kafka": KAFKA_VERSION,
            "client": f"kafka-python {version('kafka-python')}", "python": platform.python_version(),
            "system": f"{platform.system()}, {os.cpu_count()} cores", "scenario": fingerprint(scenario),
            "warnings": warnings}


def main(arguments: list[str] | None = None) -> int:
    """0 when all that was asked for was recorded; 1 where no Kafka can be started."""
    options = _options(arguments)
    options.folder.mkdir(parents=True, exist_ok=True)
    try:
        with LocalKafka(brokers=3) as kafka:
            for name in options.names or SCENARIOS:
                path = record(name, kafka, options.folder)
                print(f"{path}: {path.stat().st_size:,} bytes", flush=True)
                kafka.wait_until_ready()
    except KafkaUnavailable as missing:
        print(missing, file=sys.stderr)
        return 1
    return 0


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m simlib.recordings.recording", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which (default: all): {', '.join(SCENARIOS)}")
    parser.add_argument("--folder", type=Path, default=Path("data") / FOLDER, help="where to (default: %(default)s)")
    options = parser.parse_args(arguments)
    if unknown := [name for name in options.names if name not in SCENARIOS]:
        parser.error(f"there is no scenario {', '.join(unknown)}; there are {', '.join(SCENARIOS)}")
    return options


if __name__ == "__main__":
    sys.exit(main())
