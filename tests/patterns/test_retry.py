"""Retries and dead letters: what each policy keeps, what it pays, and the forms that everybody copies."""

import json
import math
from random import Random

import pytest
from failing_shop import (
    ONE_KEY,
    SETTINGS,
    THREE,
    all_are_charged,
    charge,
    charged,
    charged_once,
    committing_first,
    crashing,
    dead_lettering,
    giving_up_until_repaired,
    good_ones_are_charged,
    in_topic,
    key_in_order,
    none_vanishes,
    not_awaiting,
    order,
    parked,
    parking,
    parking_and_releasing,
    parking_in_memory,
    redriving,
    remembering,
    shop,
    skipping,
    taken_once,
    with_clerk,
    with_topics,
)

from simlib import Crash, Exponential, LoseRequest, Scenario, Service, explore, replace, run
from simlib.kafka.topic_partition import TopicPartition
from simlib.patterns import retry
from simlib.scenario.draws import Stream

pytestmark = pytest.mark.slow

CERTAIN = 3.29
"""Standard errors that a fair draw stays within, all but once in a thousand."""

# -- backoff, and which errors are worth it


def test_the_wait_is_anywhere_below_a_limit_that_doubles():
    draws = {attempt: [retry.backoff(attempt, Random(seed), base=0.1, cap=2.0) for seed in range(400)]
             for attempt in (*range(7), 2_000)}
    limits = [0.1, 0.2, 0.4, 0.8, 1.6, 2.0, 2.0, 2.0]
    for attempt, limit in zip(draws, limits, strict=True):
        mean, error = limit / 2, limit / math.sqrt(12 * 400)
        assert 0 <= min(draws[attempt]) < 0.1 * limit and 0.9 * limit < max(draws[attempt]) <= limit
        assert abs(sum(draws[attempt]) / 400 - mean) < CERTAIN * error


@pytest.mark.parametrize("error, transient", [
    (TimeoutError("no answer"), True), (ConnectionError("refused"), True),
    (Exception("database is locked"), True), (ValueError("no amount"), False), (KeyError("amount"), False),
    (AttributeError("None has no amount"), False)], ids=repr)
def test_nobody_answered_is_worth_another_attempt_and_nonsense_is_not(error, transient):
    assert retry.is_transient(error) is transient


def attempts_of(failures, **settings):
    """How often `again` called something that fails so (None: it succeeds), and how it ended."""
    left = list(failures)

    async def main(app):
        async def act():
            await app.effect("attempt", len(left))
            if (error := left.pop(0)) is not None:
                raise error

        try:
            await retry.again(app, act, **settings)
            await app.effect("succeeded", 1)
        except Exception as error:
            await app.effect(type(error).__name__, 1)

    names = run(Scenario([], services=[Service("billing", main)])).effects.name.tolist()
    return names.count("attempt"), names[-1]


def test_again_until_it_succeeds_until_attempts_are_over_or_until_it_is_hopeless():
    busy, bad = ConnectionError("down"), ValueError("no amount")
    assert attempts_of([busy, busy, None], attempts=4) == (3, "succeeded")
    assert attempts_of([busy, busy, busy, None], attempts=3) == (3, "ConnectionError")
    assert attempts_of([busy, bad, None], attempts=4) == (2, "ValueError")


def test_no_attempt_at_all_is_refused():
    with pytest.raises(ValueError, match=r"again\(attempts=0\): give at least 1"):
        retry.again(None, None, attempts=0).send(None)


# -- P30: how many become dead letters


def trial(share_failing, attempts, orders=2_000):
    """Of so many orders, how many are given up when each attempt fails with this probability."""

    async def main(app):
        async def act():
            if app.random.random() < share_failing:
                raise ConnectionError("down")

        for number in range(orders):
            try:
                await retry.again(app, act, attempts, base=0.001)
            except ConnectionError:
                await app.effect("give up", number)

    return len(run(Scenario([], services=[Service("billing", main)], duration=10_000)).effects) / orders


