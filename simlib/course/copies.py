"""Put lessons into the learner's folder and never overwrite his work: `python -m simlib.course.copies`.

Uses only the standard library.
"""

import hashlib
import json
import sys
from contextlib import suppress
from pathlib import Path

REGISTER = ".copies.json"


def refresh(notebooks: Path, mine: Path) -> list[str]:
    """Copy missing lessons, replace untouched ones, put a new version beside changed ones; one line for each of those.

    `notebooks` is only read. What was handed out is remembered in `mine/.copies.json`, as hashes.
    """
    sources = sorted(notebooks.glob("*.ipynb"))
    if not sources:
        return [f"{notebooks}: no notebooks there."]
    try:
        mine.mkdir(parents=True, exist_ok=True)
        given = _read_register(mine)
        lines = [line for source in sources if (line := _bring(source, mine, given))]
        _write_register(mine, given)
    except OSError as error:
        return [f"{mine}: cannot be written ({error.strerror or error}); the lessons there stay as they are."]
    return lines


def _bring(source: Path, mine: Path, given: dict[str, list[str]]) -> str | None:
    """Bring one notebook up to date; a line where the learner should know."""
    new, copy, seen = _hash(source), mine / source.name, given.setdefault(source.name, [])
    if not copy.exists() or (_hash(copy) in seen and _hash(copy) != new):
        _copy(source, copy)
    elif _hash(copy) != new and new not in seen:
        beside = _free_name(copy, seen)
        _copy(source, beside)
        seen.append(new)
        return f"{copy.name}: you changed yours, so it stays. The new version is beside it: {beside.name}"
    if new not in seen:
        seen.append(new)
    return None


def _free_name(copy: Path, seen: list[str]) -> Path:
    """A name beside the copy: a free one, or that of an earlier new version nobody touched."""
    number = 1
    while True:
        beside = copy.with_name(f"{copy.stem}.new{number if number > 1 else ''}{copy.suffix}")
        if not beside.exists() or _hash(beside) in seen:
            return beside
        number += 1


def _copy(source: Path, to: Path) -> None:
    half = to.with_name(f".{to.name}.half")
    half.write_bytes(source.read_bytes())
    half.replace(to)


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _read_register(mine: Path) -> dict[str, list[str]]:
    """What was handed out; empty where it is missing or damaged: then every copy counts as changed."""
    with suppress(OSError, ValueError):
        content = json.loads((mine / REGISTER).read_text(encoding="utf-8"))
        if isinstance(content, dict) and all(isinstance(hashes, list) for hashes in content.values()):
            return content
    return {}


def _write_register(mine: Path, given: dict[str, list[str]]) -> None:
    text = json.dumps(given, indent=1, sort_keys=True)
    file = mine / REGISTER
    if not file.exists() or file.read_text(encoding="utf-8", errors="replace") != text:
        half = file.with_name(f"{REGISTER}.half")
        half.write_text(text, encoding="utf-8")
        half.replace(file)


def main() -> int:
    """Refresh `my-course/` of the folder this is run in."""
    for line in refresh(Path("notebooks"), Path("my-course")):
        print(line)
    return 0


if __name__ == "__main__":
    sys.exit(main())
