"""Starts JupyterLab for the course, with settings of its own: nobody's Jupyter configuration is read or changed."""

import json
import os
import secrets
import signal
import subprocess
from pathlib import Path
from urllib.parse import quote

from labtools.console import Problem, child_environment, quiet, say
from labtools.layout import COURSE, NOTEBOOKS, ROOT, TOOLS, VENV, venv_python

_SETTINGS = {
    "@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False, "doNotDisturbMode": True},
    "@jupyterlab/notebook-extension:tracker": {"autoStartDefaultKernel": True},
}
_PATIENCE = 15  # seconds that Jupyter gets to stop its kernels


def refresh_copies(course: Path = COURSE) -> None:
    """Bring the learner's folder up to date; a changed copy is never overwritten."""
    course.mkdir(parents=True, exist_ok=True)
    code, output = quiet([venv_python(), "-m", "simlib.course.copies", NOTEBOOKS, course], cwd=ROOT)
    if code != 0:
        raise Problem(f"The lessons could not be copied to {course}:\n{output}")
    if output.strip():
        say(output.strip())


def find_lesson(number: str, course: Path = COURSE) -> Path:
    """The learner's copy of lesson `number` ("00", "0" or "00_start_here")."""
    lessons = sorted(course.glob("[0-9][0-9]*_*.ipynb"))
    wanted = number.zfill(2)
    for lesson in lessons:
        if lesson.stem.startswith(wanted):
            return lesson
    known = ", ".join(lesson.stem for lesson in lessons)
    raise Problem(f"There is no lesson {number!r}. There is: {known}.")


def start(notebook: Path, port: int, browser: bool) -> int:
    """Run JupyterLab until it is stopped; gives its exit code."""
    _write_settings()
    say("Starting JupyterLab. Stop it with Ctrl-C in this window. Your copies are in " + str(notebook.parent))
    server = subprocess.Popen(_command(notebook, port, browser), env=_environment())
    for name in ("SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), lambda *_: server.terminate())
    return _wait(server)


def _wait(server: subprocess.Popen) -> int:
    try:
        return server.wait()
    except KeyboardInterrupt:  # Jupyter has had the same Ctrl-C and is stopping its kernels
        say("Stopping ...")
    try:
        server.wait(_PATIENCE)
    except (KeyboardInterrupt, subprocess.TimeoutExpired):
        server.kill()
        server.wait()
    return 0


def _write_settings() -> None:
    """As defaults of our own JupyterLab, so that what a learner changes in its menus still wins."""
    folder = VENV / "share" / "jupyter" / "lab" / "settings"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "overrides.json").write_text(json.dumps(_SETTINGS, indent=2), encoding="utf-8")


def _command(notebook: Path, port: int, browser: bool) -> list[str]:
    folder = notebook.parent
    page = quote(f"{folder.name}/{notebook.name}")
    options = ["--ServerApp.ip=127.0.0.1", f"--ServerApp.port={port}", f"--ServerApp.open_browser={browser}",
               f"--ServerApp.root_dir={folder.parent}", f"--ServerApp.preferred_dir={folder}",
               f"--LabApp.default_url=/lab/tree/{page}", "--LabApp.extension_manager=readonly",
               "--JupyterApp.answer_yes=True", "--Application.log_level=WARN"]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        options.append("--allow-root")
    return [str(venv_python()), "-m", "jupyterlab", *options]


def _environment() -> dict[str, str]:
    own = {f"JUPYTER_{name}_DIR": str(TOOLS / "jupyter" / name.lower()) for name in ("CONFIG", "RUNTIME")}
    lab = {f"JUPYTERLAB_{name}_DIR": str(TOOLS / "jupyter" / name.lower()) for name in ("SETTINGS", "WORKSPACES")}
    return child_environment(JUPYTER_TOKEN=secrets.token_hex(24), JUPYTER_PREFER_ENV_PATH="1", **own, **lab)
