"""From a field's metadata to the control that changes it."""

from collections.abc import Sequence
from math import floor, log10
from typing import Any

from ipywidgets import Checkbox, Dropdown, FloatLogSlider, FloatSlider, IntSlider, Layout


def knobs(fields: Sequence[Any]) -> dict[str, Any]:
    """Controls by path, for the descriptions of fields, aligned with one another."""
    widest = max((len(_label(about)) for about in fields), default=0)
    return {about.path: knob(about, f"{0.6 * widest + 1:.0f}em") for about in fields}


def knob(about: Any, label_width: str) -> Any:
    """A control for one field; ValueError where a field has no range, choice or switch to offer."""
    if about.effective is None:
        raise ValueError(f'sliders: "{about.path}" is None in this scenario; give it a value first, with replace(...)')
    common = {"description": _label(about), "tooltip": about.help, "layout": Layout(width="44em", max_width="98%")}
    common["style"] = {"description_width": label_width}
    if about.kind == "flag":
        return Checkbox(value=about.effective, **common)
    if about.kind == "choice":
        return Dropdown(value=about.effective, options=about.choices, **common)
    return _slider(about, common)


def value_of(control: Any) -> Any:
    """The control's value as it would be typed: 30, not 30.000000000000004 as a browser may say."""
    value = control.value
    if not isinstance(value, float):
        return value
    typed = float(f"{value:.10g}")
    return int(typed) if typed.is_integer() else typed


def _slider(about: Any, common: dict[str, Any]) -> Any:
    given, low, high = about.effective, about.low, about.high
    if low is None or high is None or isinstance(given, bool) or not isinstance(given, int | float):
        raise ValueError(f'sliders: "{about.path}" is {given!r}; a slider needs a number and a range')
    live = {"value": given, "continuous_update": False, **common}
    if about.kind == "whole":
        return IntSlider(min=int(low), max=int(high), step=int(about.step or 1), **live)
    if about.log and low > 0:
        return FloatLogSlider(min=log10(low), max=log10(high), step=0.05, readout_format=".3g", **live)
    step = about.step or _round_step(high - low)
    whole = all(float(number).is_integer() for number in (given, low, step))
    return FloatSlider(min=low, max=high, step=step, readout_format="d" if whole else ".3g", **live)


def _round_step(span: float) -> float:
    """About a hundredth of the range, as 1, 2 or 5 with zeros: so that a slider stops at numbers people say."""
    magnitude = 10.0 ** floor(log10(span / 100))
    return next(n * magnitude for n in (5, 2, 1) if n * magnitude <= span / 100 * 1.001)


def _label(about: Any) -> str:
    return f"{about.label} ({about.unit})" if about.unit else about.label
