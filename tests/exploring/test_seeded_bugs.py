"""Trust in the explorer: it finds every flaw that is known, and clears what is known to be sound.

The known schedules were found by thinking. `run` shows first that they do break the law; `explore` must then try them,
find one that is not longer, and what it finds must break the same law when it is run again by its id.
"""

from __future__ import annotations

import inspect
from collections import Counter

import pytest
from seeded import FLAWS, SOUND
from seeded.case import CALM

from simlib import Crash, LoseReply, LoseRequest, explore, replace, run
from simlib.scenario.schedules import parse_schedule

pytestmark = pytest.mark.slow


def judged(law, trace, calm):
    """The word for what a law, or the first of several that is broken, says."""
    words = []
    for each in law if isinstance(law, list) else [law]:
        said = each(trace, calm) if len(inspect.signature(each).parameters) > 1 else each(trace)
        words.append(getattr(said, "word", "holds" if said else "broken"))
    return "broken" if "broken" in words or trace.ended == "stuck" else words[0]


def public_fault(flaw):
    """The fault that a scenario would name for a schedule of one crash or loss; None for other schedules."""
    hits = parse_schedule(flaw.known)
    if len(hits) != 1 or hits[0].kind not in ("crash", "lost request", "lost reply"):
        return None
    fault, (who, _, step, nth) = hits[0].fault, hits[0].step
    if hits[0].kind == "crash":
        return Crash(who, restart_after=1.0, nth=nth, **{fault.removeprefix("crash-"): step})
    lose = LoseRequest if fault == "lose-request" else LoseReply
    return lose(who, step if step in ("send", "commit", "call") else "effect", nth=nth)


def explored(case):
    return explore(case.scenario, case.law, faults=max(1, case.faults), n_jobs=1, progress=False, **case.options)


def test_there_are_enough_of_every_kind():
    assert len(FLAWS) >= 30 and len(SOUND) >= 15
    assert Counter(case.name for case in (*FLAWS, *SOUND)).most_common(1)[0][1] == 1
    kinds = {hit.kind for flaw in FLAWS for hit in parse_schedule(flaw.known)}
    assert kinds == {"crash", "lost request", "lost reply", "stall", "order", "twice", "broker"}
    assert {0, 1, 2} == {flaw.faults for flaw in FLAWS}
    assert sum(sound.faults == 2 for sound in SOUND) >= 10


@pytest.mark.parametrize("flaw", FLAWS, ids=str)
def test_the_known_schedule_breaks_the_law(flaw):
    calm = run(flaw.scenario)
    assert judged(flaw.law, calm, calm) == ("broken" if flaw.known == CALM else "holds")
    assert judged(flaw.law, run(flaw.scenario, schedule=flaw.known), calm) == "broken"


@pytest.mark.parametrize("flaw", [flaw for flaw in FLAWS if public_fault(flaw)], ids=str)
def test_a_schedule_is_the_public_fault_at_the_same_step(flaw):
    faults = [*flaw.scenario.faults, public_fault(flaw)]
    assert run(flaw.scenario, schedule=flaw.known).same_as(run(replace(flaw.scenario, "faults", faults)))


@pytest.mark.parametrize("flaw", FLAWS, ids=str)
def test_explore_finds_the_flaw(flaw):
    result = explored(flaw)
    found = result.counterexample
    assert found is not None, result.headline
    assert len(found.faults) <= flaw.faults, f"{found.schedule} is longer than {flaw.known}"
    assert found.records <= flaw.records
    again = run(found.scenario, schedule=found.schedule)
    assert again.same_as(found.trace)
    assert judged(flaw.law, again, run(found.scenario)) == "broken"
    verdicts = dict(zip(result.table.schedule, result.table.verdict, strict=True))
    assert flaw.known == CALM or verdicts[flaw.known] == "broken"


@pytest.mark.parametrize("sound", [pytest.param(sound, marks=[pytest.mark.slow] * (sound.faults == 2))
                                   for sound in SOUND], ids=str)
def test_explore_clears_what_is_sound(sound):
    result = explored(sound)
    assert not [line for line in result.calm.data.meta["warnings"] if "raised" in line]
    assert result.holds, result
    assert result.tried == result.total > 0
