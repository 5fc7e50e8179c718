"""From slider values to what is shown: a plain function, so that it can be tested without a browser."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

import simlib
from simlib.views.picture import Picture


@dataclass(frozen=True)
class Rendering:
    """What a moved slider shows: a PNG or none, HTML below it, or an error in words instead."""

    png: bytes | None = None
    html: str = ""
    error: str = ""


def render(scenario: Any, values: Mapping[str, Any], show: Callable[[Any], Any]) -> Rendering:
    """Run the scenario with these values, by path, and show the trace; a mistake comes back as words."""
    try:
        trace = simlib.run(changed(scenario, values))
    except Exception as error:
        return Rendering(error=str(error) or type(error).__name__)
    try:
        return shown_as(show(trace))
    except Exception as error:
        return Rendering(error=f"The run is fine; show(trace) stopped: {type(error).__name__}: {error}")


def changed(scenario: Any, values: Mapping[str, Any]) -> Any:
    """The scenario with these values, by path."""
    return simlib.replace(scenario, dict(values)) if values else scenario


def as_code(name: str, values: Mapping[str, Any]) -> str:
    """The lines to type for this scenario; `name` is what the learner calls the one he started from."""
    changes = [f'"{path}", {value!r}' for path, value in values.items()]
    if len(changes) < 2:
        return f"replace({name}, {changes[0]})" if changes else name
    return f"replace({name}, {{{', '.join(change.replace(',', ':', 1) for change in changes)}}})"


def shown_as(result: Any) -> Rendering:
    """A picture with its description, a table, a number or a text, or several of them, as one rendering."""
    if isinstance(result, tuple | list):
        parts = [shown_as(part) for part in result]
        pictures = [part.png for part in parts if part.png is not None]
        return Rendering(pictures[0] if pictures else None, "".join(part.html for part in parts))
    if isinstance(result, Picture):
        return Rendering(result.png, result.caption_html())
    if hasattr(result, "savefig"):
        return Rendering(_png_of(result))
    if hasattr(result, "to_html"):
        return Rendering(html=result.to_html(max_rows=12, border=0))
    return Rendering(html=_line(result))


def _line(text: Any) -> str:
    return f"<p>{escape(str(text))}</p>"


def _png_of(figure: Any) -> bytes:
    from io import BytesIO

    buffer = BytesIO()
    figure.savefig(buffer, format="png", dpi=100)
    return buffer.getvalue()


def expected_records(scenario: Any) -> float:
    """About how many records a run has: declared load and given inputs."""
    declared = sum(_declared(producer, scenario.duration) for producer in scenario.producers)
    return declared + sum(len(given) for given in scenario.inputs.values())


def _declared(producer: Any, duration: float) -> float:
    end = duration if producer.stop is None else producer.stop
    planned = producer.rate * max(0.0, end - producer.start) if producer.rate else 0.0
    return planned if producer.records is None else min(planned or producer.records, producer.records)
