"""What happens at one instant has a fixed order: faults, timers, messages; then by name; then as it was asked for."""

import pytest

from simlib import Crash, Pause, Scenario, Service, Topic, run


def world(*services, faults=(), **more):
    return run(Scenario(topics=[Topic("orders")], services=list(services), faults=faults, **more))


async def ring(app):
    await app.sleep(1 - app.now)
    await app.effect("ring", app.name)


@pytest.mark.parametrize("turned", [False, True])
def test_messages_of_one_instant_come_in_the_order_of_their_senders_names(turned):
    services = [Service("alpha", ring), Service("beta", ring, instances=12), Service("gamma", ring)]
    trace = world(*(reversed(services) if turned else services))
    assert set(trace.effects.time) == {1.0005}
    assert list(trace.effects.key) == ["alpha-0", *(f"beta-{n}" for n in range(12)), "gamma-0"]  # 2 before 10


def test_messages_of_one_sender_come_in_the_order_in_which_they_were_sent():
    async def main(app):
        import asyncio

        await asyncio.gather(*(app.effect("ring", number) for number in (3, 1, 2)))

    assert list(world(Service("alpha", main)).effects.key) == [3, 1, 2]


def test_a_fault_comes_before_the_timer_of_its_instant():
    trace = world(Service("alpha", ring), faults=[Crash("alpha-0", at=1)])
    assert not len(trace.effects)


def test_a_fault_comes_before_the_message_of_its_instant():
    """The reply would be there at 1.001 s exactly."""
    async def main(app):
        await ring(app)
        await app.effect("told", app.now)

    told = [list(world(Service("alpha", main), faults=[Pause("alpha-0", at=at, duration=2)]).effects.key)[1]
            for at in (1.001, 1.0010001)]
    assert told == [3.001, 1.001]


def test_a_timer_comes_before_the_message_of_its_instant():
    """A timeout of exactly the time the answer takes: the timeout wins."""
    async def main(app):
        import asyncio

        for limit in (0.001, 0.0010001):
            try:
                async with asyncio.timeout(limit):
                    await app.effect("ring", limit)
            except TimeoutError:
                await app.effect("late", limit)

    trace = world(Service("alpha", main))
    assert list(trace.effects.key) == [0.001, 0.001, 0.0010001] and list(trace.effects.name) == ["ring", "late", "ring"]


def test_instants_are_exact():
    """Twenty thousand steps of a tenth of a millisecond end where one step of two seconds ends."""
    async def small_steps(app):
        for _ in range(20_000):
            await app.sleep(0.0001)
        await app.effect("there", app.now)

    async def one_step(app):
        await app.sleep(2)
        await app.effect("there", app.now)

    trace = world(Service("alpha", small_steps), Service("beta", one_step))
    assert list(trace.effects.key) == [2.0, 2.0]
