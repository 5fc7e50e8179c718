"""Makes the README's picture and the lines below it from the README's own code: `python docs/first_picture.py`."""

import re
from pathlib import Path
from typing import Any

README = Path(__file__).parent.parent / "README.md"
PICTURE = Path(__file__).parent / "images" / "first-picture.png"
CAPTION = re.compile(r"(?<=first-picture\.png\)\n\n)(?:>[^\n]*\n)+")


def run_readme(text: str) -> dict[str, Any]:
    """The names that the README's Python code leaves behind."""
    names: dict[str, Any] = {}
    for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL):
        exec(compile(block, "README.md", "exec"), names)
    return names


def caption(result: Any) -> str:
    """What `explore` says, as a quotation: how much it tried, then the shortest story, a sentence a line."""
    lines = [f"{result.headline}.", "", *result.counterexample.telling.split("\n")]
    return "".join(f"> {line}  \n" if line else ">\n" for line in lines)


def main() -> None:
    text = README.read_text(encoding="utf-8")
    result = run_readme(text)["result"]
    result.counterexample.trace.plot.sequence().save(PICTURE)
    README.write_text(CAPTION.sub(lambda _: caption(result), text), encoding="utf-8")


if __name__ == "__main__":
    main()
