"""A finished picture: PNG bytes and, in words, what it shows."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from pathlib import Path

from simlib.views.style import SHOWN_WIDTH


@dataclass(frozen=True, repr=False)
class Picture:
    """Shows itself in a notebook with its description as a line below; `save(path)` writes the PNG."""

    png: bytes
    description: str

    def save(self, path: str | Path) -> None:
        """Write the PNG. ValueError if the name promises another format."""
        path = Path(path)
        if path.suffix.lower() != ".png":
            raise ValueError(f"{path.name}: a picture is saved as PNG; give a name that ends in .png")
        path.write_bytes(self.png)

    def caption_html(self) -> str:
        """The description as the line under the picture."""
        return f"<p style='max-width:{SHOWN_WIDTH}px;margin:0 0 8px'>{escape(self.description)}</p>"

    def __repr__(self) -> str:
        return self.description

    def _repr_png_(self) -> bytes:
        return self.png

    def _ipython_display_(self) -> None:
        """Image first, description below: two outputs, because a notebook shows only one form of each."""
        from IPython.display import publish_display_data

        publish_display_data({"image/png": self.png, "text/plain": self.description},
                             {"image/png": {"width": SHOWN_WIDTH}})
        publish_display_data({"text/html": self.caption_html(), "text/plain": self.description})
