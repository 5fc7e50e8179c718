"""The player's JavaScript as one module: its files, in the order in which they need each other, without imports.

There is no build step: each file is a module that Node and a browser run as it is; a widget takes only one.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

FILES = ("unpack", "page", "state", "tell", "source", "deck", "log", "stage", "flights", "pane", "timeline", "controls",
         "player")
HERE = Path(__file__).parent


@cache
def module() -> str:
    """Everything, with `render` as the default export and `openFile` by name."""
    parts = [_alone((HERE / f"{name}.js").read_text(encoding="utf-8")) for name in FILES]
    return "\n".join([*parts, "export { openFile };", "export default { render };", ""])


@cache
def look() -> str:
    """The style sheet."""
    return (HERE / "player.css").read_text(encoding="utf-8")


def _alone(text: str) -> str:
    """A file without what joins it to the others."""
    text = re.sub(r"^import .*?;\n", "", text, flags=re.MULTILINE | re.DOTALL)
    text = re.sub(r"^export default .*?;\n", "", text, flags=re.MULTILINE)
    return re.sub(r"^export (?=(async |function |const |class ))", "", text, flags=re.MULTILINE)
