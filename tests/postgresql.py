"""A PostgreSQL of the tests' own: a data folder, a free port on loopback, and nobody's rights but its own."""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from signal import SIGINT
from typing import Any

import psycopg
import pytest

_PLACES = ("/usr/lib/postgresql/*/bin", "/opt/homebrew/opt/postgresql@*/bin", "/usr/local/opt/postgresql@*/bin")
_SETTINGS = ("listen_addresses=127.0.0.1", "unix_socket_directories=", "wal_level=logical", "fsync=off")
_SECONDS_TO_START = 60


class Database:
    """A running server; `connect()` opens one more connection, each a transaction of its own."""

    def __init__(self, port: int) -> None:
        self.port = port

    def connect(self, autocommit: bool = False) -> psycopg.Connection:
        """A connection whose transaction begins with its first statement."""
        return psycopg.connect(host="127.0.0.1", port=self.port, user="lab", dbname="postgres", autocommit=autocommit)


@contextmanager
def running_postgresql() -> Iterator[Database]:
    """Start one, wait until it answers, and end it by its own process."""
    programs, folder = find_programs(), Path(tempfile.mkdtemp(prefix="lab-postgresql-"))
    rights = _somebody_else(folder)
    try:
        _run(programs / "initdb", "-D", folder / "data", "-U", "lab", "--auth=trust", "--no-sync", "--encoding=UTF8",
             "--locale=C", **rights)
        with _server(programs / "postgres", folder, rights) as port:
            yield Database(port)
    finally:
        shutil.rmtree(folder)


def find_programs() -> Path:
    """The folder of PostgreSQL's programs: on the PATH, or where Debian and Homebrew put them."""
    if os.name == "nt":
        pytest.skip("cannot run on this system: on Windows PostgreSQL is a service, started by an installer")
    if on_path := shutil.which("initdb"):
        return Path(on_path).resolve().parent
    found = [folder for place in _PLACES for folder in Path("/").glob(place[1:]) if (folder / "initdb").is_file()]
    if not found:
        pytest.skip("no PostgreSQL on this computer (Debian, Ubuntu: apt install postgresql)")
    return max(found, key=_version)


def _version(programs: Path) -> int:
    return int(_run(programs / "postgres", "--version").split()[2].split(".")[0].rstrip("betarc"))


def _somebody_else(folder: Path) -> dict[str, Any]:
    """PostgreSQL refuses to be root: where we are, it runs as another user, and its folder is that user's."""
    if os.geteuid() != 0:
        return {}
    import pwd

    user = next(name for name in ("postgres", "nobody") if name in {entry.pw_name for entry in pwd.getpwall()})
    group = pwd.getpwnam(user).pw_gid
    shutil.chown(folder, user, group)
    return {"user": user, "group": group, "extra_groups": []}


def _run(*command: Any, **rights: Any) -> str:
    done = subprocess.run(command, capture_output=True, encoding="utf-8", cwd="/", **rights)
    assert done.returncode == 0, f"{command[0]} failed:\n{done.stdout}{done.stderr}"
    return done.stdout


@contextmanager
def _server(program: Path, folder: Path, rights: dict[str, Any]) -> Iterator[int]:
    port, log = _free_port(), folder / "log"
    settings = [part for setting in _SETTINGS for part in ("-c", setting)]
    with log.open("w", encoding="utf-8") as said:
        server = subprocess.Popen([program, "-D", folder / "data", "-p", str(port), *settings],
                                  stdin=subprocess.DEVNULL, stdout=said, stderr=said, cwd="/", **rights)
    try:
        _wait_for_answer(server, port, log)
        yield port
    finally:
        server.send_signal(SIGINT)          # PostgreSQL's "fast": break connections off, write down, end
        server.wait(_SECONDS_TO_START)


def _free_port() -> int:
    with socket.socket() as asked:
        asked.bind(("127.0.0.1", 0))
        return asked.getsockname()[1]


def _wait_for_answer(server: subprocess.Popen, port: int, log: Path) -> None:
    give_up = time.monotonic() + _SECONDS_TO_START
    while time.monotonic() < give_up and server.poll() is None:
        try:
            Database(port).connect().close()
            return
        except psycopg.OperationalError:
            time.sleep(0.05)
    pytest.fail(f"PostgreSQL did not start. It said:\n{log.read_text(encoding='utf-8')}")
