"""Random scenarios, and schedules of deaths and lost messages for them, that both sides can run.

`case(seed)` draws one: its form goes round with the seed, all else is drawn. How far a schedule decides what comes of
it is part of the case (`decided`), and a test holds it against other latencies.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from random import Random
from typing import Any, NamedTuple

from differential_services import (
    TABLES,
    WORK,
    ask_again,
    by_batches,
    by_itself,
    charge,
    in_transactions,
    one_by_one,
    pass_on,
    sends,
    sends_in_a_hurry,
)
from real_shop import QUICK, SHORT

from simlib import ConsumerGroup, Crash, LoseReply, LoseRequest, Producer, Scenario, Service, Topic, explore, run

ORDER, NUMBER, BOUNDS = "the order", "the number", "bounds"
"""What a schedule decides: all that happens, in order; how often it happens; or only between which bounds it lies."""

QUICK_TO_RETRY = {"request_timeout_ms": 3_000, "delivery_timeout_ms": 20_000}
"""In virtual time a lost message is missed after its time-out; on a real run the connection breaks, that is at once."""


class Case(NamedTuple):
    """One scenario with one schedule; `a_death_repeats` at most so many records, where only bounds are known."""

    seed: int
    form: str
    scenario: Scenario
    schedule: str
    decided: str
    a_death_repeats: int = 0
    may_double: bool = False
    """May a lost message put a record into the log twice, or out of order?"""


def case(seed: int) -> Case:
    """The case of a number; the same one whenever it is asked for."""
    form = FORMS[seed % len(FORMS)]
    random = Random(f"both sides/{seed}")
    return form(seed, random)


# -- parts


def topics(random: Random, partitions: int, *names: str) -> dict[str, Any]:
    """Topics and the brokers they stand on."""
    brokers = random.randint(1, 3)
    copies = random.randint(1, brokers)
    return {"topics": [Topic(name, partitions, copies) for name in names], "brokers": brokers, "broker_config": SHORT,
            "seed": random.randrange(1_000)}


def orders(random: Random, partitions: int, most: int = 5, at_once: bool = False) -> dict[str, Any]:
    """Two to five orders, at once or one after the other; by key, or each into a partition of our choice."""
    gap, chosen = random.choice((0, 0, 0.4)) * (not at_once), random.random() < 0.5
    rows = [{"key": f"customer-{random.randrange(6)}", "value": {"order_id": number}, "at": gap * number,
             **({"partition": number % partitions} if chosen else {})}
            for number in range(random.randint(3, most))]
    return {"inputs": {"orders": rows}}


def service(name: str, main: Any, **more: Any) -> Service:
    return Service(name, main, database=TABLES, **more)


# -- schedules


def hit(random: Random, scenario: Scenario, losable: tuple[str, ...] = ("commit",)) -> str:
    """Calm, one hit, or two deaths in a row. `losable`: kinds of steps whose request or reply may be lost."""
    tried = explore(scenario, lambda trace: True, only=("crash", "lost request", "lost reply"), progress=False)
    possible = [each for each in tried.table["schedule"]
                if each.startswith("crash") or any(f"/{kind}#" in each for kind in losable)]
    dice = random.random()
    chosen = random.choice(possible)
    if dice < 0.1:
        return "calm"
    return second_death(random, scenario, chosen) if dice > 0.75 and chosen.startswith("crash") else chosen


def second_death(random: Random, scenario: Scenario, first: str) -> str:
    """The same process dies again in its next life, if it has one with steps."""
    trace = run(scenario, schedule=first, progress=False)
    process = first.partition(":")[2].partition(".")[0]
    (died,) = trace.control[trace.control["kind"] == "crashed"]["time"]
    kinds = [kind for who, kind, _, began, ended in trace.data.meta["steps"]
             if who == process and began > died * 1e9 and ended is not None]
    if not kinds:
        return first
    place = random.randrange(len(kinds))
    nth = Counter(kinds[:place + 1])[kinds[place]]
    return f"{first}+crash-{random.choice(('before', 'after'))}:{process}.1/{kinds[place]}#{nth}"


# -- forms: one reader of one partition


def one_reader(seed: int, random: Random) -> Case:
    return read_by(seed, random, "one reader", 1, ORDER)


def several_partitions(seed: int, random: Random) -> Case:
    """The order between partitions is nobody's; how often something happens is decided."""
    return read_by(seed, random, "one reader of several partitions", random.randint(2, 3), NUMBER)


def read_by(seed: int, random: Random, form: str, partitions: int, decided: str) -> Case:
    work, commits = random.choice(WORK), random.choice(("first", "after", "after", "never"))
    every = random.choice((1, 1, 2, 3))
    scenario = Scenario(services=[service("billing", one_by_one(work, commits, every))],
                        **orders(random, partitions), **topics(random, partitions, "orders"))
    losable = ("commit", "charge") if work is ask_again else ("commit",)
    return Case(seed, f"{form}: {work.__name__}, commits {commits}, every {every}", scenario,
                hit(random, scenario, losable), decided)


def batches(seed: int, random: Random) -> Case:
    """All orders are there before the reader is: what a poll brings is then decided."""
    work, commits, most = random.choice(WORK), random.choice(("first", "after", "each")), random.choice((None, 2, 3))
    scenario = Scenario(services=[service("billing", by_batches(work, commits, most), start=3)],
                        **orders(random, 1, at_once=True), **topics(random, 1, "orders"))
    losable = ("commit", "charge") if work is ask_again else ("commit",)
    return Case(seed, f"batches of {most}: {work.__name__}, commits {commits}", scenario,
                hit(random, scenario, losable), ORDER)


