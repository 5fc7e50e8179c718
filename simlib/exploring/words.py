"""Hits and steps in plain words."""

from __future__ import annotations

from collections.abc import Sequence

from simlib.scenario.schedules import Hit, StepId
from simlib.world.steps import Step

HIT = {
    "crash-before": "{who} dies before it can {what}",
    "crash-after": "{who} dies right after {what}",
    "lose-request": "{who}: {what} gets lost on its way",
    "lose-reply": "{who}: the answer to {what} gets lost",
    "stall-before": "{who} stands still before {what}",
    "stall-after": "{who} stands still after {what}",
    "hold": "{who}: {what} comes late, after {then}",
    "twice": "{who}: {what} comes twice",
    "kill-before-ack": "the leader dies before it acknowledges: {who}: {what}",
    "kill-after-ack": "the leader dies after it acknowledged: {who}: {what}",
    "lose-wire-request": "{who}: the request {what} gets lost on its way",
    "lose-wire-reply": "{who}: the answer to {what} gets lost",
    "move-coordinator": "the group's coordinator dies: {who}: {what}",
}


def hit_in_words(hit: Hit, taken: Sequence[Step]) -> str:
    """"billing-0 dies right after charge cd-17"."""
    steps = {step.id: step for step in taken}
    return HIT[hit.fault].format(who=hit.step.process, what=step_in_words(steps, hit.step),
                                 then=_somebody_s(steps, hit.until) if hit.until else "")


def step_in_words(steps: dict[StepId, Step], id: StepId) -> str:
    """What a step does; its kind and number where that is not known."""
    step = steps.get(id)
    if step is None:
        return f"{id.kind} #{id.nth}"
    if step.message:
        return f"receive {step.message}"
    return step.what or f"{id.kind} #{id.nth}"


def _somebody_s(steps: dict[StepId, Step], id: StepId) -> str:
    return f"{id.process}: {step_in_words(steps, id)}"
