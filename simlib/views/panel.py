"""The widget of `sliders`: it moves values into `render` and what comes out onto the page, and does nothing else."""

from collections.abc import Callable, Sequence
from html import escape
from typing import Any

from ipywidgets import HTML, Button, Image, Layout, VBox

from simlib.scenario.describe import describe
from simlib.views.knobs import knobs, value_of
from simlib.views.rendering import Rendering, as_code, changed, expected_records, render
from simlib.views.saved import Form, as_still, hides_its_still, publish
from simlib.views.style import SHOWN_WIDTH

NARROW = {"width": "auto", "align_self": "flex-start"}
FELT = 5_000            # records from which a run may take long enough for a busy sign
BUSY = ("<style>@keyframes simlib-late { from { visibility: hidden } }</style>"
        "<i style='animation: simlib-late 0.3s step-end'>running ...</i>")
"""Seen only if it stands for a while: what comes and goes at once would flicker."""


class Panel(VBox):
    """Controls, picture, description, and the code of the scenario shown."""

    def __init__(self, scenario: Any, paths: Sequence[str], show: Callable[[Any], Any], name: str):
        self._scenario, self._show, self._name = scenario, show, name
        self.knobs = knobs([describe(scenario, path) for path in paths])
        self._lesson = {path: value_of(control) for path, control in self.knobs.items()}
        self._resting = False
        self.back = Button(description="Back to the lesson's values", layout=NARROW)
        self.state = HTML(layout=Layout(min_height="2em"))
        self.picture = Image(format="png", layout=Layout(width=f"{SHOWN_WIDTH}px", max_width="100%"))
        self.below, self.code = HTML(), HTML()
        super().__init__()
        self.children = [*self.knobs.values(), self.back, self.state, self.picture, self.below, self.code,
                         hides_its_still(self)]
        for control in self.knobs.values():
            control.observe(self._moved, names="value")
        self.back.on_click(lambda _: self.reset())
        self.update()

    def moved(self) -> dict[str, Any]:
        """What was moved away from the lesson's values, by path."""
        now = {path: value_of(control) for path, control in self.knobs.items()}
        return {path: value for path, value in now.items() if value != self._lesson[path]}

    def reset(self) -> None:
        """Put every control back, then draw once."""
        self._resting = True
        try:
            for path, control in self.knobs.items():
                control.value = self._lesson[path]
        finally:
            self._resting = False
        self.update()

    def update(self) -> None:
        """Draw what the controls say; a mistake becomes words in the panel."""
        try:
            self._announce()
            self._place(render(self._scenario, self.moved(), self._show))
        except Exception as error:
            self._place(Rendering(error=f"{type(error).__name__}: {error}"))

    def _moved(self, _change: Any) -> None:
        if not self._resting:
            self.update()

    def _announce(self) -> None:
        self.code.value = f"<pre># shown: {escape(as_code(self._name, self.moved()))}</pre>"
        if expected_records(changed(self._scenario, self.moved())) > FELT:
            self.state.value = BUSY

    def _place(self, shown: Rendering) -> None:
        self.state.value = f"<b>This does not run.</b><pre>{escape(shown.error)}</pre>" if shown.error else ""
        self.picture.layout.visibility = "hidden" if shown.error else "visible"
        if shown.png:
            self.picture.value = shown.png
        self.picture.layout.display = None if self.picture.value else "none"
        self.below.value = f"<div style='line-height:1.5'>{shown.html}</div>" if shown.html else ""

    def __repr__(self) -> str:
        return f"[sliders, when run: {self._values()}]"

    def _values(self) -> str:
        return ", ".join(f"{path} = {value_of(control)}" for path, control in self.knobs.items())

    def _ipython_display_(self) -> None:
        """The sliders, and after them what a saved page shows in their place."""
        publish(super()._repr_mimebundle_(), self._stills())

    def _stills(self) -> list[Form]:
        picture = [{"image/png": _base64(self.picture.value), "text/plain": repr(self)}] if self.picture.value else []
        hint = f"<p><i>Run this cell to move its sliders. Here they say: {escape(self._values())}.</i></p>"
        return [*picture, as_still(self.state.value + self.below.value + hint, repr(self))]

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        """For whoever shows one form only."""
        bundle = super()._repr_mimebundle_(**kwargs)
        if isinstance(bundle, dict):
            bundle["text/plain"] = repr(self)
            if self.picture.value:
                bundle["image/png"] = _base64(self.picture.value)
        return bundle


def _base64(png: bytes) -> str:
    from base64 import b64encode

    return b64encode(png).decode("ascii")
