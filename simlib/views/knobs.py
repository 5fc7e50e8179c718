"""From a field's metadata to the control that changes it."""

from math import floor, log10
from typing import Any

from ipywidgets import Checkbox, Dropdown, FloatLogSlider, FloatSlider, IntSlider, Layout


def knob(path: str, about: Any) -> Any:
    """A control for one field; ValueError where a field has no range, choice or switch to offer."""
    if about.effective is None:
        raise ValueError(f'sliders: "{path}" is None in this scenario; give it a value first, with replace(...)')
    common = {"description": _label(about), "tooltip": about.help, "layout": Layout(width="44em", max_width="98%")}
    common["style"] = {"description_width": "18em"}
    if about.kind == "flag":
        return Checkbox(value=about.effective, **common)
    if about.kind == "choice":
        return Dropdown(value=about.effective, options=about.choices, **common)
    return _slider(path, about, common)


def value_of(control: Any) -> Any:
    """The control's value as it would be typed: 30, not 30.0."""
    value = control.value
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _slider(path: str, about: Any, common: dict[str, Any]) -> Any:
    given, low, high = about.effective, about.low, about.high
    if low is None or high is None or isinstance(given, bool) or not isinstance(given, int | float):
        raise ValueError(f'sliders: "{path}" is {given!r}; a slider needs a number and a range')
    live = {"value": given, "continuous_update": False, **common}
    if about.kind == "whole":
        return IntSlider(min=int(low), max=int(high), step=int(about.step or 1), **live)
    if about.log and low > 0:
        return FloatLogSlider(min=log10(low), max=log10(high), step=0.05, readout_format=".3~g", **live)
    return FloatSlider(min=low, max=high, step=about.step or _round_step(high - low), readout_format=".6~g", **live)


def _round_step(span: float) -> float:
    """About a hundredth of the range, as 1, 2 or 5 with zeros: so that a slider stops at numbers people say."""
    magnitude = 10.0 ** floor(log10(span / 100))
    return next(n * magnitude for n in (5, 2, 1) if n * magnitude <= span / 100 * 1.001)


def _label(about: Any) -> str:
    return f"{about.label} ({about.unit})" if about.unit else about.label
