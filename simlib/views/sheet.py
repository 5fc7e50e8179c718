"""A figure that is drawn on again and again: making a new one costs more than everything drawn on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from threading import Lock
from typing import Any, Literal

from simlib.views import style

LEFT, RIGHT, TOP, BOTTOM = 1.15, 0.25, 0.78, 0.55
"""Margins in inches; fixed, so that nothing is measured before it is drawn."""
TITLE_LEFT, LINE = 0.25, 0.19
"""Where the title starts, and how high a line of the legend is (inches)."""


class Sheet:
    """One figure with one pair of axes. `blank()` wipes it; `png()` renders what was drawn since."""

    def __init__(self) -> None:
        from matplotlib.figure import Figure

        from simlib.views.canvas import Canvas

        self.figure = Figure(figsize=(style.WIDTH, 3.6), dpi=style.DPI, facecolor=style.PAPER)
        self.canvas = Canvas(self.figure)
        self.axes = self.figure.add_axes((0.1, 0.1, 0.8, 0.8), facecolor=style.PAPER)
        self.title = self.figure.text(0, 0, "", size=style.TITLE_SIZE, weight="bold", color=style.INK, va="top")
        self.lock = Lock()
        self._dress()

    def _dress(self) -> None:
        self.axes.tick_params(colors=style.SOFT, labelsize=style.TEXT_SIZE, length=3)
        self.axes.set_axisbelow(True)
        for side in ("top", "right"):
            self.axes.spines[side].set_visible(False)
        for side in ("left", "bottom"):
            self.axes.spines[side].set_color(style.SOFT)

    def blank(self, title: str, height: float = 3.6, x: str = "time (s)", y: str = "", left: float = LEFT,
              bottom: float = BOTTOM, top: float = TOP) -> Any:
        """Wipe everything, set size (inches), title and the labels of the axes; returns the axes to draw on."""
        from matplotlib.ticker import AutoLocator, ScalarFormatter

        axes = self.axes
        for artist in [*axes.lines, *axes.collections, *axes.patches, *axes.texts, *axes.images]:
            artist.remove()
        if (legend := axes.get_legend()) is not None:
            legend.remove()
        axes.set_xscale("linear")
        axes.set_yscale("linear")
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_locator(AutoLocator())
            axis.set_major_formatter(ScalarFormatter(useOffset=False))
            axis.set_visible(True)
        axes.grid(True, color=style.GRID, linewidth=0.8)
        axes.tick_params(which="both", left=True, bottom=True, colors=style.SOFT)
        axes.spines["left"].set_visible(True)
        self.figure.set_size_inches(style.WIDTH, height)
        axes.set_position((left / style.WIDTH, bottom / height, 1 - (left + RIGHT) / style.WIDTH,
                           1 - (top + bottom) / height))
        wide, tall = style.WIDTH - left - RIGHT, height - top - bottom
        axes.xaxis.set_label_coords(0.5, -0.29 / tall)  # fixed: measured labels cost time and jump between redraws
        axes.yaxis.set_label_coords((0.3 - left) / wide, 0.5)
        axes.set_xlabel(x, size=style.TEXT_SIZE, color=style.INK)
        axes.set_ylabel(y, size=style.TEXT_SIZE, color=style.INK)
        self.title.set_text(title)
        self._place_title()
        return axes

    def whole_numbers(self, axis: Any) -> None:
        """Ticks at whole numbers only, with thousands set apart: there is no half record."""
        from matplotlib.ticker import FuncFormatter, MaxNLocator

        axis.set_major_locator(MaxNLocator(nbins=6, integer=True))
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))

    def logarithmic(self, axis: Any, said: Callable[[float], str]) -> None:
        """Ticks at powers of ten, each with what is `said` of it, and fine ones between. The limits must be set before.
        """
        from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

        axis.set_major_locator(LogLocator(10))
        axis.set_major_formatter(FuncFormatter(lambda value, _: said(value)))
        axis.set_minor_locator(NullLocator())
        low, high = axis.get_view_interval()
        between = LogLocator(10, range(2, 10)).tick_values(low, high)
        self._fine_ticks(axis, between[(between >= low) & (between <= high)])

    def _fine_ticks(self, axis: Any, places: Any) -> None:
        """As one line of markers: each of an axis' own ticks costs as much as a line of the picture."""
        from matplotlib.markers import TICKDOWN, TICKLEFT

        edge, sideways = [0.0] * len(places), axis is self.axes.xaxis
        where = (places, edge) if sideways else (edge, places)
        across = self.axes.get_xaxis_transform() if sideways else self.axes.get_yaxis_transform()
        self.axes.plot(*where, linestyle="none", marker=TICKDOWN if sideways else TICKLEFT, markersize=2,
                       markeredgewidth=0.6, color=style.SOFT, transform=across, clip_on=False)

    def legend(self, handles: list[Any]) -> None:
        """Labelled handles at the top right beside the title; under it, in as many lines as they need, if too wide."""
        if not handles:
            return
        room, labels = style.WIDTH - RIGHT - TITLE_LEFT, [handle.get_label() for handle in handles]
        title = len(self.title.get_text()) * style.TITLE_LETTER_INCHES
        if title + sum(map(_entry_width, labels)) < room:
            self._legend(handles, len(handles), "upper right", 1 - RIGHT / style.WIDTH, 0.16)
            return
        lines = _lines(labels, room)
        self._grow(LINE * (lines - 1))
        self._legend(handles, -(-len(handles) // lines), "upper left", TITLE_LEFT / style.WIDTH, 0.37)

    def _legend(self, handles: list[Any], columns: int, corner: Literal["upper left", "upper right"], x: float,
                below_top: float) -> None:
        height = self.figure.get_size_inches()[1]
        self.axes.legend(handles=handles, ncols=columns, loc=corner, frameon=False, borderpad=0,
                         fontsize=style.TEXT_SIZE, labelcolor=style.INK, handlelength=1.1, handletextpad=0.4,
                         columnspacing=1.1, bbox_to_anchor=(x, 1 - below_top / height),
                         bbox_transform=self.figure.transFigure, borderaxespad=0)

    def _grow(self, inches: float) -> None:
        """A higher page with more room at the top; what is drawn keeps its size."""
        height = self.figure.get_size_inches()[1]
        left, bottom, wide, tall = self.axes.get_position().bounds
        part = height / (height + inches)
        self.axes.set_position((left, bottom * part, wide, tall * part))
        self.figure.set_size_inches(style.WIDTH, height + inches)
        self._place_title()

    def _place_title(self) -> None:
        height = self.figure.get_size_inches()[1]
        self.title.set_position((TITLE_LEFT / style.WIDTH, 1 - 0.14 / height))

    @property
    def pixels(self) -> tuple[int, int]:
        """Width and height of the axes in pixels."""
        box = self.axes.get_position()
        width, height = self.figure.get_size_inches() * style.DPI
        return round(box.width * width), round(box.height * height)

    def png(self) -> bytes:
        """Render to PNG bytes."""
        return self.canvas.png()


def fitting(texts: tuple[str, ...], inches: float) -> str:
    """The first text of SMALL_SIZE that fits into so much room; "" if none does."""
    return next((one for one in texts if len(one) * style.NAME_LETTER_INCHES + 0.1 < inches), "")


def _entry_width(label: str) -> float:
    return len(label) * style.LEGEND_LETTER_INCHES + 0.37


def _lines(labels: list[str], room: float) -> int:
    """In how many lines a legend fits: its columns are as wide as their widest entries."""
    columns = max(int(room / max(map(_entry_width, labels))), 1)
    return 1 if sum(map(_entry_width, labels)) < room else -(-len(labels) // columns)


@cache
def _kept(kind: str) -> Sheet:
    return Sheet()


@contextmanager
def sheet(kind: str) -> Iterator[Sheet]:
    """The sheet kept for one kind of picture, for one caller at a time."""
    kept = _kept(kind)
    with kept.lock:
        yield kept
