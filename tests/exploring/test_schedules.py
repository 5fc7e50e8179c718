"""The space of schedules: what is tried, what is not tried twice, and what each hit does."""

import pytest
from explored_shop import CONSUMER, billing, check_then_act, commits_first, shop

from simlib import Scenario, Service, Topic, explore, laws, run
from simlib.scenario.schedules import ScheduleError, parse_schedule, schedule_id

ONCE = laws.exactly_once("charge")


def tried(scenario, law=ONCE, **options):
    return list(explore(scenario, law, progress=False, **options).table.schedule)


def replayed(main, schedule, **more):
    return run(shop(main, **more), schedule=schedule)


def charged(trace):
    return list(trace.effects.key)


# -- what is tried

def test_three_orders_in_one_instance_are_nine_steps_and_twenty_two_schedules():
    found = tried(shop(billing))
    assert len(found) == len(set(found)) == 22
    assert sum(one.startswith("crash") for one in found) == 10
    assert sum(one.startswith("lose-request") for one in found) == 6
    assert sum(one.startswith("lose-reply") for one in found) == 6


def test_a_death_after_a_step_stands_for_one_before_the_next():
    found = tried(shop(billing, orders=1), only="crash")
    assert found == ["crash-before:billing-0.0/receive#1", "crash-after:billing-0.0/receive#1",
                     "crash-after:billing-0.0/charge#1", "crash-after:billing-0.0/commit#1"]


def test_a_death_before_a_step_is_another_story_when_somebody_else_did_something_in_between():
    async def slow(app):
        await app.effect("first", 1)
        await app.sleep(2)
        await app.effect("second", 1)

    async def between(app):
        await app.sleep(1)
        await app.effect("between", 1)

    scenario = Scenario(topics=[Topic("orders")], services=[Service("slow", slow), Service("other", between)])
    found = tried(scenario, laws.at_least_once("second"), only="crash")
    assert "crash-after:slow-0.0/first#1" in found and "crash-before:slow-0.0/second#1" in found


def test_pairs_hit_a_later_step_of_the_run_that_the_first_fault_made():
    found = tried(shop(billing, orders=1), faults=2, only="crash")
    assert "crash-after:billing-0.0/charge#1+crash-after:billing-0.1/charge#1" in found
    assert not any(one.startswith("crash-after:billing-0.0/commit#1+") and "/charge#" in one for one in found)
    assert len(found) == len(set(found))


def test_only_services_with_several_instances_stall():
    assert not [one for one in tried(shop(billing)) if one.startswith("stall")]
    assert [one for one in tried(shop(billing, instances=2)) if one.startswith("stall")]


@pytest.mark.parametrize("only, prefixes", [
    ("crash", {"crash-before", "crash-after"}), ("lost reply", {"lose-reply"}), ("lost request", {"lose-request"}),
    (["crash", "twice"], {"crash-before", "crash-after", "twice"}),
    ("wire", {"lose-wire-request", "lose-wire-reply"}), ("broker", {"move-coordinator"})])
def test_only_narrows_the_kinds(only, prefixes):
    assert {one.partition(":")[0] for one in tried(shop(billing, orders=1), only=only)} == prefixes


def test_delivered_twice_is_asked_for():
    assert not [one for one in tried(shop(billing)) if one.startswith("twice")]
    assert len([one for one in tried(shop(billing), redeliver=True) if one.startswith("twice")]) == 3


def test_orders_of_two_services_on_one_thing_are_tried_but_not_of_two_that_only_read():
    async def writer(app):
        await app.effect("mail", 1)
        await app.effect("mail", 2)

    two = Scenario(topics=[Topic("orders")], services=[Service("writer", writer, instances=2)])
    found = tried(two, laws.at_least_once("mail"), only="order")
    assert "hold:writer-0.0/mail#1~writer-1.0/mail#1" in found
    assert not any("mail#1~writer-1.0/mail#2" in one for one in found)

    async def reader(app):
        await app.database.execute("SELECT 1")

    assert tried(Scenario(topics=[Topic("orders")], services=[Service("reader", reader, instances=2)]),
                 lambda trace: True, only="order") == []


# -- what the hits do

def test_a_lost_request_is_not_done_and_a_lost_reply_is():
    async def careless(app):
        for number in range(2):
            try:
                await app.effect("charge", number)
            except TimeoutError:
                await app.effect("gave up", number)

    assert charged(replayed(careless, "lose-request:billing-0.0/charge#1")) == [0, 1]
    assert [*run(shop(careless), schedule="lose-request:billing-0.0/charge#1").effects.name] == ["gave up", "charge"]
    assert [*run(shop(careless), schedule="lose-reply:billing-0.0/charge#1").effects.name] == [
        "charge", "gave up", "charge"]


