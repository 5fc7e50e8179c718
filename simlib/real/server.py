"""One node of a local cluster as a process of the operating system: started, killed, stopped and frozen for real."""

from __future__ import annotations

import os
import signal
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Any

from simlib.real.artifacts import class_path
from simlib.real.broker_files import Node
from simlib.real.errors import KafkaUnavailable
from simlib.real.processes import wait_for
from simlib.real.programs import java

HEAP_MB = 256
STANDS_STILL_WITHIN = 5.0
"""Seconds."""


class Server:
    """Starts one node again and again; keeps the process it started last."""

    def __init__(self, node: Node, pid: int | None = None) -> None:
        """`pid`: the process that somebody else has started for this node, if it is still that one."""
        self.node = node
        self._process: Any = None if pid is None else _process_of(node, pid)
        self.wanted = self._process is not None
        """Was it started, and not ended on purpose since?"""

    def start(self) -> None:
        """Begin; a while passes before the node serves anybody."""
        import psutil

        command = [java(), "-Xms64m", f"-Xmx{HEAP_MB}m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
                   "-Djava.awt.headless=true", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
                   "-cp", class_path(), "kafka.Kafka", str(self.node.config)]
        with self.node.log.open("a", encoding="utf-8") as log:
            self._process = psutil.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, **_of_its_own())
        self.wanted = True

    @property
    def pid(self) -> int | None:
        return None if self._process is None else int(self._process.pid)

    @property
    def alive(self) -> bool:
        """Does it run (or stand still)?"""
        import psutil

        try:
            return self._process is not None and self._process.is_running() \
                and self._process.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False

    def kill(self) -> None:
        """SIGKILL: nothing is cleaned up; what was written stays in the page cache."""
        import psutil

        self.wanted = False
        if self.alive:
            with suppress(psutil.NoSuchProcess):  # it has just ended by itself
                self._process.kill()
                self._process.wait(10)

    def terminate(self) -> None:
        """SIGTERM: a broker hands its leaders over, then ends."""
        self.wanted = False
        if self.alive:
            self._process.terminate()

    def pause(self) -> None:
        """SIGSTOP. Returns when it stands still: its threads stop one by one. Raises KafkaUnavailable."""
        import psutil

        if self.alive:
            self._process.send_signal(signal.SIGSTOP)
            if not wait_for(lambda: self._process.status() == psutil.STATUS_STOPPED, STANDS_STILL_WITHIN):
                raise KafkaUnavailable(f"{self.node.name} did not stand still within {STANDS_STILL_WITHIN:g} s of "
                                       "SIGSTOP. Is the machine very busy? Try again")

    def resume(self) -> None:
        """SIGCONT."""
        if self.alive:
            self._process.send_signal(signal.SIGCONT)

    def last_words(self) -> str:
        """The end of what it wrote, for those who wonder why it does not start."""
        text = self.node.log.read_text(encoding="utf-8", errors="replace") if self.node.log.exists() else ""
        return "\n".join(text.splitlines()[-12:])


def _process_of(node: Node, pid: int) -> Any:
    """The process of this number, if it is this node's: numbers are given again, so what it was started with counts.

    (When it began would not do: that is told by a clock, and clocks are set.)
    """
    import psutil

    with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
        process = psutil.Process(pid)
        if any(Path(word).parts[-3:] == node.config.parts[-3:] for word in process.cmdline()):
            return process
    return None


def _of_its_own() -> dict[str, Any]:
    """Ctrl-C in a terminal or notebook is not meant for the brokers."""
    if os.name == "nt":
        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}  # type: ignore[attr-defined,unused-ignore]
    return {"start_new_session": True}


