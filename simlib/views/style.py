"""One look for every picture: colours that colour-blind readers can tell apart, one colour for one thing.

Members of a group take Okabe and Ito's colours in the order of their number, partitions Paul Tol's muted ones;
vermillion is a crash and reddish purple a repeat, here and nowhere else.
"""

from __future__ import annotations

from typing import Any

INK = "#222222"
SOFT = "#6B6B6B"
GRID = "#E4E4E4"
PAPER = "#FFFFFF"
FAINT = "#F4F4F2"

CRASH = "#D55E00"
REPEAT = "#CC79A7"
WRITTEN = "#4A4A4A"
WRITTEN_BAND = "#9A9A9A"
"""Fainter, where what was written fills a lane of its own."""

MEMBERS = ("#0072B2", "#E69F00", "#009E73", "#56B4E9", "#A6981C", "#666666")
PARTITIONS = ("#332288", "#44AA99", "#999933", "#88CCEE", "#882255", "#117733", "#DDCC77", "#AA4499")

WIDTH = 9.0
"""inches"""
DPI = 144
SHOWN_WIDTH = 900
"""CSS pixels in a notebook; the PNG has more, so that it stays sharp on a fine screen."""

TITLE_SIZE = 12
TEXT_SIZE = 9.5
SMALL_SIZE = 8.5
LETTER_INCHES = 0.078
"""The width of a letter of SMALL_SIZE, generously."""
NAME_LETTER_INCHES, LEGEND_LETTER_INCHES, TITLE_LETTER_INCHES = 0.069, 0.072, 0.104
"""About the width of a letter of a name in SMALL_SIZE, in TEXT_SIZE and in a title."""


def member_colour(name: str) -> str:
    """The colour of `billing-1` is the second one, in every picture and every group."""
    number = name.rpartition("-")[2]
    return MEMBERS[int(number) % len(MEMBERS)] if number.isdigit() else MEMBERS[-1]


def actor_colour(name: str) -> str:
    """Members and services have colours; brokers and plain producers are drawn in ink."""
    return INK if name.startswith("broker-") or "-" not in name else member_colour(name)


def ink_on(colour: str) -> str:
    """Black or white, whichever reads better on a colour."""
    red, green, blue = (int(colour[i:i + 2], 16) for i in (1, 3, 5))
    return INK if 0.299 * red + 0.587 * green + 0.114 * blue > 130 else PAPER


def partition_colour(partition: int) -> str:
    """The colour of a partition, by its number."""
    return PARTITIONS[partition % len(PARTITIONS)]


def without_scales(axes: Any) -> None:
    """Where a place says nothing about a number."""
    axes.grid(False)
    axes.set_xticks([])
    axes.set_yticks([])
    for side in ("left", "bottom"):
        axes.spines[side].set_visible(False)
