"""The player in a notebook: an anywidget that sends an index first and slices when they are asked for."""

from __future__ import annotations

from base64 import b64encode
from functools import cached_property
from typing import Any

import anywidget
import traitlets

from simlib.views.picture import Picture
from simlib.views.player.difference import Difference
from simlib.views.player.packing import pack
from simlib.views.player.recording import Recording
from simlib.views.player.script import look, module
from simlib.views.storyboard import storyboard_of

SENT_ALONG = 16
"""Slices of a trace that travel with its index; of a longer one the browser asks for those it shows."""


WHEN_RUN = "A film plays here when this cell is run. Its story in a few moments:"


class Player(anywidget.AnyWidget):
    """One trace or two in step. Where no JavaScript runs it shows itself as a storyboard with a caption."""

    _esm = module()
    _css = look()
    indexes = traitlets.List(traitlets.Bytes()).tag(sync=True)
    slices = traitlets.List(traitlets.List(traitlets.Bytes())).tag(sync=True)
    difference = traitlets.Dict(allow_none=True).tag(sync=True)
    start = traitlets.Float().tag(sync=True)

    def __init__(self, recordings: list[Recording], difference: Difference | None, start: float) -> None:
        self.recordings = recordings
        super().__init__(
            indexes=[pack(one.index()) for one in recordings], start=start,
            slices=[[one.slice(number) for number in range(len(one))] if len(one) <= SENT_ALONG else []
                    for one in recordings],
            difference=difference.as_head() if difference else None)
        self.on_msg(self._asked)

    def _asked(self, _widget: Any, question: dict[str, Any], _buffers: Any) -> None:
        """The browser wants a slice or the life of a record; it is answered, or told why not."""
        name, track = next(f"{what} {question[what]}" for what in ("slice", "life") if what in question), \
            question["track"]
        try:
            self.send({"track": track, "name": name}, [self._piece(self.recordings[track], question)])
        except Exception as error:  # whatever it is, the browser waits for an answer
            self.send({"track": track, "name": name, "error": f"{type(error).__name__}: {error}"})

    def _piece(self, recording: Recording, question: dict[str, Any]) -> bytes:
        if "slice" in question:
            return recording.slice(int(question["slice"]))
        return recording.life(int(question["life"]))

    def __repr__(self) -> str:
        return f"[player, when run] {self.picture.description}"

    @cached_property
    def picture(self) -> Picture:
        """What is shown where nothing plays: of two runs the second."""
        return storyboard_of(self.recordings[-1].tape, captioned=True)

    def _ipython_display_(self) -> None:
        """The film, and after it the picture: JupyterLab shows an error in place of a film that was saved, and nothing
        that stands in the same output beside it. Where the film is, the style sheet hides the picture.
        """
        from IPython.display import publish_display_data

        publish_display_data({**self._film()[0], "text/plain": WHEN_RUN}, self._film()[1])
        publish_display_data(self._still())

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        """For whoever shows one form only, with a picture for whoever cannot run it."""
        data, metadata = self._film(**kwargs)
        return {**data, **self._still()}, metadata

    def _film(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        bundle = super()._repr_mimebundle_(**kwargs)
        data, metadata = bundle if isinstance(bundle, tuple) else (bundle, {})
        return data or {}, metadata

    def _still(self) -> dict[str, Any]:
        return {"text/plain": self.picture.description, "image/png": b64encode(self.picture.png).decode("ascii")}
