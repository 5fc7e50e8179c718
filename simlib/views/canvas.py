"""What a sheet is rendered on. Words that were drawn before are copied: laying them out is half of a picture's work."""

from __future__ import annotations

import struct
import zlib
from functools import lru_cache
from math import ceil, cos, radians, sin
from typing import Any, Literal, NamedTuple

import numpy as np
from matplotlib.backend_bases import GraphicsContextBase
from matplotlib.backends.backend_agg import FigureCanvasAgg, RendererAgg
from matplotlib.font_manager import FontProperties

KEPT_WORDS = 1_000
ROOM = 3
"""Pixels around a word, for what sticks out of its box."""
UP = 2
"""The PNG filter "difference from the pixel above" (PNG 9.2): most of a chart is the same there."""
EIGHT_BITS, RED_GREEN_BLUE = 8, 2


class Look(NamedTuple):
    """All that makes a word look as it does."""

    family: tuple[str, ...]
    style: Literal["normal", "italic", "oblique"]
    weight: str | int
    size: float
    colour: Any
    angle: float
    is_math: bool
    dpi: float


class Copy(NamedTuple):
    """The pixels of a word (RGBA, last row first), and where they begin, seen from where the word does."""

    pixels: np.ndarray
    right: int
    below: int


class Renderer(RendererAgg):
    """Draws each word once, and from then on copies it, always to whole pixels."""

    def draw_text(self, gc: Any, x: float, y: float, s: str, prop: FontProperties, angle: float,
                  ismath: Any = False, mtext: Any = None) -> None:
        if gc.get_alpha() != 1:  # seldom: a word that is seen through has to be drawn where it stands
            return super().draw_text(gc, x, y, s, prop, angle, ismath, mtext)
        look = Look(tuple(prop.get_family()), prop.get_style(), prop.get_weight(), prop.get_size_in_points(),
                    gc.get_rgb(), angle, bool(ismath), self.dpi)
        if (copy := _drawn(s, look)) is not None:
            self.draw_image(gc, round(x) + copy.right, self.height - round(y) - copy.below, copy.pixels)


class Canvas(FigureCanvasAgg):
    """A canvas with such a renderer, and the picture on it as PNG."""

    _kept: Renderer | None = None

    def get_renderer(self) -> Renderer:
        """The same one as long as the figure has the same size."""
        size = self.get_width_height()
        if self._kept is None or (self._kept.width, self._kept.height) != size:
            self._kept = Renderer(*size, self.figure.dpi)
        return self._kept

    def png(self) -> bytes:
        """Render, and pack what was rendered."""
        from PIL import Image

        self.draw()
        size = self.get_width_height()
        seen = Image.frombuffer("RGBA", size, self.buffer_rgba(), "raw", "RGBA", 0, 1)
        return packed(np.asarray(seen.convert("RGB")))


@lru_cache(KEPT_WORDS)
def _drawn(word: str, look: Look) -> Copy | None:
    """A word drawn on a page of its own; None where there is nothing to be seen."""
    font = FontProperties(family=list(look.family), style=look.style, weight=look.weight, size=look.size)
    gc = GraphicsContextBase()
    gc.set_foreground(look.colour, isRGBA=True)
    x, y = _reach(word, font, look)
    page = RendererAgg(2 * x, 2 * y, look.dpi)
    page.draw_text(gc, x, y, word, font, look.angle, look.is_math)
    pixels = np.asarray(page.buffer_rgba())
    rows, columns = (np.flatnonzero(pixels[:, :, 3].any(axis=axis)) for axis in (1, 0))
    if not len(rows):
        return None
    top, bottom, left, right = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
    return Copy(pixels[top:bottom, left:right][::-1].copy(), int(left) - x, int(bottom) - y)


def _reach(word: str, font: FontProperties, look: Look) -> tuple[int, int]:
    """How far a word may reach from where it begins (pixels), to the sides and up or down."""
    wide, tall, _ = RendererAgg(1, 1, look.dpi).get_text_width_height_descent(word, font, look.is_math)
    along, across = abs(cos(radians(look.angle))), abs(sin(radians(look.angle)))
    return ceil(wide * along + tall * across) + ROOM, ceil(wide * across + tall * along) + ROOM


def packed(pixels: np.ndarray) -> bytes:
    """PNG bytes of (height, width, 3) bytes: one filter for all rows, where Pillow tries five on each."""
    height, width, _ = pixels.shape
    flat = pixels.reshape(height, -1)
    rows = np.empty((height, 1 + flat.shape[1]), np.uint8)
    rows[:, 0], rows[0, 1:] = UP, flat[0]
    np.subtract(flat[1:], flat[:-1], out=rows[1:, 1:])
    header = struct.pack(">IIBBBBB", width, height, EIGHT_BITS, RED_GREEN_BLUE, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows.data, 1)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(*chunk) for chunk in chunks)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