@pytest.mark.statement("P30")
@pytest.mark.parametrize("p, k", [(0.3, 1), (0.3, 3), (0.5, 4), (0.1, 2)])
def test_independent_failures_leave_p_to_the_k(p, k):
    expected, error = p**k, math.sqrt(p**k * (1 - p**k) / 2_000)
    assert abs(trial(p, k) - expected) < CERTAIN * error


@pytest.mark.statement("P30")
def test_of_permanent_errors_all_are_given_up_whatever_the_attempts():
    assert attempts_of([ValueError("no amount")] * 9, attempts=9) == (1, "ValueError")
    trace = run(shop(with_topics, THREE))
    assert in_topic(trace, "orders-dlq") == ["bob/1"] and in_topic(trace, "orders-retry-5s") == []


@pytest.mark.statement("P30")
def test_an_outage_is_no_coin():
    """Half of the time the bank is down, in one piece: attempts fail together, and half of the orders are given up."""

    async def main(app):
        async def act():
            await app.effect("ask the bank", round(app.now))
            if app.now < 600:
                raise ConnectionError("down")

        for number in range(100):
            await app.sleep(12 * number + 1 - app.now)
            try:
                await retry.again(app, act, 3, base=0.5)
            except ConnectionError:
                await app.effect("give up", number)

    given_up = run(Scenario([], services=[Service("billing", main)], duration=2_000)).effects.name == "give up"
    assert sum(given_up) / 100 == 0.5 > 3 * 0.5**3


# -- a poison record


def test_without_an_except_the_partition_stands_still_for_ever():
    trace = run(shop(crashing, duration=300))
    assert charged(trace) == ["ann/1"] and not good_ones_are_charged(trace)
    lives = trace.control[trace.control.kind == "crashed"]
    assert len(lives) >= 6 and trace.lag.lag.iloc[-1] == 2


def test_catch_and_commit_loses_what_only_failed_for_a_moment():
    assert good_ones_are_charged(run(shop(skipping)))  # the calm run looks fine
    trace = run(shop(skipping, faults=[LoseRequest("billing-0", "effect", nth=1)]))
    assert charged(trace) == ["ann/2"] and not none_vanishes(trace)


@pytest.mark.statement("P28")
def test_a_dead_letter_lets_the_next_order_of_its_key_overtake():
    trace = run(shop(dead_lettering, (order("bob/1", amount=0), order("bob/2"), order("ann/1"))))
    assert charged(trace) == ["bob/2", "ann/1"] and in_topic(trace, "orders-dlq") == ["bob/1"]
    assert none_vanishes(trace) and good_ones_are_charged(trace) and not key_in_order(trace)


@pytest.mark.statement("P29")
def test_retry_topics_reorder_within_a_key_and_make_nobody_wait():
    orders = (order("ann/1"), order("ann/2"), order("bob/1"))
    trace = run(shop(with_topics, orders, faults=[LoseRequest("billing-0", "effect", nth=1)]))
    assert charged(trace) == ["ann/2", "bob/1", "ann/1"] and not key_in_order(trace)
    times = trace.effects.time.tolist()
    assert times[1] - times[0] < 0.1 and 4.9 < times[2] - times[0] < 5.1


@pytest.mark.statement("P29")
def test_a_record_that_keeps_failing_waits_5_seconds_then_a_minute_then_is_a_dead_letter():
    lost = [LoseRequest("billing-0", "effect", nth=nth) for nth in (1, 2, 3)]
    trace = run(shop(with_topics, (order("ann/1"),), faults=lost))
    moved = trace.records[trace.records.topic != "orders"]
    moved = moved.sort_values("created")
    assert moved.topic.tolist() == ["orders-retry-5s", "orders-retry-1m", "orders-dlq"]
    first, second, third = moved.created
    assert 34.9 < second - first < 35.1 and 89.9 < third - second < 90.1  # each waits, then 30 s for no answer


