"""Makes the README's picture and the line under it anew, from the README's own code: `python docs/first_picture.py`."""

import re
from pathlib import Path

README = Path(__file__).parent.parent / "README.md"
PICTURE = Path(__file__).parent / "images" / "first-picture.png"
CAPTION = re.compile(r"(?<=first-picture\.png\)\n\n> )[^\n]+")


def run_readme(text: str) -> dict:
    """The names that the README's Python code leaves behind."""
    names: dict = {}
    for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL):
        exec(compile(block, "README.md", "exec"), names)
    return names


def main() -> None:
    text = README.read_text(encoding="utf-8")
    picture = run_readme(text)["trace"].plot.timeline()
    picture.save(PICTURE)
    README.write_text(CAPTION.sub(picture.description, text), encoding="utf-8")


if __name__ == "__main__":
    main()
