"""Checks of faults: that they hit something that exists, in a way it can be hit."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from simlib.scenario.check_fields import field_problems, label
from simlib.scenario.check_shape import mended, shape_problems
from simlib.scenario.check_topology import topology_problems
from simlib.scenario.errors import PathError, listed, what_exists
from simlib.scenario.faults import (
    REQUEST_KINDS,
    STEP_KINDS,
    SYNONYMS,
    AddPartitions,
    Change,
    Crash,
    Fault,
    LoseReply,
    LoseRequest,
    NetworkCut,
    PowerLoss,
    SlowLink,
    request_kind,
)
from simlib.scenario.field_info import is_number
from simlib.scenario.paths import replace, step
from simlib.scenario.scenario import INPUTS, Scenario
from simlib.scenario.share_groups import ShareGroup

PRODUCES = ("produce", "metadata")
TRANSACTS = ("init_producer_id", "add_partitions_to_txn", "add_offsets_to_txn", "txn_offset_commit", "end_txn")
CLASSIC = ("join", "sync", "heartbeat", "leave")
CONSUMER_PROTOCOL = ("consumer_group_heartbeat",)
SHARES = ("share_group_heartbeat", "share_fetch", "share_acknowledge", "metadata")
CONSUMES = ("fetch", "commit", "metadata", "find_coordinator")
# What can change while the system runs; a client reads its settings once, when it is built.
CHANGEABLE = {"producers": ("rate", "key_distribution"), "groups": ("service_time",), "topics": ("config",)}


def fault_problems(s: Scenario) -> Iterator[str]:
    for fault in s.faults:
        yield from field_problems(fault)
        yield from process_problems(s, fault)
        if isinstance(fault, Crash):
            yield from crash_problems(s, fault)
        elif isinstance(fault, (NetworkCut, SlowLink)):
            yield from link_problems(fault)
        elif isinstance(fault, (LoseRequest, LoseReply)):
            yield from loss_problems(s, fault)
        elif isinstance(fault, Change):
            yield from change_problems(s, fault)
    yield from growth_problems(s)


def processes_hit(fault: Fault) -> Iterator[Any]:
    """Every process a fault names."""
    for field in ("who", "whos", "a", "b"):
        value = getattr(fault, field, ())
        yield from value if isinstance(value, tuple) else (value,)


def process_problems(s: Scenario, fault: Fault) -> Iterator[str]:
    known = s.process_names()
    for name in processes_hit(fault):
        if not isinstance(name, str):
            yield f"{label(fault)}: {name!r} must be the name of a process, such as {known[0]!r}"
        elif name not in known:
            alike = [each for each in known if each.rpartition("-")[0] == (name.rpartition("-")[0] or name)]
            yield f"{label(fault)}: no such process{_named(name, fault)}; this scenario has {listed(alike or known)}"
    if isinstance(fault, PowerLoss) and fault.whos == ():
        yield f"{label(fault)}: name at least one process"


def _named(name: str, fault: Fault) -> str:
    """The name, unless the label before it says it already."""
    return "" if name in label(fault) else f" {name!r}"


def crash_problems(s: Scenario, crash: Crash) -> Iterator[str]:
    given = [name for name in ("at", "before", "after") if getattr(crash, name) is not None]
    if len(given) != 1:
        has = f"not {' and '.join(given)} together" if given else "none is given"
        yield f"{label(crash)}: give one of at=seconds, before=step, after=step; {has}"
    if crash.step is not None:
        yield from step_problems(s, crash)
    elif crash.nth != 1:
        yield f"{label(crash)}: nth={crash.nth} counts steps; it needs before= or after="


def step_problems(s: Scenario, crash: Crash) -> Iterator[str]:
    """A step must be one that this process can take."""
    where, step = label(crash), crash.step
    if not isinstance(step, str) or not step:
        yield f"{where}: a step is the name of an effect or one of {listed(STEP_KINDS)}, not {step!r}"
    elif step not in STEP_KINDS and step in (*REQUEST_KINDS, *SYNONYMS):
        yield f"{where}: {step!r} is a request, not a step; steps are {listed(STEP_KINDS)} and the names of effects"
    elif crash.who in members(s.groups) and step not in (known := steps_of(s, crash.who)):
        yield f"{where}: the steps of a declared group are {' and '.join(known)}; {step!r} needs a Service"
    elif crash.who in s.process_names() and crash.who not in (*members(s.groups), *members(s.services)):
        yield f"{where}: only members of groups and services take steps; crash it at a time, with at="


def steps_of(s: Scenario, member: str) -> tuple[str, ...]:
    """The steps of a declared group's member."""
    is_shared = member in members(group for group in s.groups if isinstance(group, ShareGroup))
    return ("receive", "acknowledge" if is_shared else "commit")


