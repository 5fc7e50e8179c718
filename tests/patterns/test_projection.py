"""Projections: view and position move together; a new form is built beside the old one; a lost beginning is refused."""

import asyncio

import pytest

from simlib import Crash, Scenario, Service, Topic, explore, laws, run
from simlib.data import orders
from simlib.patterns import broken_projection as broken
from simlib.patterns.projection import POSITIONS, lag, live, project, rebuild, seen, switch

pytestmark = pytest.mark.slow

TOTALS = f"""CREATE TABLE totals (customer TEXT PRIMARY KEY, owes REAL); {POSITIONS}
            CREATE TABLE totals_2 (customer TEXT PRIMARY KEY, owes REAL); {POSITIONS}"""
VIEW = "SELECT customer, owes FROM totals ORDER BY customer"
AS_CALM = laws.as_calm(VIEW)


def adding(table):
    """A view to which each order is added: what is applied twice, or not at all, can be seen."""
    async def add(db, record):
        await db.execute(f"INSERT INTO {table} VALUES (?, ?) ON CONFLICT DO UPDATE SET owes = owes + excluded.owes",
                         (record.value["customer"], record.value["amount"]))
    return add


def shop(form, *, count=3, instances=1, partitions=1, inputs=None, **more):
    async def main(app):
        await form(app, "orders", "totals", adding("totals"))

    return Scenario([Topic("orders", partitions=partitions)], inputs={"orders": inputs or orders(count)},
                    services=[Service("window", main, instances, database=TOTALS)], **more)


def view(trace, table="totals"):
    return list(trace.databases["window"].execute(f"SELECT customer, owes FROM {table} ORDER BY customer"))


def summed(inputs):
    total = {}
    for row in inputs:
        total[row["key"]] = total.get(row["key"], 0) + row["value"]["amount"]
    return sorted(total.items())


# -- one position, in the view's own transaction


@pytest.mark.statement("P26")
def test_view_and_position_say_the_same_whatever_dies():
    result = explore(shop(project), AS_CALM, faults=2, progress=False)
    assert result.holds and result.tried > 100
    assert view(result.calm) == summed(orders(3))


@pytest.mark.statement("P26")
def test_two_instances_and_a_zombie():
    result = explore(shop(project, instances=2), AS_CALM, progress=False)
    assert result.holds and any("stall" in one for one in result.table.schedule)


@pytest.mark.statement("P26")
def test_what_comes_twice_by_the_broker_s_doing_is_passed_over():
    assert explore(shop(project), AS_CALM, redeliver=True, brokers=True, progress=False).holds


@pytest.mark.parametrize(("form", "end"), [(broken.trusts_the_commit, "more"), (broken.position_afterwards, "more"),
                                           (broken.commits_first, "less"), (broken.position_first, "less")])
@pytest.mark.statement("P26")
def test_a_position_in_a_step_of_its_own_is_wrong_in_one_direction(form, end):
    result = explore(shop(form), AS_CALM, progress=False)
    right = sum(owes for _, owes in view(result.calm))
    broken_ones = result.table[result.table.verdict == "broken"].schedule
    sums = [sum(owes for _, owes in view(run(shop(form), schedule=id))) for id in broken_ones]
    assert sums and all((total > right) == (end == "more") and total != right for total in sums)


# -- rebuilt beside the live one


def two_forms(app, every=0.05):
    """`totals` answers until `totals_2` has caught up; somebody looks all the time."""
    async def look():
        while app.now < 20:
            name = await live(app.database, "owed")
            rows = await app.database.execute(f"SELECT coalesce(sum(owes), 0) AS owed FROM {name}")
            await app.show(name, rows[0]["owed"])
            await app.sleep(every)

    async def new_form():
        await app.sleep(max(0.0, 6 - app.now))
        await rebuild(app, "orders", "owed", "totals_2", adding("totals_2"), every)

    return asyncio.gather(project(app, "orders", "totals", adding("totals")), new_form(), look())


def rebuilding(**more):
    async def main(app):
        if not await app.database.execute("SELECT 1 FROM live"):
            await switch(app.database, "owed", "totals")
        await two_forms(app)

    return Scenario([Topic("orders", partitions=2)], inputs={"orders": orders(60, rate=5)},
                    services=[Service("window", main, database=TOTALS)], **more)


@pytest.mark.statement("P26")
def test_a_new_form_answers_when_it_has_seen_as_much_and_nobody_sees_the_view_go_back():
    trace = run(rebuilding())
    shown = [text.split("\n") for text in trace.screens.text]
    names, owed = [name for name, _ in shown], [float(total) for _, total in shown]
    assert names[0] == "totals" and names[-1] == "totals_2" and names == sorted(names)
    assert owed == sorted(owed) and owed[names.index("totals_2") - 1] > 0
    assert view(trace, "totals_2") == view(trace)
    assert dict(view(trace)) == pytest.approx(dict(summed(orders(60))))


@pytest.mark.statement("P26")
@pytest.mark.parametrize("at", [5.9, 6.1, 9.0, 9.05, 11.0])
def test_a_death_while_it_is_rebuilt_changes_nothing(at):
    trace = run(rebuilding(faults=[Crash("window-0", at=at, restart_after=1)]))
    assert dict(view(trace, "totals_2")) == pytest.approx(dict(summed(orders(60))))