# -- waiting in place


def waiting_in_place(until, pause=10.0):
    """A loop that asks again every few seconds until the bank is back."""

    async def main(app):
        consumer = app.consumer("orders", **SETTINGS)
        async for record in consumer:
            while app.now < until:
                await app.sleep(pause)
            await charge(app, record)
            await consumer.commit()

    return main


@pytest.mark.statement("P29")
def test_waiting_in_place_keeps_the_order_and_everybody_else_waits_too():
    trace = run(shop(waiting_in_place(200), (order("ann/1"), order("ann/2"), order("bob/1"))))
    assert charged(trace) == ["ann/1", "ann/2", "bob/1"] and trace.effects.time.min() > 200


@pytest.mark.statement("P29", "K88")
@pytest.mark.parametrize("outage, times", [(290, 1), (320, 2)])
def test_waiting_longer_than_max_poll_interval_is_given_up_and_charged_by_two(outage, times):
    scenario = shop(waiting_in_place(outage), (order("ann/1"),), instances=2, duration=900)
    trace = run(scenario)
    assert charged(trace) == ["ann/1"] * times
    given_up = trace.control[trace.control.detail == "max_poll_interval_ms"]
    assert len(given_up) == times - 1
    if times == 2:
        assert given_up.time.iloc[0] == pytest.approx(300, abs=15)
        assert set(trace.effects.process) == {"billing-0", "billing-1"}


# -- the herd


def knocks(wait, tills=60, back_at=3.0):
    """Many tills ask a bank that is down until `back_at`: how many attempts in all, and at most in one tenth of a
    second after it is back."""

    async def till(app):
        for attempt in range(12):
            await app.effect("knock", f"{app.name}/{attempt}")
            if app.now > back_at:
                return
            await app.sleep(wait(attempt, app.random))

    trace = run(Scenario([], services=[Service("till", till, instances=tills)]))
    after = trace.effects.time[trace.effects.time > back_at]
    return len(trace.effects), int((10 * after).round().value_counts().max())


def test_backoff_without_jitter_comes_back_as_a_herd():
    steady, herd = knocks(lambda attempt, random: min(20, 0.1 * 2**attempt))
    spread, trickle = knocks(retry.backoff)
    assert herd == 60 and trickle < 20
    assert steady == 60 * 6 and spread > steady  # the price: shorter waits on average, so more attempts


# -- how long must a memory be, and three habits


@pytest.mark.statement("P13")
@pytest.mark.parametrize("window, mean", [(60, 60), (120, 60), (60, 20)])
def test_what_comes_back_after_the_memory_is_done_again(window, mean):
    delays = Exponential(mean).scaled(Stream(0, "redelivery").block(0, 2_000))
    orders = [order(f"ann/{number}", at=at) for number, delay in enumerate(delays)
              for at in (10 + number / 50, 10 + number / 50 + delay)]

    async def main(app):
        consumer, done = app.consumer("orders", **SETTINGS), {}
        async for record in consumer:
            name = record.value["order_id"]
            if app.now - done.get(name, -window) >= window:
                done[name] = app.now
                await charge(app, record)

    trace = run(shop(main, sorted(orders, key=lambda row: row["at"]), duration=3_000))
    missed, expected = len(trace.effects) / 2_000 - 1, math.exp(-window / mean)
    assert abs(missed - expected) < CERTAIN * math.sqrt(expected * (1 - expected) / 2_000)


@pytest.mark.statement("C06")
def test_committing_the_offset_that_was_done_repeats_one_order_at_each_restart():
    async def main(app):
        consumer = app.consumer("orders", **SETTINGS)
        async for record in consumer:
            await charge(app, record)
            await consumer.commit({TopicPartition("orders", 0): record.offset})

    orders = [order(f"ann/{number}") for number in range(4)]
    kills = [Crash("billing-0", at=at, restart_after=1) for at in (30, 120)]
    trace = run(shop(main, orders, faults=kills, duration=300))
    assert charged(trace) == ["ann/0", "ann/1", "ann/2", "ann/3", "ann/3", "ann/3"]