def auto_commit(seed: int, random: Random) -> Case:
    """A death in the moment after a poll may come before or after its commit left: those are not drawn."""
    work, soon = random.choice(WORK[:2]), random.random() < 0.6
    main = by_itself(work, 300, 1.0) if soon else by_itself(work, 60_000, 0.0)
    scenario = Scenario(services=[service("billing", main)], **orders(random, 1, most=4), **topics(random, 1, "orders"))
    while "/receive#" in (schedule := hit(random, scenario, ())) and soon:
        pass
    return Case(seed, f"auto-commit {'with each poll' if soon else 'later'}: {work.__name__}", scenario, schedule,
                ORDER)


# -- forms: from topic to topic


def pipeline(seed: int, random: Random) -> Case:
    commits = random.choice(("first", "after"))
    mailing = one_by_one(charge, "after", topic="paid", group="mailing")
    scenario = Scenario(services=[service("billing", one_by_one(pass_on, commits)), service("mailing", mailing)],
                        **orders(random, 1, most=4), **topics(random, 1, "orders", "paid"))
    return Case(seed, f"pipeline: commits {commits}", scenario, hit(random, scenario, ("commit", "send")), ORDER)


def transactions(seed: int, random: Random) -> Case:
    mailing = one_by_one(charge, "after", topic="paid", group="mailing", isolation_level="read_committed")
    scenario = Scenario(services=[service("billing", in_transactions), service("mailing", mailing)],
                        **orders(random, 1, most=4), **topics(random, 1, "orders", "paid"))
    return Case(seed, "transactions", scenario, hit(random, scenario, ()), ORDER)


# -- forms: who sends


def senders(seed: int, random: Random) -> Case:
    """One send at a time; a lost answer makes a second copy, or none, as the settings say."""
    given = [(f"customer-{random.randrange(6)}", number) for number in range(random.randint(3, 5))]
    config = random.choice(({}, {}, {"acks": 1}, {"enable_idempotence": False},
                            {"enable_idempotence": False, "retries": 0}))
    remembers, partitions = random.random() < 0.5, random.choice((1, 1, 3))
    main = sends(given, remembers, **QUICK_TO_RETRY, **config)
    readers = [service("billing", one_by_one(charge, "after"))] * (partitions == 1)
    scenario = Scenario(services=[service("shop", main), *readers], **topics(random, partitions, "orders"))
    return Case(seed, f"sender: {config}, {'remembers' if remembers else 'forgets'}", scenario,
                hit(random, scenario, ("send", "commit")), ORDER)


def hurried_senders(seed: int, random: Random) -> Case:
    """Several sends under way: with idempotence all is decided; without, a lost message may double or overtake."""
    idempotent = random.random() < 0.5
    given = [(f"customer-{random.randrange(6)}", number) for number in range(random.randint(4, 8))]
    fault = random.choice((LoseReply, LoseRequest))("shop-0", "produce", nth=random.randint(1, 3))
    main = sends_in_a_hurry(given, enable_idempotence=idempotent, **QUICK_TO_RETRY)
    scenario = Scenario(services=[service("shop", main)], faults=[fault], **topics(random, 1, "orders"))
    return Case(seed, f"hurried sender, {'' if idempotent else 'not '}idempotent", scenario, "calm",
                ORDER if idempotent else BOUNDS, may_double=not idempotent)


# -- forms: several readers


def twins(seed: int, random: Random) -> Case:
    """Two instances, a partition each once they know each other; who takes over how much is a matter of time."""
    rows = [{"key": "any", "value": {"order_id": number}, "at": 10 + 0.3 * number, "partition": number % 2}
            for number in range(8)]
    death = Crash(f"billing-{random.randrange(2)}", restart_after=1, nth=random.randint(1, 3),
                  **{random.choice(("before", "after")): random.choice(("receive", "charge", "commit"))})
    billing = Service("billing", one_by_one(charge, "after"), instances=2)
    scenario = Scenario(inputs={"orders": rows}, services=[billing], faults=[death], **topics(random, 2, "orders"))
    return Case(seed, "twins", scenario, "calm", BOUNDS, a_death_repeats=1)


RATE, INTERVAL = 20, 1.0
"""Records a second, and seconds between two commits."""


def declared(seed: int, random: Random) -> Case:
    """A declared load and a declared group, with or without a death or a lost message."""
    consumers, partitions = random.randint(1, 3), random.randint(1, 3)
    fault = random.choice((
        (), (Crash("billing-0", at=random.uniform(1, 2.5), restart_after=1),),
        (Crash("billing-0", after="receive", nth=random.randint(1, 10), restart_after=1),),
        (LoseReply("shop", "produce", nth=random.randint(1, 20)),),
        (LoseRequest("shop", "produce", nth=random.randint(1, 20)),)))
    group = ConsumerGroup("billing", "orders", consumers, service_time=0.002,
                          auto_commit_interval_ms=int(1_000 * INTERVAL), **QUICK)
    shop = Producer("shop", "orders", rate=RATE, keys=10, stop=3.0, **QUICK_TO_RETRY)
    scenario = Scenario(producers=[shop], groups=[group], faults=fault, duration=15,
                        **topics(random, partitions, "orders"))
    return Case(seed, f"declared load, {consumers} consumers of {partitions} partitions", scenario, "calm", BOUNDS,
                a_death_repeats=int(RATE * (INTERVAL + 1)))


FORMS: tuple[Callable[[int, Random], Case], ...] = (
    one_reader, several_partitions, batches, senders, pipeline, auto_commit, transactions, twins, one_reader,
    several_partitions, hurried_senders, declared)
