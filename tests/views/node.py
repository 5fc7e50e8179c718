"""JavaScript of the player without a browser: Node runs the same modules."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from simlib.views.player.packing import pack
from simlib.views.player.recording import Recording

SCRIPTS = Path(__file__).parent / "player"


def node(*arguments: str | Path) -> str:
    """What a script prints."""
    program = shutil.which("node")
    if program is None:
        pytest.skip("no Node.js on this computer (Debian, Ubuntu: apt install nodejs)")
    done = subprocess.run([program, *map(str, arguments)], capture_output=True, encoding="utf-8")
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def lay_out(recording: Recording, folder: Path) -> Path:
    """The packed pieces of a recording as files."""
    folder.mkdir(exist_ok=True)
    (folder / "index.bin").write_bytes(pack(recording.index()))
    for number in range(len(recording)):
        (folder / f"{number}.bin").write_bytes(recording.slice(number))
    return folder


def states(recording: Recording, times: list[list[float]], folder: Path) -> list[list[dict[str, Any]]]:
    """The player's states, a list for each slice."""
    lay_out(recording, folder)
    (folder / "times.json").write_text(json.dumps(times), encoding="utf-8")
    return json.loads(node(SCRIPTS / "states.mjs", folder))
