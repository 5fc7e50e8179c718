"""`lab.py bundle`: a folder of wheels for a classroom without internet. `lab.py --wheels FOLDER` installs from it."""

import hashlib
import sys
import tempfile
from pathlib import Path

from labtools.console import Problem, run, say
from labtools.installer import cache_for, find_uv
from labtools.layout import ROOT

PYTHON = f"{sys.version_info[0]}.{sys.version_info[1]}"

# For each kind of computer: its name for uv, and the wheel tags that pip may take for it.
PLATFORMS = {
    "linux-x86_64": ("x86_64-manylinux_2_28", ["manylinux_2_28_x86_64", "manylinux_2_27_x86_64",
                                               "manylinux_2_26_x86_64", "manylinux2014_x86_64", "linux_x86_64"]),
    "windows-x86_64": ("x86_64-pc-windows-msvc", ["win_amd64"]),
    "macos-x86_64": ("x86_64-apple-darwin", ["macosx_13_0_x86_64"]),
    "macos-arm64": ("aarch64-apple-darwin", ["macosx_13_0_arm64"]),
}

# Some packages have one version for 3.11.0 and another for 3.11.5: the bundle serves every patch release.
PATCHES = (f"{PYTHON}.0", f"{PYTHON}.99")

_FAILED = "The bundle is not complete; the lines above say where it stopped. This needs the internet: try again."


def requirements_file(folder: Path) -> Path:
    """What to install from the bundle: exact versions with their checksums, for one Python."""
    return folder / f"requirements-{PYTHON}.txt"


def bundle(folder: Path, platforms: list[str]) -> None:
    """Write wheels of everything a learner needs, for this Python and the given kinds of computer."""
    folder.mkdir(parents=True, exist_ok=True)
    uv = find_uv()
    _must(uv, "build", "--quiet", "--wheel", "--out-dir", folder, ROOT)
    (folder / ".gitignore").unlink(missing_ok=True)
    requirements_file(folder).write_text(_export(uv, []) + _own_line(folder), encoding="utf-8")
    everything = _export(uv, ["--group", "installer"])
    for platform in platforms:
        say(f"Fetching the wheels for {platform} ...")
        for patch in PATCHES:
            _download(uv, everything, platform, patch, folder)
    megabytes = sum(wheel.stat().st_size for wheel in folder.glob("*.whl")) / 1e6
    say(f"{folder}: {megabytes:.0f} MB, for Python {PYTHON}.\n"
        f"Give it out with the project, then type on each computer:\n  python lab.py --wheels {folder.name}")


def pins(uv: Path, requirements: str, platform: str, patch: str) -> str:
    """Which of the locked packages, and in which version, a kind of computer needs; each must have a wheel."""
    with tempfile.TemporaryDirectory() as scratch:
        wanted, resolved = Path(scratch) / "in.txt", Path(scratch) / "out.txt"
        wanted.write_text(requirements, encoding="utf-8")
        _must(uv, "pip", "compile", "--quiet", "--python", sys.executable, wanted, "--output-file", resolved,
              "--no-deps", "--generate-hashes", "--no-header", "--only-binary", ":all:", "--python-version", patch,
              "--python-platform", PLATFORMS[platform][0])
        return resolved.read_text(encoding="utf-8")


def _download(uv: Path, requirements: str, platform: str, patch: str, folder: Path) -> None:
    tags = [part for tag in PLATFORMS[platform][1] for part in ("--platform", tag)]
    with tempfile.TemporaryDirectory() as scratch:
        wanted = Path(scratch) / "pins.txt"
        wanted.write_text(pins(uv, requirements, platform, patch), encoding="utf-8")
        _must(uv, "run", "--quiet", "--no-project", "--python", sys.executable, "--with", "pip>=25,<27",
              "python", "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:",
              "--require-hashes", "--implementation", "cp", "--python-version", patch, *tags,
              "--dest", folder, "--requirement", wanted)


def _export(uv: Path, more: list[str]) -> str:
    """The locked versions with checksums, for every kind of computer at once."""
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch) / "export.txt"
        _must(uv, "export", "--quiet", "--frozen", "--project", ROOT, "--no-emit-project", "--extra", "kafka", *more,
              "--no-header", "--no-annotate", "--output-file", out)
        return out.read_text(encoding="utf-8")


def _own_line(folder: Path) -> str:
    wheel = max(folder.glob("event_driven_lab-*.whl"), key=lambda path: path.stat().st_mtime)
    version = wheel.name.split("-")[1]
    return f"event-driven-lab=={version} --hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}\n"


def _must(uv: Path, *arguments: str | Path) -> None:
    if run([uv, *arguments], cwd=ROOT, UV_PYTHON=sys.executable, **cache_for(uv)) != 0:
        raise Problem(_FAILED)
