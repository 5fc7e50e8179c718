"""What the figures were measured with: without it they say nothing."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from pathlib import Path

PACKAGES = ("simpy", "numpy", "pandas", "matplotlib", "ipywidgets", "ipykernel")


def describe_machine() -> dict[str, str]:
    """Processor, cores, operating system, Python and packages; no names of hosts, people or folders."""
    return {"processor": _processor(), "cores": str(os.cpu_count()), "system": f"{platform.system()} "
            f"{platform.machine()}", "python": f"{platform.python_implementation()} {platform.python_version()}",
            **{package: version(package) for package in PACKAGES}}


def _processor() -> str:
    told = Path("/proc/cpuinfo")
    if told.exists():
        for line in told.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or "unknown"
