"""From a field's metadata to the control that changes it."""

from collections.abc import Sequence
from decimal import Decimal
from math import ceil, floor, isclose, isfinite, log10
from typing import Any

from ipywidgets import Checkbox, Dropdown, FloatLogSlider, FloatSlider, IntSlider, Layout
from traitlets import validate

WHOLE = ("whole", "keys")
DIGITS = 3
"""How exact a number is that a log slider stops at."""


class LogSlider(FloatLogSlider):
    """Stops at numbers people say: 45,000 and not 44,668.36; `whole` where a field takes no other."""

    def __init__(self, given: float, low: float, high: float, whole: bool, **look: Any) -> None:
        self._as_they_are, self._whole = (given, low, high), whole
        super().__init__(value=given, min=log10(low), max=log10(high), step=0.05, **look)

    @validate("value")
    def _validate_value(self, proposal: Any) -> float:
        value = super()._validate_value(proposal)
        typed = float(f"{value:.{DIGITS}g}")
        _, low, high = self._as_they_are
        nearest = min(max(round(typed) if self._whole else typed, low), high)
        return next((float(known) for known in self._as_they_are if isclose(known, value, rel_tol=1e-9)), nearest)


# On a narrow page the track moves under its label instead of shrinking to nothing.
WRAPPED = {"width": "44em", "max_width": "98%", "height": "auto", "flex_flow": "row wrap"}


def knobs(fields: Sequence[Any]) -> dict[str, Any]:
    """Controls by path, for the descriptions of fields, aligned with one another."""
    widest = max((len(_label(about)) for about in fields), default=0)
    return {about.path: knob(about, f"{0.6 * widest + 1:.0f}em") for about in fields}


def knob(about: Any, label_width: str) -> Any:
    """A control for one field; ValueError where a field has no range, choice or switch to offer."""
    if about.effective is None:
        raise ValueError(f'sliders: "{about.path}" is None in this scenario; give it a value first, with replace(...)')
    common = {"description": _label(about), "tooltip": about.help, "layout": Layout(**WRAPPED)}
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
    if low is None or high is None or not _is_number(given):
        raise ValueError(f'sliders: "{about.path}" is {given!r}; a slider needs a number and a range')
    live = {"continuous_update": False, **common}
    if about.log and low > 0:
        whole = about.kind in WHOLE or (low >= 1 and _decimals(given, low, high) == 0)
        readout = ",d" if whole else f",.{max(DIGITS, _digits(given))}r"
        return LogSlider(given, low, high, whole, readout_format=readout, **live)
    if about.kind in WHOLE:
        return IntSlider(value=given, min=int(low), max=int(high), step=int(about.step or 1), readout_format=",d",
                         **live)
    step = about.step or _round_step(high - low)
    low = _on_grid(low, step, given)
    readout = f",.{_decimals(given, low, step)}f"
    return FloatSlider(value=given, min=low, max=high, step=step, readout_format=readout, **live)


def _on_grid(low: float, step: float, given: float) -> float:
    """The first stop: a multiple of the step, so that 0.1 to 120 s goes 1, 2, 3 and not 0.1, 1.1, 2.1."""
    first = round(ceil(low / step - 1e-9) * step, 9)
    return first if first <= given else low


def _is_number(given: Any) -> bool:
    return isinstance(given, int | float) and not isinstance(given, bool) and isfinite(given)


def _decimals(*numbers: float) -> int:
    """How many places after the point these numbers need."""
    return max(0, *(-int(_typed(number).as_tuple().exponent) for number in numbers))


def _digits(number: float) -> int:
    return len(_typed(number).as_tuple().digits)


def _typed(number: float) -> Decimal:
    return Decimal(f"{number:.10g}").normalize()


def _round_step(span: float) -> float:
    """About a hundredth of the range, as 1, 2 or 5 with zeros: so that a slider stops at numbers people say."""
    magnitude = 10.0 ** floor(log10(span / 100))
    return next(n * magnitude for n in (5, 2, 1) if n * magnitude <= span / 100 * 1.001)


def _label(about: Any) -> str:
    return f"{about.label} ({about.unit})" if about.unit else about.label
