"""A schedule told in a few plain sentences: who did what, what befell it, what came of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from simlib.exploring.words import step_in_words
from simlib.laws.verdict import Verdict
from simlib.scenario.schedules import Hit, Schedule, StepId
from simlib.trace.effects import effect_occurrence
from simlib.trace.sentences import DONE_AGAIN, SENTENCES
from simlib.trace.trace import Trace
from simlib.units import SECOND
from simlib.world.steps import Step

MOST_MEANWHILE = 4
"""Steps of others that are told; more would hide what matters."""

HAPPENED = {
    "crash-before": "{when}: {who} was about to {what}, and died.",
    "crash-after": "{when}: {who} did: {what}. Then it died, before its next line.",
    "lose-request": "{when}: {who} tried: {what}. The request got lost on its way, so nothing was done.",
    "lose-reply": "{when}: {who} did: {what}. It was done, but the answer got lost, so {who} does not know.",
    "stall-before": "{when}: {who} stood still, just before: {what}. To everybody else it looked dead.",
    "stall-after": "{when}: {who} did: {what}. Then it stood still; to everybody else it looked dead.",
    "hold": "{when}: {who} sent: {what}. It was slow to arrive: {then} came first.",
    "twice": "{when}: {who} got the same again: {what}.",
    "kill-before-ack": "{when}: {who} did: {what}. It was written, and the leader died before it could say so.",
    "kill-after-ack": "{when}: {who} did: {what}. It was acknowledged, and then the leader died.",
    "move-coordinator": "{when}: {who} did: {what}. It was stored, and the coordinator died before it answered.",
    "lose-wire-request": "{who}'s request {what} got lost on its way.",
    "lose-wire-reply": "The answer to {who}'s request {what} got lost.",
}


def tell(schedule: Schedule, taken: Sequence[Step], trace: Trace, verdict: Verdict) -> str:
    """The story of one run, a sentence a line."""
    steps = {step.id: step for step in taken}
    lines: list[str] = [] if schedule else ["Nothing was broken on purpose: this happens without any fault."]
    for hit in schedule:
        lines.append(_happened(hit, steps))
        lines.extend(_came_back(hit, steps, trace))
    lines.extend(_done_again(trace))
    return "\n".join([*lines, f"In the end: {verdict.message}" + "." * (not verdict.message.endswith("."))])


def _happened(hit: Hit, steps: dict[StepId, Step]) -> str:
    step = steps.get(hit.step)
    then = "" if hit.until is None else f"{hit.until.process}'s {step_in_words(steps, hit.until)}"
    return HAPPENED[hit.fault].format(when=_when(step), who=hit.step.process, then=then,
                                      what=step_in_words(steps, hit.step))


def _came_back(hit: Hit, steps: dict[StepId, Step], trace: Trace) -> Iterator[str]:
    """What the process did first when it was there again."""
    if hit.kind not in ("crash", "stall"):
        return
    process = hit.step.process
    times = _times_of(trace, process, "restarted" if hit.kind == "crash" else "resumed")
    began = steps[hit.step].began if hit.step in steps else 0
    back = [time for time in times if time >= began]
    if not back:
        return
    yield from _meanwhile(hit, steps, began, back[0])
    said = f"{_clock(back[0])}: {SENTENCES['restarted'].format(who=process)}"
    first = next((step for step in steps.values() if step.id.process == process and step.began >= back[0]), None)
    if first is not None:
        said += f" {_clock(first.began)}, its next step: {step_in_words(steps, first.id)}."
    yield said


def _meanwhile(hit: Hit, steps: dict[StepId, Step], since: int, until: int) -> Iterator[str]:
    """What others did with the same things while it was away."""
    touched = {step.on for step in steps.values() if step.id.process == hit.step.process}
    others = [step for step in steps.values() if step.id.process != hit.step.process and since < step.began < until
              and step.ended is not None and step.on in touched]
    if others:
        acts = "; ".join(step_in_words(steps, step.id) for step in others[:MOST_MEANWHILE])
        more = " ..." if len(others) > MOST_MEANWHILE else ""
        yield f"Meanwhile, from {_clock(others[0].began)} on: {others[0].id.process} did: {acts}{more}."


def _times_of(trace: Trace, process: str, kind: str) -> list[int]:
    data = trace.data
    actors = [str(name) for name in data.code_table("actors")]
    rows = zip(data.column("events", "time").tolist(), data.column("events", "kind"),
               data.column("events", "actor").tolist(), strict=True)
    return [time for time, what, actor in rows if what == kind and actor >= 0 and actors[actor] == process]


def _done_again(trace: Trace) -> Iterator[str]:
    """The first effect that was done twice."""
    again = np.flatnonzero(effect_occurrence(trace.data) == 2)
    if not len(again):
        return
    names, actors = trace.data.code_table("effects"), trace.data.code_table("actors")
    name, key, process, time = (trace.data.column("effects", column) for column in ("name", "key", "process", "time"))
    row = int(again[0])
    first = next(i for i in range(row) if name[i] == name[row] and repr(key[i]) == repr(key[row]))
    what = DONE_AGAIN.format(what=f"{names[name[row]]} {key[row]}", first=_clock(int(time[first])))
    yield f"{_clock(int(time[row]))}: {SENTENCES['effect'].format(who=actors[process[row]], what=what)}"


def _when(step: Step | None) -> str:
    return _clock(step.began) if step is not None else "At some time"


def _clock(time: int) -> str:
    return f"{time / SECOND:.4g} s"