def test_a_crash_before_leaves_no_mark_and_a_crash_after_leaves_it():
    assert charged(replayed(billing, "crash-before:billing-0.0/charge#1")) == [0, 1, 2]
    assert charged(replayed(billing, "crash-after:billing-0.0/charge#1")) == [0, 0, 1, 2]
    assert charged(replayed(commits_first, "crash-after:billing-0.0/commit#1")) == [1, 2]


@pytest.mark.statement("K97", "P11")
def test_a_stalled_instance_comes_back_as_a_zombie():
    """Check-then-act survives every death and every loss of one instance, and breaks when it stands still."""
    calm_space = explore(shop(check_then_act, orders=1, instances=2), ONCE, only=["order"], progress=False)
    assert calm_space
    result = explore(shop(check_then_act, orders=1, instances=2), ONCE, only="stall", progress=False)
    assert result.broken and not result
    assert "stood still" in result.counterexample.telling


def test_a_held_request_arrives_after_the_other():
    async def writer(app):
        await app.effect("mail", "same")

    two = Scenario(topics=[Topic("orders")], services=[Service("writer", writer, instances=2)])
    calm, held = run(two), run(two, schedule="hold:writer-0.0/mail#1~writer-1.0/mail#1")
    assert [*calm.effects.process] == ["writer-0", "writer-1"] and [*held.effects.process] == ["writer-1", "writer-0"]


def test_a_request_is_not_held_for_ever():
    async def alone(app):
        await app.effect("mail", 1)

    async def never(app):
        await app.sleep(100)
        await app.effect("mail", 1)

    scenario = Scenario(topics=[Topic("orders")], services=[Service("alone", alone), Service("never", never)])
    held = run(scenario, schedule="hold:alone-0.0/mail#1~never-0.0/mail#1")
    assert [round(time) for time in held.effects.time] == [15, 100]


def test_twice_hands_the_same_record_over_again_one_by_one_and_in_batches():
    async def in_batches(app):
        consumer = app.consumer("orders", **CONSUMER)
        while True:
            for records in (await consumer.getmany(timeout_ms=1_000)).values():
                for record in records:
                    await app.effect("charge", record.value)
            await consumer.commit()

    assert charged(replayed(billing, "twice:billing-0.0/receive#2")) == [0, 1, 1, 2]
    assert charged(replayed(in_batches, "twice:billing-0.0/receive#1")) == [0, 1, 2, 0, 1, 2]


@pytest.mark.statement("K09", "K48")
def test_a_leader_that_dies_around_its_acknowledgement():
    """acks=1: dead before the follower has it, the record is gone though acknowledged; with acks=all it is not."""
    def sold(acks, schedule):
        async def selling(app):
            async with app.producer(acks=acks, enable_idempotence=False) as producer:
                for number in range(2):
                    await producer.send_and_wait("orders", number)

        scenario = Scenario(topics=[Topic("orders", replication_factor=3)], services=[Service("selling", selling)])
        return run(scenario, schedule=schedule)

    lost = sold(1, "kill-after-ack:selling-0.0/send#2")
    assert lost.summary().lost_acked == 1
    assert sold("all", "kill-after-ack:selling-0.0/send#2").summary().lost_acked == 0
    again = sold("all", "kill-before-ack:selling-0.0/send#2")
    assert again.summary().lost_acked == 0 and again.records.copies.max() == 2


def test_a_hit_that_finds_nothing_is_told():
    async def selling(app):
        await app.producer(acks=0).send_and_wait("orders", 1)

    scenario = Scenario(topics=[Topic("orders")], services=[Service("selling", selling)])
    table = explore(scenario, lambda trace: True, only="lost reply", progress=False).table
    assert list(table.outcome) == ["never came: nothing was there to hit"]


# -- ids

def test_an_id_says_everything():
    text = "crash-after:billing-0.0/charge#2+hold:billing-0.1/execute#1~mail-0.0/execute#3"
    assert schedule_id(parse_schedule(text)) == text
    assert parse_schedule("calm") == ()


@pytest.mark.parametrize("text, said", [
    ("crash", "begins with none of"), ("boom:billing-0.0/charge#1", "begins with none of"),
    ("crash-after:charge#1", "is no step"), ("crash-after:billing-0.0/charge#0", "is no step"),
    ("hold:billing-0.0/charge#1", "a hold names two steps"),
    ("crash-after:a-0.0/b#1~c-0.0/d#1", "a hold names two steps")])
def test_an_id_that_says_nothing_is_refused(text, said):
    with pytest.raises(ScheduleError, match=said):
        run(shop(billing), schedule=text)


def test_a_schedule_for_a_step_that_is_never_taken_is_refused():
    said = r"never takes the step crash-after:billing-0.0/charge#9.*billing-0.0/charge#1"
    with pytest.raises(ScheduleError, match=said):
        run(shop(billing), schedule="crash-after:billing-0.0/charge#9")
