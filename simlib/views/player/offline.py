"""A recording as one HTML file that plays anywhere, without a network and without Python."""

from __future__ import annotations

import json
from base64 import b64encode
from html import escape
from pathlib import Path
from typing import Any

from simlib.views.player.difference import Difference
from simlib.views.player.packing import pack
from simlib.views.player.recording import Recording
from simlib.views.player.script import look, module
from simlib.views.storyboard import storyboard_of

MOST_BYTES = 30_000_000
"""Of all pieces together, packed; browsers grow slow with larger pages."""

PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; \
script-src 'unsafe-inline'; img-src data:">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ margin: 0; padding: 16px; background: Canvas; }}
{look}
.sp {{ margin: 0 auto; }}
@media (prefers-color-scheme: dark) {{
  .sp {{ --sp-ink: #e8e8e8; --sp-soft: #a8a8a8; --sp-paper: #161616; --sp-faint: #2a2a2a; --sp-line: #4a4a4a;
        --sp-focus: #56b4e9; }}
}}
</style>
</head>
<body>
<div id="player"></div>
<noscript><p>{words}</p><img alt="{words}" src="data:image/png;base64,{picture}" style="max-width: 100%"></noscript>
<script type="application/json" id="recordings">{recordings}</script>
<script type="module">
{module}
openFile(document.getElementById("player"), document.getElementById("recordings").textContent);
</script>
</body>
</html>
"""


def write(recordings: list[Recording], difference: Difference | None, start: float, path: str | Path) -> None:
    """Write the file. ValueError for another kind of file, or a trace too long for one page."""
    path = Path(path)
    if path.suffix.lower() not in (".html", ".htm"):
        raise ValueError(f"{path.name}: the player is exported as one HTML file; give a name that ends in .html. "
                         "A picture is saved by trace.plot.storyboard().save(path)")
    path.write_text(page(recordings, difference, start), encoding="utf-8")


def page(recordings: list[Recording], difference: Difference | None, start: float) -> str:
    """The whole file as text."""
    pieces = {"recordings": [_pieces(one) for one in recordings], "start": start,
              "difference": difference.as_head() if difference else None}
    picture = storyboard_of(recordings[-1].tape)
    title = " and ".join(one.title for one in recordings if one.title) or "A run of the simulator"
    return PAGE.format(title=escape(title), look=look(), words=escape(picture.description, quote=True),
                       picture=b64encode(picture.png).decode("ascii"), recordings=_harmless(json.dumps(pieces)),
                       module=module())


def _pieces(recording: Recording) -> dict[str, Any]:
    slices, total = [], 0
    for number in range(len(recording)):
        slices.append(recording.slice(number))
        total += len(slices[-1])
        if total > MOST_BYTES:
            raise ValueError(f"this trace is too long for one page: {len(recording.tape):,} events make more than "
                             f"{MOST_BYTES / 1e6:.0f} MB. Run the scenario with a shorter duration or a lower rate, or "
                             "play it in a notebook, which loads only what is shown")
    return {"index": b64encode(pack(recording.index())).decode("ascii"),
            "slices": [b64encode(one).decode("ascii") for one in slices]}


def _harmless(text: str) -> str:
    """JSON in which no text can end the script element that holds it."""
    return text.replace("<", "\\u003c")
