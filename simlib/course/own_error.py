"""Whose mistake was it? A learner's is told as Python tells it, without our lines; ours is owned up to."""

import linecache
import traceback
from html import escape
from pathlib import Path

OURS = Path(__file__).resolve().parents[1]
COURSE = Path(__file__).resolve().parent


def his_mistake(error: BaseException) -> str | None:
    """What went wrong in the learner's own lines, or what was refused and why; None if the mistake is ours."""
    last = traceback.format_exception_only(error)[-1].strip()
    if isinstance(error, SyntaxError):
        return last
    frames = traceback.extract_tb(error.__traceback__)
    his = [frame for frame in frames if _is_his(frame.filename)]
    if his:
        return "your code stopped here:\n" + "".join(traceback.format_list(his)) + last
    return str(error) if _is_refusal(error, frames) else None


class Folded:
    """A traceback of ours, folded away: for the report, not for the reader."""

    def __init__(self, error: BaseException):
        self.last = traceback.format_exception_only(error)[-1].strip()
        self.whole = "".join(traceback.format_exception(error))

    def __repr__(self) -> str:
        return f"(for the report: {self.last})"

    def _repr_html_(self) -> str:
        return f"<details><summary>Details for the report</summary><pre>{escape(self.whole)}</pre></details>"


def _is_refusal(error: BaseException, frames: traceback.StackSummary) -> bool:
    """The simulator says what it cannot run in sentences; a slip in the course itself is no refusal."""
    if type(error).__module__.startswith("simlib."):
        return True
    where = Path(frames[-1].filename).resolve() if frames else Path()
    return isinstance(error, ValueError) and OURS in where.parents and COURSE not in where.parents


def _is_his(filename: str) -> bool:
    if filename.startswith("<") or "ipykernel" in filename:
        return True
    path = Path(filename)
    if path.suffix == ".pyx":       # a compiled library names the file it was made of, as in pandas/_libs/lib.pyx
        return False
    library = any(part in ("site-packages", "dist-packages") for part in path.parts)
    return not library and OURS not in path.resolve().parents and Path(linecache.__file__).parent not in path.parents