@pytest.mark.statement("C06")
@pytest.mark.parametrize("client, lost", [("kafka-python", 1), ("java", 2)])
def test_closing_politely_after_an_error_loses_what_was_fetched(client, lost):
    async def main(app):
        async with app.consumer("orders", group_id="billing", auto_offset_reset="earliest") as consumer:
            async for record in consumer:
                await charge(app, record)

    trace = run(shop(main, THREE, client=client))
    assert 3 - len(charged(trace)) == lost


# -- what `explore` says: each broken form by its schedule


BROKEN = [
    (skipping, good_ones_are_charged, THREE, 1, "lose-request:billing-0.0/charge#1"),
    (committing_first, none_vanishes, THREE, 1, "crash-after:billing-0.0/commit#1"),
    (not_awaiting, none_vanishes, THREE, 2, "lose-request:billing-0.0/send#1+crash-after:billing-0.0/commit#1"),
    (dead_lettering, key_in_order, ONE_KEY, 1, "lose-request:billing-0.0/charge#1"),
    (with_topics, key_in_order, ONE_KEY, 1, "lose-request:billing-0.0/charge#1"),
    (parking_in_memory, key_in_order, ONE_KEY, 2, "lose-request:billing-0.0/charge#1+crash-after:billing-0.0/commit#1"),
]
HOLDING = [
    (dead_lettering, [none_vanishes]),
    (with_topics, [none_vanishes]),
    (parking, [none_vanishes, key_in_order]),
]


def test_poison_needs_no_accident_at_all():
    found = explore(shop(crashing), good_ones_are_charged, only="crash", progress=False)
    assert found.counterexample.schedule == "calm"
    assert "stuck" in found.counterexample.verdict.message


def by_name(value):
    return getattr(value, "__name__", value if isinstance(value, str) else "")


@pytest.mark.statement("P28", "P29", "C06")
@pytest.mark.parametrize("main, law, orders, faults, schedule", BROKEN, ids=by_name)
def test_the_form_everybody_writes_is_broken_by_this_schedule(main, law, orders, faults, schedule):
    if faults == 2:
        assert explore(shop(main, orders), law, only=("crash", "lost request"), progress=False).holds
    found = explore(shop(main, orders), law, faults=faults, only=("crash", "lost request"), progress=False)
    assert found.counterexample.schedule == schedule
    assert not law(run(found.counterexample.scenario, schedule=schedule))


@pytest.mark.slow
@pytest.mark.statement("P28", "P29")
@pytest.mark.parametrize("main, laws", HOLDING, ids=by_name)
def test_the_form_that_holds_survives_two_faults(main, laws):
    found = explore(shop(main, ONE_KEY), laws, faults=2, progress=False)
    assert found.holds and found.tried == found.total > 150, found.counterexample


# -- parked keys, and the way back


def test_a_parked_key_waits_in_order_and_nobody_else():
    orders = (order("bob/1", amount=0), order("ann/1"), order("bob/2"), order("ann/2"))
    trace = run(shop(parking, orders))
    assert charged(trace) == ["ann/1", "ann/2"] and parked(trace) == ["bob/1", "bob/2"]
    errors = trace.databases["billing"].execute("SELECT error FROM parked ORDER BY offset")
    assert [row[0] for row in errors] == ["ValueError: no amount", "an earlier record of this key is parked"]


@pytest.mark.slow
@pytest.mark.statement("P28")
def test_what_was_parked_is_released_in_order_whatever_happens_meanwhile():
    calm = run(shop(parking_and_releasing, ONE_KEY))
    assert charged(calm) == ["ann/1", "ann/2", "bob/1"] and parked(calm) == []
    found = explore(shop(parking_and_releasing, ONE_KEY[:2]), [key_in_order, all_are_charged], faults=2,
                    progress=False)
    assert found.holds and found.tried == found.total > 500, found.counterexample


