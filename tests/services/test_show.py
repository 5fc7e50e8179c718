"""`app.show`: what stands on a user's screen, until when, and who can lose it."""

import math

from simlib import Crash, Scenario, Service, Topic, explore, run


async def customer(app):
    await app.sleep(1)
    await app.show("Saving ...")
    await app.sleep(2)
    await app.show("Saving ...")
    await app.sleep(2)
    await app.show("Saved.", 17)


def shop(main=customer, **more):
    return Scenario([Topic("orders")], services=[Service("customer", main)], **more)


def shown(trace):
    return [(row.time, row.until, row.text) for row in trace.screens.itertuples()]


def test_a_text_stands_there_until_the_next_one():
    first, second = shown(run(shop()))
    assert first == (1.0, 5.0, "Saving ...")
    assert second[::2] == (5.0, "Saved.\n17") and math.isnan(second[1])


def test_a_death_leaves_the_screen_dark_and_a_new_life_begins_a_new_one():
    trace = run(shop(faults=[Crash("customer-0", after="show", nth=2, restart_after=4)]))
    assert shown(trace)[0] == (1.0, 3.0, "Saving ...")
    assert shown(trace)[1] == (8.0, 12.0, "Saving ...")


def test_explore_kills_around_a_screen_and_loses_nothing_on_the_way_to_it():
    tried = explore(shop(), lambda trace: True, progress=False).table.schedule.tolist()
    assert "crash-before:customer-0.0/show#1" in tried and "crash-after:customer-0.0/show#3" in tried
    assert not any(one.startswith("lose") for one in tried)


def test_the_same_text_again_and_again_keeps_no_run_alive():
    async def refreshing(app):
        while True:
            await app.show("nothing new")
            await app.sleep(1)

    trace = run(shop(refreshing))
    assert trace.ended == "quiet" and len(trace.screens) == 1


def test_an_effect_may_not_be_called_as_the_screen_is():
    async def muddled(app):
        await app.effect("show", "17")

    trace = run(shop(muddled, duration=3))
    assert any("kinds of steps" in str(detail) for detail in trace.control.detail)
