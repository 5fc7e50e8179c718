"""Words that are copied look as matplotlib draws them, and a picture's bytes are its pixels."""

from collections import Counter
from io import BytesIO

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from matplotlib.backends.backend_agg import FigureCanvasAgg, RendererAgg
from matplotlib.figure import Figure
from PIL import Image
from shop import shop

from simlib.views import canvas
from simlib.views.canvas import Canvas, packed

WORDS = [("Lag of billing", {"weight": "bold", "size": 12, "color": "#332288"}), ("jgy|\u00c4", {"size": 8.5}),
         ("lag (records)", {"rotation": 90}), ("askew", {"rotation": 30, "style": "italic"}),
         ("$10^{-3}$", {"size": 11}), ("two\nlines", {"family": "monospace"}), ("faint", {"alpha": 0.3}), ("", {})]
ONE_PIXEL = 1


def page(*words, kind=FigureCanvasAgg, x=0.5) -> np.ndarray:
    """What a canvas shows of words, one above the other."""
    figure = Figure(figsize=(4, 3), dpi=100)
    kind(figure)
    for number, (text, look) in enumerate(words):
        figure.text(x, 0.1 + 0.12 * number, text, **look)
    figure.canvas.draw()
    return np.asarray(figure.canvas.buffer_rgba())[:, :, :3].astype(int)


def box(pixels: np.ndarray) -> np.ndarray:
    """The first and last row and column of what is drawn."""
    rows, columns = (np.flatnonzero((pixels < 250).any(axis=2).any(axis=axis)) for axis in (1, 0))
    return np.array([rows[0], rows[-1], columns[0], columns[-1]])


@pytest.mark.parametrize(("text", "look"), WORDS[:-1])
@pytest.mark.parametrize("x", [0.5, 0.5017, 0.7061])
def test_a_word_stands_where_matplotlib_puts_it_in_the_same_ink(text, look, x):
    ours, theirs = (page((text, look), kind=kind, x=x) for kind in (Canvas, FigureCanvasAgg))
    assert abs(box(ours) - box(theirs)).max() <= ONE_PIXEL
    ink = [(255 - pixels).sum() for pixels in (ours, theirs)]
    assert ink[0] == pytest.approx(ink[1], rel=0.02)
    assert abs(ours.min(axis=(0, 1)) - theirs.min(axis=(0, 1))).max() < 40, "another colour"


def test_a_word_is_cut_off_where_its_axes_end():
    figure = Figure(figsize=(4, 3), dpi=100)
    Canvas(figure)
    figure.add_axes((0, 0, 0.5, 1)).text(0.8, 0.5, "cut off at the edge", clip_on=True)
    figure.canvas.draw()
    assert (np.asarray(figure.canvas.buffer_rgba())[10:-10, 202:, :3] == 255).all()


def test_the_same_words_are_laid_out_once(monkeypatch):
    canvas._drawn.cache_clear()
    laid_out = Counter()
    draw_text = RendererAgg.draw_text
    monkeypatch.setattr(RendererAgg, "draw_text", lambda self, gc, x, y, s, *rest, **named: (
        laid_out.update([s]), draw_text(self, gc, x, y, s, *rest, **named))[1])
    shop(rate=3).plot.lag()
    assert laid_out["Lag of billing"] == 1
    laid_out.clear()
    shop(rate=3).plot.lag()
    assert not laid_out


def test_a_word_in_another_look_is_another_word():
    looks = [{}, {"size": 14}, {"weight": "bold"}, {"color": "red"}, {"rotation": 90}, {"family": "serif"}]
    shown = [page(("same", look), kind=Canvas).tobytes() for look in looks]
    assert len(set(shown)) == len(looks)
    assert shown == [page(("same", look), kind=Canvas).tobytes() for look in looks]


def test_nothing_is_drawn_of_nothing():
    assert (page(WORDS[-1], ("   ", {}), kind=Canvas) == 255).all()


def test_a_canvas_follows_its_figures_size():
    figure = Figure(figsize=(4, 3), dpi=100)
    drawn = Canvas(figure)
    assert Image.open(BytesIO(drawn.png())).size == (400, 300)
    figure.set_size_inches(2, 5)
    assert Image.open(BytesIO(drawn.png())).size == (200, 500)


@given(st.tuples(st.integers(1, 9), st.integers(1, 9), st.just(3)).flatmap(lambda size: arrays(np.uint8, size)))
def test_a_png_holds_exactly_these_pixels(pixels):
    image = Image.open(BytesIO(packed(pixels)))
    image.verify()
    assert (np.asarray(Image.open(BytesIO(packed(pixels))).convert("RGB")) == pixels).all()
