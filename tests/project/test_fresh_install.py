"""A stranger's first start, for real: lab.py alone makes a working course, from the network or a folder of wheels."""

import platform
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from fresh import bare_environment, base_python, run_in, unpack

from labtools import bundle, installer
from labtools.layout import program

pytestmark = pytest.mark.slow

# Set up and copy the lessons, as `lab.py` does, but do not start JupyterLab.
UP_TO_JUPYTER = """
import sys
import zipfile
from labtools import cli, jupyter
jupyter.start = lambda notebook, port, browser: print("would open", notebook.name) or 0
sys.exit(cli.main())
"""
NO_NETWORK = {"PIP_NO_INDEX": "1", "HTTP_PROXY": "http://127.0.0.1:9", "HTTPS_PROXY": "http://127.0.0.1:9",
              "ALL_PROXY": "http://127.0.0.1:9"}
SEES_EVERYTHING = """
import anywidget, importlib.metadata, ipywidgets, jupyterlab, kafka, matplotlib, pathlib, simlib
from simlib.data import orders
print(pathlib.Path(simlib.__file__).parent, len(orders(5, rate=10)), importlib.metadata.version("event-driven-lab"))
"""


def this_kind() -> str:
    """The bundle's name for this computer."""
    system = {"win32": "windows", "darwin": "macos"}.get(sys.platform, sys.platform)
    machine = "arm64" if platform.machine().lower() in ("arm64", "aarch64") else "x86_64"
    return f"{system}-{machine}"


def test_lab_py_alone_makes_a_working_course(tmp_path: Path) -> None:
    folder, environment = unpack(tmp_path), bare_environment(tmp_path)
    printed = run_in(folder, environment, base_python(), "-c", UP_TO_JUPYTER)
    assert "would open 00_start_here.ipynb" in printed
    assert (folder / "my-course" / "00_start_here.ipynb").is_file()
    seen = run_in(tmp_path, environment, str(program(folder / ".venv", "python")), "-X", "utf8", "-c", SEES_EVERYTHING)
    assert seen.split() == [*str(folder / "simlib").split(), "5", "0.1.0"]
    without_network = run_in(folder, environment | NO_NETWORK, base_python(), "-c", UP_TO_JUPYTER)
    assert without_network.split() == "would open 00_start_here.ipynb".split(), "the second start needs no network"


def test_a_folder_of_wheels_makes_the_same_course_without_a_network(tmp_path: Path) -> None:
    if this_kind() not in bundle.PLATFORMS:
        pytest.skip(f"cannot run on this system: no bundle is made for {this_kind()}")
    folder, wheels = unpack(tmp_path), tmp_path / "wheels for all"
    run_in(folder, bare_environment(tmp_path), base_python(), "lab.py", "bundle", str(wheels),
           "--platform", this_kind())
    other = unpack(tmp_path / "elsewhere")
    offline = bare_environment(tmp_path / "elsewhere", **NO_NETWORK)
    printed = run_in(other, offline, base_python(), "-c", UP_TO_JUPYTER, "--wheels", str(wheels))
    assert "would open 00_start_here.ipynb" in printed
    seen = run_in(tmp_path, offline, str(program(other / ".venv", "python")), "-X", "utf8", "-c", SEES_EVERYTHING)
    assert "site-packages" in seen and seen.split()[-2:] == ["5", "0.1.0"], "the wheel brings its own data"


@pytest.mark.parametrize("patch", bundle.PATCHES)
@pytest.mark.parametrize("kind", bundle.PLATFORMS)
def test_every_locked_package_has_a_wheel_for(kind: str, patch: str) -> None:
    uv = installer.find_uv()
    found = bundle.pins(uv, bundle._export(uv, ["--group", "installer"]), kind, patch)
    names = {line.split("==")[0] for line in found.splitlines() if "==" in line}
    assert {"uv", "numpy", "pyarrow", "jupyterlab", "kafka-python"} <= names
    assert ("pywinpty" in names) == kind.startswith("windows")


def test_check_hint_and_solution_work_from_the_wheel_alone(tmp_path: Path) -> None:
    folder = unpack(tmp_path)
    subprocess.run([installer.find_uv(), "build", "--quiet", "--wheel", "--out-dir", tmp_path, folder], check=True)
    (wheel,) = tmp_path.glob("*.whl")
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    asked = ("from simlib.course import check, hint, solution\n"
             "check('05-order', first='mail', second='charge', third='commit')\nhint('05-order')\nsolution('05-order')")
    environment = bare_environment(tmp_path, PYTHONPATH=str(tmp_path / "site"))
    said = run_in(tmp_path, environment, sys.executable, "-X", "utf8", "-c", asked)
    assert "05-order: no. You mail, charge, commit." in said and "gets two mails" in " ".join(said.split())
    assert "Hint 1 of 2" in said and 'second = "commit"' in said


def test_the_wheel_holds_the_data_and_nothing_of_the_learners(tmp_path: Path) -> None:
    folder = unpack(tmp_path)
    subprocess.run([installer.find_uv(), "build", "--quiet", "--wheel", "--out-dir", tmp_path, folder], check=True)
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in names} == {"simlib", f"{wheel.name.split('-py3')[0]}.dist-info"}
    assert "simlib/_data/cdnow_orders.csv.gz" in names
