"""`explore(scenario, law)`: runs a scenario under every schedule of faults, and judges each run."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from simlib.exploring.judging import Rule, as_rules, judge
from simlib.exploring.parallel import in_parallel
from simlib.exploring.result import Counterexample, Result
from simlib.exploring.search import Finding, Runner
from simlib.exploring.shrink import shrunk
from simlib.exploring.space import BY_DEFAULT, KINDS, Space
from simlib.exploring.telling import tell
from simlib.laws.verdict import Verdict
from simlib.scenario import replace
from simlib.scenario.scenario import Scenario
from simlib.scenario.schedules import Hit, Schedule, ScheduleError, parse_schedule, schedule_id
from simlib.scenario.validation import check
from simlib.sharing import worth_it
from simlib.supervision import Job
from simlib.world.module_state import ModuleState

TOO_LONG = 30.0
"""Seconds a search may take without a word about it."""


def explore(scenario: Scenario, law: Rule | Sequence[Rule], *, faults: int = 1,
            only: str | Iterable[str] | None = None, keep_faults: bool = False, redeliver: bool = False,
            brokers: bool = False, wire: bool = False, budget: int | None = None, resume: str | None = None,
            n_jobs: int | None = None, progress: bool = True) -> Result:
    """Try every schedule with up to `faults` faults (1 or 2), and answer with the shortest that breaks the law.

    A schedule hits service steps: a crash at each boundary, each request and each reply lost; with two or more
    instances (or named in `only`) each stall; each order of two services' steps on one thing. `redeliver` adds records
    that come twice, `brokers` leaders and coordinators that die, `wire` every other request of the services' clients;
    `only` names the kinds wanted: crash, lost request, lost reply, stall, order, twice, broker, wire. The scenario's
    own faults are dropped unless `keep_faults`.

    `budget` limits the schedules tried; `resume` goes on after a schedule, named by its id; `n_jobs` processes share
    the work (None: as many as pay; joblib's backend). Ctrl-C, the ■ of a notebook, ends the search with what there is.

    Raises ScenarioError; ValueError for a scenario without steps and options that mean nothing; NotReproducible;
    LawRaised; ScheduleError.
    """
    kinds = _kinds(only, redeliver, brokers, wire)
    _check_numbers(faults, budget)
    scenario = scenario if keep_faults else replace(scenario, "faults", ())
    check(scenario)
    if not scenario.services:
        raise ValueError("explore tries the steps of services, and this scenario has none: write what your "
                         "ConsumerGroup does as a Service(name, main)")
    state = ModuleState([service.main for service in scenario.services])
    search = Search(Runner(scenario, as_rules(law)), kinds, faults, budget, resume, n_jobs, progress,
                    stalls_wanted=only is not None)
    result = search.result()
    state.refuse_changes()
    return result


def _kinds(only: str | Iterable[str] | None, redeliver: bool, brokers: bool, wire: bool) -> tuple[str, ...]:
    extra = [kind for kind, wanted in (("twice", redeliver), ("broker", brokers), ("wire", wire)) if wanted]
    if only is None:
        return (*BY_DEFAULT, *extra)
    named = [only] if isinstance(only, str) else list(only)
    unknown = [kind for kind in named if kind not in KINDS]
    if unknown or not named:
        raise ValueError(f"explore(only={only!r}): the kinds of fault are {', '.join(KINDS)}")
    return tuple(dict.fromkeys([*named, *extra]))


def _check_numbers(faults: int, budget: int | None) -> None:
    if faults not in (1, 2):
        raise ValueError(f"explore(faults={faults!r}): 1 tries single faults, 2 pairs as well")
    if budget is not None and (not isinstance(budget, int) or budget < 1):
        raise ValueError(f"explore(budget={budget!r}): how many schedules may be tried; 1 or more, or None for all")


@dataclass
class Search:
    """One search: the calm run, all schedules with one fault, then those with two."""

    runner: Runner
    kinds: tuple[str, ...]
    faults: int
    budget: int | None
    resume: str | None
    n_jobs: int | None
    progress: bool
    stalls_wanted: bool = False
    findings: list[Finding] = field(default_factory=list)
    total: int = 0
    interrupted: bool = False
    seconds_each: float = 0.0

    def result(self) -> Result:
        """Search, and say what was found."""
        singles = self._begin()
        calm, verdict = self.runner.calm_trace, self._calm_verdict()
        self.total = len(singles)
        if verdict.broken:  # nothing needs to be broken on purpose
            return Result(verdict.law, (), self.total, calm, verdict, self._counterexample(verdict))
        self._announce(f"{len(singles):,} schedule{'s' * (len(singles) != 1)}", self._expected(len(singles)))
        after = parse_schedule(self.resume) if self.resume else None
        pairs = self._try(singles, after if after and len(after) < 2 else None, self.faults == 2, quiet=_is_pair(after))
        if self.faults == 2 and not self.interrupted:
            self.total += len(pairs)
            self._announce(f"{len(pairs):,} more with two faults", len(pairs))
            self._try(pairs, after if _is_pair(after) else None, False)
        return Result(verdict.law, tuple(self.findings), self.total, calm, verdict, self._counterexample(verdict),
                      self.interrupted)

    def _begin(self) -> list[Schedule]:
        """The calm run, and what there is to try."""
        singles: list[Schedule] = []

        def body(job: Job) -> None:
            began = time.perf_counter()
            taken = self.runner.run_calm(job.watch)
            self.seconds_each = (time.perf_counter() - began) / 4  # one of the two runs was watched
            self.runner.space = Space(self.kinds, self._may_stall())
            singles.extend(self.runner.space.after(taken))
            if "wire" in self.kinds:
                asked = self.runner.wire(job.watch)
                singles.extend((Hit(f"lose-wire-{what}", step),) for what in ("request", "reply") for step in asked)
            if not taken:
                raise ValueError("explore: the services of this scenario take no step (nothing is received, sent, "
                                 "committed or done): there is nothing to hit. Has the topic inputs?")

        Job(body, {"total": 1}).run(progress=False)
        return singles

    def _may_stall(self) -> frozenset[str]:
        """Processes that somebody else may replace while they stand still; all, where stalls were asked for."""
        return frozenset(name for service in self.runner.scenario.services
                         if service.instances > 1 or self.stalls_wanted for name in service.members)

    def _calm_verdict(self) -> Verdict:
        return judge(self.runner.rules, self.runner.calm_trace, self.runner.calm, "calm")

    # -- trying

    def _try(self, schedules: list[Schedule], after: Schedule | None, expand: bool, quiet: bool = False
             ) -> list[Schedule]:
        """Run schedules; returns those with one hit more. `quiet`: only for the sake of these."""
        longer: list[Schedule] = []
        chosen = self._allowed(_behind(schedules, after), quiet)
        run = in_parallel if worth_it(len(chosen), self.seconds_each, self.n_jobs) else _one_by_one
        for finding, more in run(self, chosen, expand):
            if not quiet:
                self.findings.append(finding)
            longer.extend(more)
        return longer

    def _allowed(self, schedules: list[Schedule], quiet: bool) -> list[Schedule]:
        if self.budget is None or quiet:
            return schedules
        return schedules[:max(0, self.budget - len(self.findings))]

    def _announce(self, what: str, count: int) -> None:
        if not self.progress:
            return
        print(f"explore: {what}")
        seconds = count * self.seconds_each
        if seconds > TOO_LONG and self.budget is None:
            records = sum(map(len, self.runner.scenario.inputs.values()))
            enough = max(1, int(records * (TOO_LONG / seconds) ** (1 / self.faults)))
            print(f"         about {seconds:.0f} s; {enough} record{'s' * (enough > 1)} instead of {records} would do "
                  f"in {TOO_LONG:.0f} s (or say budget=)")

    def _expected(self, singles: int) -> int:
        """Schedules in all; pairs are only known when the single faults have been tried."""
        return singles if self.faults == 1 else singles + singles * singles // 2

    # -- the answer

    def _counterexample(self, calm: Verdict) -> Counterexample | None:
        first = next((one for one in self.findings if one.word == "broken"), None)
        if calm.broken:
            first = Finding((), "nothing", "as without a fault", "broken", calm.message)
        if first is None:
            return None
        found: list[Counterexample] = []

        def body(job: Job) -> None:
            space = self.runner.space
            assert space is not None
            runner, finding = shrunk(self.runner, first, space, job)
            found.append(_told(runner, finding.schedule, job))

        job = Job(body, {"total": 1})
        job.run(progress=False)
        return found[0] if found else None


def _told(runner: Runner, schedule: Schedule, job: Job) -> Counterexample:
    trace, taken = runner.run(schedule, job.watch)
    verdict = judge(runner.rules, trace, runner.calm, schedule_id(schedule))
    trace.data.meta["broken"] = verdict.message
    return Counterexample(schedule, runner.scenario, trace, verdict, tell(schedule, taken, trace, verdict))


def _one_by_one(search: Search, schedules: list[Schedule], expand: bool) -> Any:
    found: list[tuple[Finding, list[Schedule]]] = []

    def body(job: Job) -> None:
        for one in search.runner.findings(schedules, job, expand):
            found.append(one)

    job = Job(body, bar(len(schedules)))
    job.run(search.progress)
    search.interrupted = job.interrupted
    return found


def bar(total: int) -> dict[str, Any]:
    """How the search shows its progress."""
    return {"total": total, "unit": " schedules", "desc": "explore"}


def _is_pair(schedule: Schedule | None) -> bool:
    return schedule is not None and len(schedule) == 2


def _behind(schedules: list[Schedule], after: Schedule | None) -> list[Schedule]:
    if not after:
        return schedules
    if after not in schedules:
        raise ScheduleError(f"resume={schedule_id(after)!r}: not among the {len(schedules):,} schedules of this search")
    return schedules[schedules.index(after) + 1:]
