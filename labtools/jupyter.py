"""Starts JupyterLab for the course, with settings of its own: nobody's Jupyter configuration is read or changed."""

import hashlib
import json
import os
import secrets
import signal
import socket
import subprocess
import time
from pathlib import Path
from urllib.parse import quote

from labtools.console import Problem, child_environment, say
from labtools.layout import ROOT, TOOLS, VENV, venv_python

HOST = "127.0.0.1"

_SETTINGS = {
    "@jupyterlab/apputils-extension:notification":
        {"fetchNews": "false", "checkForUpdates": False, "doNotDisturbMode": True},
    "@jupyterlab/notebook-extension:tracker": {"autoStartDefaultKernel": True},
    "@jupyterlab/filebrowser-extension:browser": {"showLastModifiedColumn": False},
}
# The file list is folded away: on a narrow screen it would take half of the page.
_LAYOUT = {"left": {"collapsed": True, "visible": True, "widgets": ["filebrowser"]},
           "right": {"collapsed": True, "visible": True, "widgets": []}, "relativeSizes": [0, 1, 0]}
_OWN_FOLDERS = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "JUPYTERLAB_SETTINGS_DIR",
                "JUPYTERLAB_WORKSPACES_DIR", "IPYTHONDIR", "MPLCONFIGDIR")
_PORTS_TO_TRY = 50
_SECONDS_TO_START = 120
_SECONDS_TO_STOP = 15  # for its kernels


def start(notebook: Path, port: int, browser: bool) -> int:
    """Run JupyterLab with `notebook` open until it is stopped; gives its exit code."""
    _write_settings()
    lay_out("default")
    port, token = free_port(port), secrets.token_hex(24)
    page = f"/lab/tree/{quote(f'{notebook.parent.name}/{notebook.name}')}"
    server = subprocess.Popen(_command(notebook, page, port, browser), env=_environment(notebook.parent, token))
    for name in ("SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), lambda *_: server.terminate())
    try:
        _wait_until_up(server, port)
        say(f"The course is open at\n  http://{HOST}:{port}{page}?token={token}\n"
            f"Your copies of the lessons: {notebook.parent}\nTo stop, press Ctrl-C here.")
        return server.wait()
    except KeyboardInterrupt:
        return _stop(server)


def free_port(first: int) -> int:
    """The first port from `first` on that nothing listens at."""
    for port in range(first, first + _PORTS_TO_TRY):
        with socket.socket() as probe:
            if probe.connect_ex((HOST, port)) != 0:
                return port
    last = first + _PORTS_TO_TRY - 1
    raise Problem(f"The ports {first} to {last} are all in use. Try others: python lab.py --port {last + 1}")


def _wait_until_up(server: subprocess.Popen, port: int) -> None:
    give_up = time.monotonic() + _SECONDS_TO_START
    while server.poll() is None and time.monotonic() < give_up:
        with socket.socket() as probe:
            if probe.connect_ex((HOST, port)) == 0:
                return
        time.sleep(0.1)
    server.kill()
    raise Problem("JupyterLab did not start; what it said is above.")


def _stop(server: subprocess.Popen) -> int:
    """After Ctrl-C: Jupyter has had it too and is stopping its kernels; do not wait for ever."""
    say("Stopping ...")
    try:
        server.wait(_SECONDS_TO_STOP)
    except (KeyboardInterrupt, subprocess.TimeoutExpired):
        server.kill()
        server.wait()
    return 0


def _write_settings() -> None:
    """As defaults of our own JupyterLab, so that what a learner changes in its menus still wins."""
    folder = VENV / "share" / "jupyter" / "lab" / "settings"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "overrides.json").write_text(json.dumps(_SETTINGS, indent=2), encoding="utf-8")


def lay_out(workspace: str) -> None:
    """How JupyterLab looks when it opens for the first time; afterwards it looks as the learner left it."""
    signature = hashlib.sha256(workspace.encode()).hexdigest()[:4]      # jupyterlab_server names its files so
    file = _own_folder("JUPYTERLAB_WORKSPACES_DIR") / f"{workspace}-{signature}.jupyterlab-workspace"
    if not file.exists():
        content = {"data": {"layout-restorer:data": _LAYOUT}, "metadata": {"id": workspace}}
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(content), encoding="utf-8")


def _own_folder(name: str) -> Path:
    return TOOLS / "jupyter" / name.lower()


def _command(notebook: Path, page: str, port: int, browser: bool) -> list[str]:
    folder = notebook.parent
    options = [f"--ServerApp.ip={HOST}", f"--ServerApp.port={port}", "--ServerApp.port_retries=0",
               f"--ServerApp.open_browser={browser}", f"--ServerApp.root_dir={folder.parent}",
               f"--FileContentsManager.preferred_dir={folder}", f"--LabApp.default_url={page}",
               "--LabApp.extension_manager=readonly", "--JupyterApp.answer_yes=True",
               "--KernelManager.transport_encryption=auto",
               "--ServerApp.log_level=ERROR", "--LabApp.log_level=ERROR"]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        options.append("--allow-root")
    return [str(venv_python()), "-m", "jupyterlab", *options]


def _environment(course: Path, token: str) -> dict[str, str]:
    """What Jupyter, IPython and matplotlib keep for a user goes to .lab, and the learner's guesses to his copies.

    Kernels import the simlib of this folder, also where the packages came from a folder of wheels.
    """
    folders = {name: str(_own_folder(name)) for name in _OWN_FOLDERS}
    return child_environment(PYTHONPATH=str(ROOT), JUPYTER_TOKEN=token, SIMLIB_COURSE_HOME=str(course), **folders)
