"""A learner's mistake, told as Python tells it, without the lines between his code and ours."""

import linecache
import traceback
from pathlib import Path

OURS = Path(__file__).resolve().parents[1]


def own_error(error: BaseException) -> str:
    """What went wrong, in the learner's own lines; a message of ours where none of his lines took part."""
    last = traceback.format_exception_only(error)[-1].strip()
    if isinstance(error, SyntaxError):
        return last
    his = [frame for frame in traceback.extract_tb(error.__traceback__) if _is_his(frame.filename)]
    if his:
        return "your code stopped here:\n" + "".join(traceback.format_list(his)) + last
    if isinstance(error, (ValueError, LookupError)):         # our own refusals are sentences
        return str(error.args[0]) if error.args else last
    if isinstance(error, TypeError) and "argument" in str(error):
        return f"check was called in another way than the exercise asks for. {error}"
    return f"this answer could not be judged, and that is our mistake: {last}. Please tell us."


def _is_his(filename: str) -> bool:
    if filename.startswith("<") or "ipykernel" in filename:
        return True
    path = Path(filename)
    library = any(part in ("site-packages", "dist-packages") for part in path.parts)
    return not library and OURS not in path.resolve().parents and Path(linecache.__file__).parent not in path.parents
