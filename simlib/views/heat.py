"""The heat map of a sweep over two settings: the darker, the more; the numbers are written where they fit."""

from __future__ import annotations

from typing import Any

import numpy as np

from simlib.views import style
from simlib.views.sheet import BOTTOM, LEFT, RIGHT, TOP, Sheet
from simlib.views.swept import Swept, is_wide, words

LIGHT, DARK = "#EAF2F8", "#08306B"
ROW = 0.34
"""Inches."""
LEAST_WIDTH, LEAST_HEIGHT = 0.5, 0.2
"""Inches of a cell that holds a number."""


def draw(page: Sheet, swept: Swept) -> None:
    """The first setting goes to the right, the second one up."""
    from matplotlib.patches import Patch

    means = _means(swept)
    height = 1.45 + min(max(len(means) * ROW, 1.4), 4.5)
    axes = page.blank(f"{swept.label} by {swept.paths[0]}", height=height, x=swept.axis(0), y=swept.axis(1))
    axes.grid(False)
    shades = _shades(means, is_wide(means.ravel()))
    axes.pcolormesh(np.arange(means.shape[1] + 1) - 0.5, np.arange(means.shape[0] + 1) - 0.5,
                    np.ma.masked_invalid(shades), cmap=_colours(), vmin=0, vmax=1, edgecolors=style.PAPER, linewidth=1)
    _ticks(axes, swept)
    _numbers(axes, means, shades, height)
    if not np.isnan(means).all():
        page.legend([Patch(color=LIGHT, label=f"{np.nanmin(means):.3g}"),
                     Patch(color=DARK, label=f"{np.nanmax(means):.3g}")])


def _means(swept: Swept) -> np.ndarray:
    """Rows: values of the second setting; columns: of the first. nan where nothing was measured."""
    grid = np.full((len(swept.values[1]), len(swept.values[0])), np.nan)
    grid[swept.places(1), swept.places(0)] = swept.rows["mean"]
    return grid


def _shades(means: np.ndarray, wide: bool) -> np.ndarray:
    """From 0, the least, to 1, the most."""
    scale = np.log(means) if wide else means
    if np.isnan(scale).all():
        return scale
    low, high = np.nanmin(scale), np.nanmax(scale)
    return (scale - low) / (high - low or 1.0)


def _colours() -> Any:
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("sweep", [LIGHT, "#6BAED6", DARK])


def _ticks(axes: Any, swept: Swept) -> None:
    for axis, values in zip((axes.xaxis, axes.yaxis), swept.values, strict=True):
        every = -(-len(values) // 14)
        axis.set_ticks(range(0, len(values), every), [words(value) for value in values[::every]])


def _numbers(axes: Any, means: np.ndarray, shades: np.ndarray, height: float) -> None:
    wide = (style.WIDTH - LEFT - RIGHT) / means.shape[1]
    if wide < LEAST_WIDTH or (height - TOP - BOTTOM) / means.shape[0] < LEAST_HEIGHT:
        return
    for (row, column), mean in np.ndenumerate(means):
        text = "none" if np.isnan(mean) else f"{mean:.3g}"
        axes.text(column, row, text, ha="center", va="center", size=style.SMALL_SIZE,
                  color=style.PAPER if shades[row, column] > 0.45 else style.INK)
