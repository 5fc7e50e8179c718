"""How a judge says no: in words that begin with the exercise's id, with the run that shows it."""

from typing import Any

from simlib.course.exercise import Verdict


def no(id: str, text: str, table: Any = None, picture: Any = None) -> Verdict:
    """A refusal, with the rows and the picture that show it."""
    return Verdict(False, f"{id}: no. {text}", table, picture)


def refused(id: str, idea: str, found: Any, picture: Any = None) -> Verdict:
    """A refusal by a counter-example: the learner's idea, the story of what breaks it, and its picture."""
    story = " ".join(found.telling.split("\n"))
    return no(id, f"{idea} {story}", picture=_picture(found, picture))


def refused_in_lines(id: str, idea: str, found: Any, picture: Any = None) -> Verdict:
    """The same, with a line for each sentence of the story."""
    return no(id, f"{idea} {found.telling}".strip(), picture=_picture(found, picture))


def _picture(found: Any, picture: Any) -> Any:
    return found.trace.plot.sequence() if picture is None else picture
