"""The form of one question: nothing is chosen beforehand, and a guess counts only when it is sent."""

import re
from collections.abc import Callable
from html import escape
from typing import Any

from ipywidgets import HTML, Box, Button, Layout, RadioButtons, Text, VBox

from simlib.course.predict import Question, in_words
from simlib.course.store import Guess
from simlib.views.saved import as_still, hides_its_still, publish

WHOLE = {"width": "auto", "flex": "0 0 auto"}       # as wide as its words, also where the page is narrow


class Form(VBox):
    """A question, a place for the answer, a button, and a line that says what was kept."""

    def __init__(self, asked: Question, earlier: Guess | None, keep: Callable[[Any], Guess]):
        self.asked, self._keep = asked, keep
        self.answer = _answer_widget(asked)
        self.button = Button(description="This is my guess", layout=Layout(**WHOLE, align_self="flex-start"))
        self.line = HTML(value=_earlier_line(earlier))
        self.button.on_click(lambda _: self.send())
        self._entered = False
        self.answer.on_msg(self._on_message)
        self.answer.observe(self._on_value, names="value")
        flow = "row wrap" if asked.kind == "number" else "column"
        rows = Box([self.answer, self.button], layout=Layout(display="flex", flex_flow=flow))
        asking = HTML(value=f"<div style='line-height:1.5'><b>{with_code(asked.text)}</b></div>")
        super().__init__()
        self.children = [asking, rows, self.line, hides_its_still(self)]

    def send(self) -> None:
        """Read the answer and keep it, or say what would be one."""
        given = self.answer.value
        if given in (None, ""):
            self.line.value = "Nothing to keep yet: answer first, or leave it and go on."
            return
        try:
            guess = self._keep(self.asked.read(given))
        except ValueError as trouble:
            self.line.value = escape(str(trouble))
            return
        self.line.value = f"Kept: you say <b>{escape(in_words(guess.said))}</b>. {_after(guess)}"

    def _on_message(self, _widget: Any, content: Any, _buffers: Any) -> None:
        """The Enter key. The browser may send it ahead of the text it belongs to: `_on_value` then sends again."""
        if isinstance(content, dict) and content.get("event") == "submit":
            self._entered = True
            if self.answer.value:
                self.send()

    def _on_value(self, _change: Any) -> None:
        if self._entered:
            self._entered = False
            self.send()

    def __repr__(self) -> str:
        return f"[a question, when run: {self.asked.text}]"

    def _ipython_display_(self) -> None:
        """The form, and after it what a saved page shows in its place."""
        choices = "".join(f"<li>{escape(choice)}</li>" for choice in self.asked.choices)
        words = (f"<b>{with_code(self.asked.text)}</b>" + (f"<ul>{choices}</ul>" if choices else "")
                 + "<p><i>Run this cell to answer.</i></p>")
        publish(super()._repr_mimebundle_(), [as_still(words, repr(self))])

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        """For whoever shows one form only."""
        bundle = super()._repr_mimebundle_(**kwargs)
        if isinstance(bundle, dict):
            bundle["text/plain"] = repr(self)       # ipywidgets would cut it at 110 characters
        return bundle


def with_code(text: str) -> str:
    """Escaped text; `words in backticks` become code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))


def _answer_widget(asked: Question) -> Any:
    if asked.kind == "number":
        return Text(value="", placeholder="a number", continuous_update=False, layout=Layout(width="10em"))
    return RadioButtons(options=asked.choices, value=None, layout=Layout(width="max-content"))


def _earlier_line(earlier: Guess | None) -> str:
    return f"You said <b>{escape(in_words(earlier.said))}</b>. You may still change it." if earlier else ""


def _after(guess: Guess) -> str:
    return "(You have seen the run.)" if guess.after_seeing else "Now run the next cell."
