"""A row as a sentence. `tell.js` fills in the same sentences in the browser."""

from __future__ import annotations

from simlib.trace.sentences import AGAIN, SENTENCES, WHEN
from simlib.views.player.tape import KINDS, Part, Tape
from simlib.views.reading import actor_name, group_name, partition_name
from simlib.views.steps import message_name


def sentence(tape: Tape, part: Part, row: int) -> str:
    """What one row of a part says."""
    kind = KINDS[part.field("kind")[row]]
    actor, group, tp, message, text = (int(part.field(name)[row])
                                       for name in ("actor", "group", "tp", "message", "text"))
    trace, a = tape.trace, int(part.field("a")[row])
    return SENTENCES[kind].format(
        who=actor_name(trace, actor) if actor >= 0 else "somebody",
        group=group_name(trace, group) if group >= 0 and kind != "effect" else "",
        where=partition_name(trace, tp) if tp >= 0 else "", offset=int(part.field("offset")[row]),
        record=message_name(trace, message) if message >= 0 else "", a=a,
        what=tape.texts[text] if text >= 0 else "", again=AGAIN.get(kind, "") if a > 1 else "")


def told(time: float, text: str) -> str:
    """With the clock before it."""
    return WHEN.format(clock=f"{time:.7g}", sentence=text)
