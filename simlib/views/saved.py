"""What a notebook keeps of a widget: an output after it for whoever opens the page before running it.

JupyterLab shows an error in place of a widget that was saved, and nothing that stands in the same output beside it. So
what is to be read there has outputs of its own; where the widget lives, a style sheet hides them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from simlib.views.style import SHOWN_WIDTH

WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
LIVE, STILL = "simlib-live", "simlib-still"
BESIDE = f".jp-OutputArea-child:has(.{LIVE})"
STYLE = (f"<style>{BESIDE} + .jp-OutputArea-child:has(.jp-RenderedImage), "
         f"{BESIDE} ~ .jp-OutputArea-child:has(.{STILL}) {{ display: none; }}</style>")

Form = dict[str, str]
"""One output: its text by kind, "text/plain" among them."""


def hides_its_still(widget: Any) -> Any:
    """Marks a widget as alive. What is given back has to be among its children: it hides what stands for it."""
    from ipywidgets import HTML

    widget.add_class(LIVE)
    return HTML(STYLE)


def publish(bundle: Any, stills: Sequence[Form]) -> None:
    """The widget alone, then what stands for it: each an output of its own."""
    from IPython.display import publish_display_data

    data, metadata = bundle if isinstance(bundle, tuple) else (bundle, {})
    publish_display_data({WIDGET_VIEW: data[WIDGET_VIEW]}, metadata)
    for still in stills:
        publish_display_data(still, {kind: {"width": SHOWN_WIDTH} for kind in still if kind == "image/png"})


def as_still(html: str, text: str) -> Form:
    """Words that are hidden where the widget lives."""
    return {"text/html": f"<div class='{STILL}' style='line-height:1.5'>{html}</div>", "text/plain": text}
