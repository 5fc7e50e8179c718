"""A picture of instants in rows: one image instead of thousands of lines; a million records cost what ten do."""

from __future__ import annotations

from typing import Any

import numpy as np

from simlib.views import style
from simlib.views.sheet import Sheet, fitting

LANE, SPACE = 4, 2
"""Image rows of a lane and between rows of lanes; few, because the axes stretch them."""
SPARSE = 150
"""With fewer marks than this in a lane each is drawn wider, to be seen."""


class Bands:
    """Rows of `lanes` each on an image as wide as the axes; darker where more happened in one pixel column."""

    def __init__(self, page: Sheet, rows: int, lanes: int, until: float) -> None:
        self.page, self.rows, self.lanes, self.until = page, rows, lanes, until
        self.width = page.pixels[0]
        self.row_pixels = lanes * LANE + SPACE
        self.image = np.full((max(rows, 1) * self.row_pixels, self.width, 4), 255, np.uint8)
        self.areas: list[tuple[int, int, float, float]] = []
        for row in range(rows):
            self._lanes_of(row, slice(0, lanes))[:] = _rgb(style.FAINT)

    def paint(self, row: int, lane: int, times: np.ndarray, colour: str) -> None:
        """Mark instants (s) in a lane."""
        if not len(times):
            return
        columns = np.clip((times / self.until * self.width).astype(np.int64), 0, self.width - 1)
        counts = np.bincount(columns, minlength=self.width)
        if len(times) < SPARSE:
            padded = np.r_[0, counts, 0]
            counts = np.maximum.reduce([padded[:-2], padded[1:-1], padded[2:]])
        hit = counts > 0
        strength = (0.45 + 0.55 * counts[hit] / counts.max())[:, None]
        mixed = (1 - strength) * 255 + strength * _rgb(colour)
        self._lanes_of(row, slice(lane, lane + 1))[:, hit] = mixed.astype(np.uint8)

    def gaps(self, row: int, lane: int, spans: list[tuple[float, float]]) -> None:
        """Mark stretches (s) in which nothing happened although something waited."""
        self.areas += [(row, lane, start, end) for start, end in spans]

    def show(self, axes: Any, names: list[str]) -> None:
        """Put image, gaps and row names on the axes."""
        height = len(self.image)
        axes.imshow(self.image, extent=(0, self.until, height, 0), aspect="auto", interpolation="nearest", zorder=1)
        axes.set_xlim(0, self.until)
        axes.set_ylim(height, 0)
        middle = [row * self.row_pixels + (self.row_pixels - SPACE) / 2 + SPACE / 2
                  for row in range(self.rows)]
        axes.set_yticks(middle, names)
        axes.grid(False)
        axes.tick_params(left=False)
        axes.spines["left"].set_visible(False)
        for area in self.areas:
            self._show_gap(axes, *area)

    def keys(self, entries: list[tuple[str, str]]) -> list[Any]:
        """Handles for the legend: (label, colour)."""
        from matplotlib.patches import Patch

        return [Patch(color=colour, label=label) for label, colour in entries]

    def _show_gap(self, axes: Any, row: int, lane: int, start: float, end: float) -> None:
        top = row * self.row_pixels + SPACE // 2 + lane * LANE
        axes.fill_between([start, end], top + 0.5, top + LANE - 0.5, facecolor="none", edgecolor=style.SOFT,
                          hatch="////", linewidth=0, alpha=0.55, zorder=2)
        room = (end - start) / self.until * self.width / style.DPI
        words = (f"waiting {end - start:.3g} s", f"{end - start:.3g} s")
        if text := fitting(words, room):
            axes.text((start + end) / 2, top + LANE / 2, text, size=style.SMALL_SIZE, color=style.INK, ha="center",
                      va="center", zorder=4, bbox={"facecolor": style.FAINT, "edgecolor": "none", "pad": 1.2})

    def _lanes_of(self, row: int, lanes: slice) -> np.ndarray:
        top = row * self.row_pixels + SPACE // 2
        return self.image[top + lanes.start * LANE: top + lanes.stop * LANE]


def _rgb(colour: str) -> np.ndarray:
    return np.array([*(int(colour[i:i + 2], 16) for i in (1, 3, 5)), 255])