def members(things: Any) -> list[str]:
    return [member for thing in things for member in thing.members]


def link_problems(fault: NetworkCut | SlowLink) -> Iterator[str]:
    sides = [value if isinstance(value, tuple) else (value,) for value in (fault.a, fault.b)]
    if not all(sides):
        yield f"{label(fault)}: name at least one process on each side"
    both = [name for name in sides[0] if name in sides[1]]
    if both:
        yield f"{label(fault)}: {listed(both)} cannot be on both sides"


def loss_problems(s: Scenario, fault: LoseRequest | LoseReply) -> Iterator[str]:
    if (fault.nth is None) == (fault.share is None):
        yield f"{label(fault)}: give one of nth=number and share=0...1"
    kinds = (*REQUEST_KINDS, *SYNONYMS)
    if fault.kind not in kinds:
        yield f"{label(fault)}: no kind of request {fault.kind!r}{what_exists(fault.kind, kinds)}"
    elif fault.who in s.process_names() and request_kind(fault.kind) not in requests_of(s, fault.who):
        yield f"{label(fault)}: it sends no {fault.kind}; it sends {listed(requests_of(s, fault.who))}"


def requests_of(s: Scenario, who: str) -> tuple[str, ...]:
    """The kinds of request a process sends."""
    if who in members(s.services):
        return (*CLASSIC, *CONSUMER_PROTOCOL, *CONSUMES, *SHARES[:3], *PRODUCES[:1], *TRANSACTS, "effect", "call",
                "redis")
    for group in s.groups:
        if who in group.members and isinstance(group, ShareGroup):
            return SHARES
        if who in group.members:
            return (*(CONSUMER_PROTOCOL if group.group_protocol == "consumer" else CLASSIC), *CONSUMES)
    if who in [producer.name for producer in s.producers if producer.transactional_id is not None]:
        return (*PRODUCES, "find_coordinator", *TRANSACTS)
    if who == INPUTS or who in [producer.name for producer in s.producers]:
        return PRODUCES
    return ("replica_fetch", "heartbeat", "add_partitions_to_txn", "write_txn_markers") if who in s.broker_names else ()


def growth_problems(s: Scenario) -> Iterator[str]:
    """Partitions are only ever added."""
    present = {topic.name: topic.partitions for topic in s.topics}
    growths = [fault for fault in s.faults if isinstance(fault, AddPartitions)]
    for fault in sorted(growths, key=lambda fault: fault.at if is_number(fault.at) else 0):
        if fault.topic not in present:
            yield f"{label(fault)}: no such topic{what_exists(fault.topic, present)}"
        elif is_number(fault.to) and fault.to <= present[fault.topic]:
            yield f"{label(fault)}: to={fault.to} must be above {present[fault.topic]}; Kafka only adds partitions"
        elif isinstance(fault.to, int):
            present[fault.topic] = fault.to


def change_problems(s: Scenario, change: Change) -> Iterator[str]:
    where = label(change)
    if not isinstance(change.path, str):
        yield f"{where}: path must be a text such as 'producers.shop.rate'"
        return
    try:
        changed = replace(s, change.path, change.value)
    except PathError as error:
        yield f"{where}: {error}"
        return
    if not _changeable(s, change.path):
        yield f"{where} cannot change while the system runs; {_instead(change.path)}"
        return
    before = {*topology_problems(s)}
    after = [*shape_problems(changed), *topology_problems(mended(changed))]
    yield from (f"{where}, value={change.value!r}: {line}" for line in after if line not in before)


def _changeable(s: Scenario, path: str) -> bool:
    part, _, rest = step(s, path, "")
    if part not in CHANGEABLE or not rest:
        return False
    rest = step(getattr(s, part), rest, part)[2]
    return rest.split(".")[0] in CHANGEABLE[part]


def _instead(path: str) -> str:
    if path.endswith(".partitions"):
        return "use AddPartitions(topic, at, to)"
    return (
        "only a producer's rate and key_distribution, a group's service_time and a topic's config can; "
        "for the rest run replace(scenario, path, value)"
    )
