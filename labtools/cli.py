"""The commands of lab.py."""

import argparse
from pathlib import Path

from labtools import checks, jupyter, lessons
from labtools.bundle import PLATFORMS, bundle
from labtools.console import Problem, never_fail_to_print, run, say
from labtools.doctor import doctor
from labtools.environment import set_up, set_up_from
from labtools.layout import COURSE, ROOT, venv_python

_COMMANDS = """commands:
  (none)         set up, then open the course in JupyterLab at the first lesson
  start NN       the same, at lesson NN
  doctor         look whether the course will run on this computer, and say it in words
  lesson NN      for authors: make this lesson's notebooks and look for everything the tests would find
  test           set up, then run every check
  quick          the checks that take seconds: no browser, no fresh installs, no soak
  soak           the laws over many more random scenarios
  real           those of them that run on a real Kafka, which is started for them (needs Java 17 and Maven)
  bench          the benchmarks
  notebooks      make notebooks/ anew from lessons/
  ledger         make docs/fidelity.md anew from the tests: what was tried, and what came of it
  kafka          start a real Kafka on this computer: three brokers, without Docker (needs Java 17 and Maven)
  kafka-stop     end it, and throw its data away
  bundle FOLDER  write a folder of wheels, for a classroom without internet
"""

_KAFKA = {"kafka": "start", "kafka-stop": "stop"}


def main() -> int:
    never_fail_to_print()
    options = _read_command_line()
    try:
        return _carry_out(options)
    except Problem as problem:
        say(f"\n{problem}")
        return 1
    except OSError as error:
        say(f"\nThis computer refused: {error}\nIs the folder {ROOT} yours to write in, and is there space left?")
        return 1
    except KeyboardInterrupt:
        say("\nStopped.")
        return 130


def _read_command_line() -> argparse.Namespace:
    parser = _parser()
    options = parser.parse_args()
    if options.argument and options.command not in ("start", "lesson", "bundle"):
        parser.error(f"{options.command} takes nothing after it, but was given {options.argument!r}")
    if options.wheels and options.command != "start":
        parser.error(f"--wheels installs the course for a learner; {options.command} needs a network")
    return options


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python lab.py", epilog=_COMMANDS,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", nargs="?", default="start", metavar="command",
                        choices=["start", "doctor", "lesson", "test", "quick", "soak", "real", "bench", "notebooks",
                                 "ledger", "bundle", "kafka", "kafka-stop"])
    parser.add_argument("argument", nargs="?", help="the lesson's number, or the bundle's folder")
    parser.add_argument("--wheels", type=Path, metavar="FOLDER", help="install from this folder, without a network")
    parser.add_argument("--platform", action="append", choices=PLATFORMS, help="bundle only for this kind of computer")
    parser.add_argument("--course", type=Path, default=COURSE, metavar="FOLDER",
                        help="your copies (default: my-course)")
    parser.add_argument("--port", type=int, default=8888,
                        help="JupyterLab's port (default: 8888, or the next free one)")
    parser.add_argument("--no-browser", action="store_true", help="print the address instead of opening it")
    return parser


def _carry_out(options: argparse.Namespace) -> int:
    if options.command == "start":
        return _open(options)
    if options.command == "doctor":
        return doctor(options.course.resolve(), options.port)
    if options.command == "bundle":
        bundle(Path(options.argument or "bundle").resolve(), options.platform or list(PLATFORMS))
        return 0
    if options.command in _KAFKA:
        set_up("course")
        return run([venv_python(), "-m", "simlib.real.command", _KAFKA[options.command]], cwd=ROOT)
    set_up("tests")
    if options.command in ("test", "quick", "soak", "real"):
        return checks.check(options.command)
    if options.command == "lesson":
        return run([venv_python(), "-m", "simlib.course.proof", (options.argument or "00").zfill(2)], cwd=ROOT)
    module = {"bench": "benchmarks", "notebooks": "simlib.course.build", "ledger": "docs.ledger"}[options.command]
    return run([venv_python(), "-m", module], cwd=ROOT)


def _open(options: argparse.Namespace) -> int:
    if options.wheels:
        set_up_from(options.wheels.resolve())
    else:
        set_up("course")
    course = options.course.resolve()
    lessons.refresh_copies(course)
    lesson = lessons.find_lesson(options.argument or "00", course)
    return jupyter.start(lesson, options.port, not options.no_browser)
