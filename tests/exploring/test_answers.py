"""What `explore` answers: the shortest story, the table, numbers that add up, and the same again tomorrow."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from explored_shop import CONSUMER, billing, check_then_act, commits_first, shop

from simlib import Crash, explore, laws, run
from simlib.views.steps import steps_of

ONCE = laws.exactly_once("charge")


def answer(scenario, law=ONCE, **options):
    return explore(scenario, law, progress=False, **options)


def test_the_shortest_story_has_one_fault_and_one_record():
    result = answer(shop(billing, orders=6))
    found = result.counterexample
    assert found.schedule == "crash-after:billing-0.0/charge#1" and found.records == 1
    assert len(found.trace.effects) == 2 and found.verdict.anomaly == "duplicate"


def test_the_last_record_is_kept_where_only_that_one_breaks_the_law():
    async def third_only(app):
        consumer = app.consumer("orders", **CONSUMER)
        async for order in consumer:
            if order.value == 2:
                await app.effect("charge", order.value)
            await consumer.commit()

    found = answer(shop(third_only, orders=5)).counterexample
    assert [record["value"] for record in found.scenario.inputs["orders"]] == [2]


def test_a_law_that_counts_on_all_records_is_not_fooled_by_fewer():
    async def counting(app):
        consumer = app.consumer("orders", **CONSUMER)
        await app.database.execute("CREATE TABLE IF NOT EXISTS total (n)")
        async for order in consumer:
            await app.database.execute("INSERT INTO total VALUES (?)", (order.value,))
            await consumer.commit()

    def three(trace):
        return len(trace.databases["billing"].execute("SELECT n FROM total")) == 3

    found = answer(shop(counting), three, only="crash").counterexample
    assert found.records == 3 and "/execute#" in found.schedule


def test_a_replay_by_its_id_is_the_same_run():
    found = answer(shop(billing)).counterexample
    assert run(found.scenario, schedule=found.schedule).same_as(found.trace)


def test_no_pair_where_one_fault_is_enough_and_a_pair_where_it_takes_two():
    async def tries_twice(app):
        for _ in range(2):
            try:
                return await app.effect("charge", 1)
            except TimeoutError:
                await app.effect("note", app.now)

    at_least = laws.at_least_once("charge")
    assert answer(shop(tries_twice, orders=0), at_least, only="lost request")
    found = answer(shop(tries_twice, orders=0), at_least, only="lost request", faults=2).counterexample
    assert found.schedule == "lose-request:billing-0.0/charge#1+lose-request:billing-0.0/charge#2"
    assert len(found.faults) == 2


def test_the_story_is_told_in_sentences():
    lines = answer(shop(billing)).counterexample.telling.split("\n")
    assert lines[0].endswith("billing-0 did: charge 0. Then it died, before its next line.")
    assert "billing-0 was back." in lines[1] and "receive inputs:0" in lines[1]
    assert lines[2].startswith("48.01 s: billing-0 did charge 0 again (first at 3.0")
    assert lines[3].startswith("In the end: duplicate: charge was done again")


def test_an_act_whose_request_was_lost_is_not_told_as_done_again():
    async def persistent(app):
        try:
            await app.effect("charge", 1)
        except TimeoutError:
            await app.effect("charge", 1)

    telling = answer(shop(persistent, orders=0), lambda trace: trace.ended_at < 20, only="lost request"
                     ).counterexample.telling
    assert "nothing was done" in telling and "again" not in telling


def test_the_table_has_a_row_for_each_schedule():
    result = answer(shop(billing))
    table = result.table
    assert list(table.columns) == ["schedule", "hit", "outcome", "verdict", "says"]
    assert len(table) == result.tried == result.total == 22
    assert (table.verdict == "broken").sum() == result.broken == 6
    assert set(table.outcome[table.verdict == "broken"]) == {"charge: 1 again"}
    assert not result and "broken by 6; tried 22 of 22" in result.headline


def test_a_law_that_holds_in_all():
    result = answer(shop(billing), laws.at_least_once("charge"), faults=2)
    assert result and result.counterexample is None and result.tried == result.total > 200
    assert "holds in all" in result.headline


def test_lost_is_told_as_never():
    result = answer(shop(commits_first))
    assert "charge: 1 never" in set(result.table.outcome)
    assert result.counterexample.schedule == "crash-after:billing-0.0/commit#1"


def test_final_tables_are_compared_with_the_calm_run():
    async def counting(app):
        consumer = app.consumer("orders", **CONSUMER)
        await app.database.execute("CREATE TABLE IF NOT EXISTS total (n)")
        async for order in consumer:
            await app.database.execute("INSERT INTO total VALUES (?)", (order.value,))
            await consumer.commit()

    result = answer(shop(counting), laws.as_calm("SELECT n FROM total"))
    assert "billing.total: 1 row differs" in set(result.table.outcome)


def test_a_handler_that_does_nothing_does_not_pass():
    async def idle(app):
        consumer = app.consumer("orders", **CONSUMER)
        async for _ in consumer:
            await consumer.commit()

    result = answer(shop(idle))
    assert not result and result.counterexample is None
    assert "nothing to protect" in result.headline


def test_a_law_that_is_broken_without_any_fault():
    async def careless(app):
        await app.effect("charge", 1)
        await app.effect("charge", 1)

    result = answer(shop(careless, orders=0))
    assert result.counterexample.schedule == "calm" and result.tried == 0
    assert "without any fault" in result.counterexample.telling


def test_stuck_breaks_every_law():
    async def poisoned(app):
        consumer = app.consumer("orders", **CONSUMER)
        async for order in consumer:
            if order.value == 1:
                raise ValueError("cannot read this")
            await app.effect("charge", order.value)
            await consumer.commit()

    result = answer(shop(poisoned, orders=2), lambda trace: True)
    assert result.counterexample.verdict.anomaly == "stuck"
    assert "ValueError: cannot read this" in str(result) and "in poisoned" in str(result)
    assert "simlib/services" not in str(result)


def test_several_laws_at_once_and_the_one_that_breaks_is_named():
    result = answer(shop(billing), [laws.at_least_once("charge"), laws.at_most_once("charge")])
    assert result.counterexample.verdict.law == "at_most_once('charge')"


def test_a_budget_is_reported_honestly_and_a_search_can_be_resumed():
    whole = answer(shop(billing))
    first = answer(shop(billing), laws.at_least_once("charge"), budget=10)
    assert (first.tried, first.total) == (10, 22) and not first.holds and "tried 10 of 22" in first.headline
    rest = answer(shop(billing), resume=first.table.schedule.iloc[-1])
    assert list(first.table.schedule) + list(rest.table.schedule) == list(whole.table.schedule)


def test_the_scenarios_own_faults_are_dropped_unless_they_are_kept():
    scenario = shop(billing, faults=[Crash("billing-0", after="charge", nth=1, restart_after=1)])
    assert len(answer(scenario).calm.effects) == 3
    kept = answer(scenario, keep_faults=True)
    assert len(kept.calm.effects) == 4 and kept.counterexample.schedule == "calm"


def test_what_is_shown_is_escaped():
    async def hostile(app):
        await app.effect("charge", "<img src=x onerror=alert(1)>")
        raise ValueError("<script>alert(1)</script>")

    shown = answer(shop(hostile, orders=0, duration=20), lambda trace: False)._repr_html_()
    assert "<img" not in shown and "<script" not in shown


def test_the_number_of_schedules_is_said_before_they_are_run(capsys):
    explore(shop(billing), ONCE)
    assert capsys.readouterr().out.splitlines() == ["explore: 22 schedules"]


def test_the_same_answer_in_another_process():
    program = ("from explored_shop import *; from simlib import explore, laws\n"
               "r = explore(shop(billing), laws.exactly_once('charge'), faults=2, progress=False)\n"
               "print(hash(tuple(r.table.schedule)) and r.counterexample.trace.digest(), r.table.to_csv())")
    here = Path(__file__).parent
    outputs = {subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True,
                              cwd=here, env={"PYTHONPATH": f"{here.parents[1]}", "PYTHONHASHSEED": seed}).stdout
               for seed in ("1", "2")}
    assert len(outputs) == 1 and "crash-after" in outputs.pop()


@pytest.mark.statement("P11")
def test_check_then_act_survives_every_single_fault_of_one_instance_but_not_of_two():
    law = laws.at_most_once("charge")
    assert not answer(shop(check_then_act, orders=1), law)  # a death between the charge and its mark
    assert answer(shop(check_then_act, orders=1, instances=2), law, only="stall").broken


def test_the_picture_shows_the_statements_the_zombie_and_the_broken_rule():
    result = answer(shop(check_then_act, orders=1, instances=2), laws.at_most_once("charge"), only="stall")
    found = result.counterexample
    said = found.trace.plot.sequence().description
    assert "Broken: duplicate: charge was done again 1 time" in said and "billing-0 stood still" in said
    shown = [step.label for step in steps_of(found.trace, np.arange(len(found.trace.messages)), (-np.inf, np.inf))]
    assert "SELECT 1 FROM done WHERE id = ?" in shown and shown.count("stands still") == 1


def test_nothing_to_try_is_not_a_proof():
    result = answer(shop(billing), only="broker")
    assert result.total  # commits have a coordinator

    async def alone(app):
        await app.effect("charge", 1)

    result = answer(shop(alone, orders=0), only="twice")
    assert result.total == 0 and not result and "No step can be hit" in result.headline
