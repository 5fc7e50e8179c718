"""The picture of calls: who waited how long, who failed, who waits still."""

from asyncio import gather

import pytest
from handmade import Builder

from simlib import Crash, Scenario, Service, run

LENGTH = 10


async def bank(app):
    async def pay(number):
        await app.sleep(number)
        return "paid"

    await app.serve(pay)


def asking(*numbers, timeout=None):
    async def main(app):
        await gather(*(app.call("bank", number, timeout=timeout) for number in numbers), return_exceptions=True)
        await app.sleep(LENGTH)

    return main


def asked(*callers, faults=()):
    services = (Service("bank", bank), *(Service(name, main, start=1) for name, main in callers))
    return run(Scenario((), services=services, duration=LENGTH, faults=faults))


@pytest.fixture(scope="module")
def story():
    return asked(("shop", asking(1, 2, 3, 60)), ("clerk", asking(4, timeout=2)))


def test_each_caller_is_told_apart_with_its_median_and_its_failures(story):
    said = story.plot.calls("bank").description
    assert "clerk: 1 call, 0 answered, 1 timed out." in said
    assert "shop: 4 calls, 3 answered (half of them within 2.001 s), 1 still waiting." in said


def test_instances_of_a_service_are_one_caller():
    services = (Service("bank", bank), Service("shop", asking(1), instances=3))
    said = run(Scenario((), services=services, duration=LENGTH)).plot.calls().description
    assert "shop: 3 calls, 3 answered" in said


def test_who_was_down_is_said():
    said = asked(("shop", asking(3)), faults=[Crash("bank-0", at=2)]).plot.calls().description
    assert "1 reset" in said and "bank-0 crashed at 2 s." in said


def test_without_a_name_the_service_called_first_is_shown(story):
    assert story.plot.calls().png == story.plot.calls("bank").png
    assert story.plot.calls().png.startswith(b"\x89PNG")


def test_a_sheet_keeps_nothing_of_the_picture_before(story):
    first = story.plot.calls("bank").png
    assert asked(("shop", asking(1))).plot.calls().png != first
    assert story.plot.calls("bank").png == first


def test_a_service_that_nobody_called_is_refused_with_those_that_were(story):
    with pytest.raises(ValueError, match="nobody called 'shop' in this trace; called were bank"):
        story.plot.calls("shop")


def test_a_trace_without_calls_is_refused():
    with pytest.raises(ValueError, match="no calls of one service by another"):
        Builder(orders=1).trace().plot.calls()
