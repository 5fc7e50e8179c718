"""When a run is over: what the marks of its workers tell, without a Kafka."""

import time
from types import SimpleNamespace

import pytest

from simlib import Scenario, Topic
from simlib.real.supervision import Supervision
from simlib.real.timeline import Timeline
from simlib.real.watching import QUIET_AFTER, Watch


class Written:
    """A worker that has written some marks."""

    def __init__(self, *marks: list) -> None:
        self.plan, self._marks = SimpleNamespace(name="billing-0", restart_after=1.0), list(marks)

    def new_marks(self) -> list[list]:
        return self._marks


class Stopped(Timeline):
    """A clock that is set by hand."""

    now = 0.0


def told(watch: Watch, timeline: Stopped, at: float, kind: str) -> None:
    timeline.now = at
    watch.listen(Written([int(at * 1e9), kind, "charge", 1]))


@pytest.mark.parametrize("end", ["ended", "given_up"])
def test_after_a_long_step_a_run_waits_for_what_its_end_brings(end: str) -> None:
    """The mark of what follows - an exception, a commit - comes a moment after that of the step's end."""
    timeline = Stopped()
    watch = Watch(timeline, {}, lambda name, seconds: None)
    told(watch, timeline, 1, "begun")
    assert watch.is_something_under_way()
    told(watch, timeline, 31, end)
    assert watch.is_something_under_way()
    timeline.now += QUIET_AFTER + 1
    assert not watch.is_something_under_way()


def test_short_steps_keep_no_run_alive() -> None:
    """A loop that commits what it has committed before is quiet."""
    timeline = Stopped()
    watch = Watch(timeline, {}, lambda name, seconds: None)
    for second in range(1, 10):
        told(watch, timeline, second, "begun")
        told(watch, timeline, second + 0.5, "ended")
        assert not watch.is_something_under_way()


@pytest.mark.parametrize("marks, waits", [
    ((), True), (("made",), False), (("made", "joining"), True), (("made", "joining", "assigned"), False),
    (("made", "joining", "left"), False)])
def test_a_consumer_is_waited_for_while_it_is_made_and_while_it_joins(marks: tuple[str, ...], waits: bool) -> None:
    """One that only asks where logs end is never polled, and joins nothing."""
    watch = Watch(Stopped(), {}, lambda name, seconds: None)
    watch.listen(Written([0, "consumes", "lag", 6_000, "read_uncommitted"],
                         *([0, kind, "lag", *([[]] if kind == "assigned" else [])] for kind in marks)))
    assert watch.is_something_under_way() is waits


def test_each_consumer_of_a_process_is_waited_for() -> None:
    watch = Watch(Stopped(), {}, lambda name, seconds: None)
    watch.listen(Written(*([0, "consumes", group, 6_000, "read_uncommitted"] for group in ("one", "other"))))
    watch.listen(Written([0, "assigned", "one", []]))
    assert watch.is_something_under_way()
    watch.listen(Written([0, "assigned", "other", []]))
    assert not watch.is_something_under_way()


# -- on a busy machine much happens between two looks


class LastWords:
    """A worker that is alive at the first look, and has said all and ended at the second."""

    restart_at, life, process = None, 0, SimpleNamespace(returncode=0)

    def __init__(self) -> None:
        self.plan, self._looks = SimpleNamespace(name="inputs", role="inputs"), 0

    @property
    def alive(self) -> bool:
        return self._looks == 0

    def new_marks(self) -> list[list]:
        self._looks += 1
        now = time.monotonic_ns()
        last_words = [[now, "produced", 0, "orders", 0], [now, "acked", 0, 0, 0], [now, "finished"]]
        return [] if self._looks == 1 else last_words

    def new_output(self) -> str:
        return ""


def supervising() -> Supervision:
    """For 15 s nothing has happened; now the orders come."""
    scenario = Scenario([Topic("orders")], inputs={"orders": [{"at": 15.0}]})
    supervision = Supervision(scenario, {"inputs": LastWords()}, None, None, "run-")
    supervision.timeline.began = time.monotonic_ns() - 15 * 10**9
    return supervision


def test_a_run_is_not_over_before_the_last_words_of_its_inputs_are_read() -> None:
    supervision = supervising()
    supervision._look()
    assert not supervision._why_over()
    supervision._look()
    assert not supervision._why_over()


def test_a_watcher_that_was_held_up_looks_once_more_before_it_calls_a_run_quiet() -> None:
    supervision = supervising()
    for _ in range(2):
        supervision._look()
    supervision.timeline.began -= round((QUIET_AFTER + 1) * 1e9)
    assert not supervision._why_over()
    supervision.workers["inputs"].new_marks = list
    supervision._look()
    assert supervision._why_over() == "quiet"