@pytest.mark.statement("P26")
def test_a_view_that_is_emptied_and_refilled_shows_its_customers_nothing_meanwhile():
    def refilled(clean):
        async def main(app):
            async def look():
                while app.now < 15:
                    await app.sleep(0.05)
                    rows = await app.database.execute("SELECT count(*) FROM totals")
                    await app.show(rows[0][0])

            async def rebuild():
                await app.sleep(6)
                if clean:
                    await project(app, "orders", "again", adding("totals_2"))
                await broken.empties_and_refills(app, "orders", "totals", "again", adding("totals"))

            await asyncio.gather(look(), project(app, "orders", "totals", adding("totals")), rebuild())

        trace = run(Scenario([Topic("orders")], inputs={"orders": orders(20)},
                             services=[Service("window", main, database=TOTALS)]))
        counts = [int(text) for text in trace.screens.text]
        return counts == sorted(counts)

    assert refilled(clean=True) and not refilled(clean=False)


@pytest.mark.statement("P27")
def test_a_mail_sent_by_a_projection_is_sent_again_when_it_is_rebuilt():
    async def mailing(db, record):
        await db.app.effect("mail", record.value["order_id"])

    async def main(app):
        app.database.app = app
        for name in ("first", "rebuilt"):
            asyncio.ensure_future(project(app, "orders", name, mailing))
        await app.sleep(30)

    trace = run(Scenario([Topic("orders")], inputs={"orders": orders(3)},
                         services=[Service("window", main, database=POSITIONS)]))
    assert trace.effects.key.value_counts().tolist() == [2, 2, 2]


def test_nothing_live_is_said():
    async def main(app):
        try:
            await live(app.database, "owed")
        except LookupError as error:
            await app.show(error)

    trace = run(Scenario([Topic("orders")], services=[Service("window", main, database=POSITIONS)]))
    assert "switch(db, 'owed', projection)" in trace.screens.text[0]


# -- how far behind


def test_lag_is_what_the_log_has_and_the_view_has_not():
    async def slow(db, record):
        await db.execute("INSERT INTO totals VALUES (?, 1) ON CONFLICT DO NOTHING", (record.value["customer"],))
        await asyncio.sleep(1)

    async def main(app):
        async def look():
            consumer = app.consumer("orders", group_id="looking")
            await app.sleep(9.5)
            (behind,) = (await lag(app.database, consumer, "totals")).values()
            (first_unseen,) = (await seen(app.database, "totals")).values()
            await app.show(behind, first_unseen)

        await asyncio.gather(look(), project(app, "orders", "totals", slow))

    trace = run(Scenario([Topic("orders")], inputs={"orders": orders(10)},
                         services=[Service("window", main, database=TOTALS)], duration=12))
    behind, first_unseen = map(int, trace.screens.text[0].split("\n"))
    assert behind + first_unseen == 10 and 3 < first_unseen < 10


# -- a topic that has lost its beginning
FORGETFUL = Topic("orders", config={"retention_ms": 10_000, "segment_ms": 5_000})
LOOKS_OFTEN = {"log_retention_check_interval_ms": 1_000, "log_initial_task_delay_ms": 0}


def forgetting(from_second, count, faults=(), spread=5, duration=90):
    """A topic that forgets, and a window that starts to read it at some time."""
    async def main(app):
        await app.sleep(max(0.0, from_second - app.now))
        await project(app, "orders", "totals", adding("totals"))

    inputs = tuple({**row, "at": number * spread} for number, row in enumerate(orders(count)))
    return run(Scenario([FORGETFUL], inputs={"orders": inputs}, faults=faults, broker_config=LOOKS_OFTEN,
                        services=[Service("window", main, database=TOTALS)], duration=duration))


def refused(trace):
    """What the window was told, and how much it has in its view all the same."""
    raised = trace.control.detail[trace.control.kind == "exception"]
    return [text for text in raised if "LostBeginning" in text], len(view(trace))


@pytest.mark.statement("P27", "K65")
def test_a_view_is_not_built_from_a_topic_that_has_lost_its_beginning():
    (told, *_), rows = refused(forgetting(60, 12))
    assert "'totals' has seen it up to 0" in told and "orders-0 begins at offset" in told
    assert "retention_ms=-1" in told or "retention_ms" in told
    assert rows == 0


@pytest.mark.statement("P27")
def test_not_even_where_nothing_is_left_to_be_read():
    told, rows = refused(forgetting(60, 3))
    assert told and rows == 0


@pytest.mark.statement("P27", "K65")
def test_a_window_that_was_away_too_long_does_not_jump_over_what_is_gone():
    away = Crash("window-0", at=12, restart_after=40)
    trace = forgetting(0, 14, [away])
    told, rows = refused(trace)
    assert told and 0 < rows < 14
    (unseen,) = [row[0] for row in trace.databases["window"].execute("SELECT next_offset FROM positions")]
    assert f"has seen it up to {unseen}" in told[0]


@pytest.mark.statement("P27")
def test_what_goes_while_it_waits_for_its_group_is_missed_too():
    trace = forgetting(0, 12, [Crash("window-0", at=30, restart_after=1)], duration=120)
    told, rows = refused(trace)
    assert told and rows == 6                       # nothing came afterwards that could have shown the gap


@pytest.mark.statement("P27")
def test_who_has_seen_what_is_gone_goes_on():
    trace = forgetting(0, 12, [Crash("window-0", at=70, restart_after=1)], duration=140)
    assert refused(trace) == ([], len(summed(orders(12)))) and trace.records.copies.min() == 0