@pytest.mark.statement("P13")
def test_a_clerk_who_dies_between_sending_and_the_commit_redrives_again():
    scenario = with_clerk(giving_up_until_repaired)
    calm = run(scenario)
    assert charged(calm) == ["ann/1", "ann/2", "bob/1"] == in_topic(calm, "orders-dlq")
    twice = run(scenario, schedule="crash-after:clerk-0.0/send#1")
    assert not charged_once(twice) and charged(twice).count("ann/1") == 2
    found = explore(scenario, charged_once, only="crash", progress=False)
    assert "crash-after:clerk-0.0/send#1" in set(found.table.schedule[found.table.verdict == "broken"])
    assert explore(scenario, all_are_charged, progress=False).holds


@pytest.mark.slow
@pytest.mark.statement("P13")
def test_redriving_is_harmless_to_a_consumer_that_remembers_orders():
    """Deaths only: a request that gets lost can bring a letter when the clerk has gone home. It lies there, unread."""
    scenario = with_clerk(remembering, ONE_KEY[:2])
    found = explore(scenario, taken_once, faults=2, only="crash", progress=False)
    assert found.holds and found.tried == found.total > 150, found.counterexample
    doubled = run(scenario, schedule="crash-after:clerk-0.0/send#1")
    assert len(doubled.records[doubled.records.topic == "orders"]) == 2 + 3


def test_what_is_sent_back_unrepaired_comes_again_and_the_clerk_goes_home():
    orders = (order("bob/1", amount=0), order("ann/1"), order("bob/2", amount=0))
    scenario = replace(shop(dead_lettering, orders), "services",
                       [Service("billing", dead_lettering), Service("clerk", redriving)])
    trace = run(scenario)
    assert trace.ended == "quiet" and in_topic(trace, "orders-dlq") == ["bob/1", "bob/2"] * 2
    ends = trace.control[(trace.control.process == "clerk-0") & (trace.control.kind == "shutdown")]
    assert len(ends) == 1


def test_a_letter_says_where_it_came_from_and_why():
    async def clerk(app):
        consumer = app.consumer("orders-dlq", group_id="clerk", auto_offset_reset="earliest")
        async for letter in consumer:
            await app.effect("read", json.dumps(retry.why(letter)))

    scenario = shop(with_topics, (order("ann/1"), order("bob/1", amount=0)))
    trace = run(replace(scenario, "services", [*scenario.services, Service("clerk", clerk)]))
    read = json.loads(trace.effects.key[trace.effects.name == "read"].iloc[0])
    told = {name: said for name, said in read.items() if name not in ("first-failure", "failed-at")}
    assert told == {"original-topic": "orders", "original-partition": "0", "original-offset": "1",
                    "error": "ValueError: no amount", "attempts": "1"}
    assert float(read["first-failure"]) == float(read["failed-at"]) > 3


def test_attempts_and_the_first_failure_survive_each_move():
    lost = [LoseRequest("billing-0", "effect", nth=nth) for nth in (1, 2, 3)]

    async def clerk(app):
        consumer = app.consumer("orders-retry-1m", "orders-dlq", group_id="clerk", auto_offset_reset="earliest")
        async for letter in consumer:
            said = retry.why(letter)
            await app.effect("read", [letter.topic, said["attempts"], said["original-topic"], said["first-failure"]])

    scenario = shop(with_topics, (order("ann/1"),), faults=lost)
    trace = run(replace(scenario, "services", [*scenario.services, Service("clerk", clerk)]))
    moves = trace.effects.key[trace.effects.name == "read"].tolist()
    assert [move[:3] for move in moves] == [["orders-retry-1m", "2", "orders"], ["orders-dlq", "3", "orders"]]
    assert moves[0][3] == moves[1][3]
