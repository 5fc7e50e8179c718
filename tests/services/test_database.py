"""`app.database`: transactions are all or nothing whatever dies, connections see what a database would show them."""

import asyncio
import gc
import os
import pickle
import sqlite3
import subprocess
import sys
import weakref
from contextlib import suppress
from pathlib import Path

import pytest
from kept_alive import no_run_kept_alive
from small_services import alone, control, done, run_alone, times

from simlib import Crash, Pause, Scenario, ScenarioError, Service, Trace, check, run

BANK = "CREATE TABLE done (id PRIMARY KEY); CREATE TABLE account (id PRIMARY KEY, balance CHECK (balance >= 0));" \
       "INSERT INTO account VALUES ('ann', 100);"


def ran(main, **more):
    """The service `billing` with the tables of BANK."""
    scenario = alone(main, **more)
    (service,) = scenario.services
    service = Service(service.name, service.main, instances=service.instances, restart_after=service.restart_after,
                      database=BANK)
    return run(Scenario(topics=scenario.topics, services=[service], inputs=scenario.inputs, faults=scenario.faults,
                        duration=scenario.duration))


def rows(trace, sql):
    return [tuple(row) for row in trace.databases["billing"].execute(sql)]


async def paying(app):
    db = app.database
    consumer = app.consumer("orders", group_id="billing", auto_offset_reset="earliest", enable_auto_commit=False,
                            session_timeout_ms=6_000)
    async for order in consumer:
        async with db.transaction():
            new = await db.execute("INSERT INTO done VALUES (?) ON CONFLICT DO NOTHING", (order.value,))
            if new.rowcount:
                await db.execute("UPDATE account SET balance = balance - 10 WHERE id = 'ann'")
        await consumer.commit()


# -- all or nothing

@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("nth", range(1, 10))
def test_a_crash_at_any_statement_leaves_all_of_a_transaction_or_nothing(when, nth):
    trace = ran(paying, orders=3, faults=[Crash("billing-0", **{when: "execute"}, nth=nth, restart_after=None)])
    paid = len(rows(trace, "SELECT * FROM done"))
    assert rows(trace, "SELECT balance FROM account") == [(100 - 10 * paid,)]
    assert paid == (nth - (when == "before")) // 3  # two statements and a COMMIT for each order


@pytest.mark.statement("P09")
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("nth", range(1, 10))
def test_and_after_a_restart_each_order_is_paid_once(when, nth):
    trace = ran(paying, orders=3, faults=[Crash("billing-0", **{when: "execute"}, nth=nth, restart_after=1)])
    assert len(control(trace, "crashed")) == 1 and trace.ended == "quiet"
    assert rows(trace, "SELECT id FROM done ORDER BY id") == [(0,), (1,), (2,)]
    assert rows(trace, "SELECT balance FROM account") == [(70,)]


def test_a_block_left_by_an_exception_is_rolled_back_and_a_caught_one_is_not():
    async def main(app):
        db = app.database
        with suppress(sqlite3.IntegrityError):
            async with db.transaction():
                await db.execute("INSERT INTO done VALUES (1)")
                await db.execute("UPDATE account SET balance = balance - 200")
        async with db.transaction():
            await db.execute("INSERT INTO done VALUES (2)")
            with suppress(sqlite3.IntegrityError):
                await db.execute("INSERT INTO done VALUES (2)")
            await db.execute("INSERT INTO done VALUES (3)")

    trace = ran(main)
    assert rows(trace, "SELECT * FROM done") == [(2,), (3,)]
    assert list(control(trace, "transaction").detail) == [
        "rolled back: IntegrityError: CHECK constraint failed: balance >= 0", "committed"]


def test_a_deferred_constraint_is_checked_by_the_commit():
    async def main(app):
        db = app.database
        await db.executescript("CREATE TABLE parent (id PRIMARY KEY); CREATE TABLE child (of REFERENCES parent "
                               "DEFERRABLE INITIALLY DEFERRED); INSERT INTO done VALUES ('a;b')")
        for child in (1, 2):
            with suppress(sqlite3.IntegrityError):
                async with db.transaction():
                    await db.execute("INSERT INTO child VALUES (?)", (child,))
                    if child == 2:
                        await db.execute("INSERT INTO parent VALUES (2)")

    trace = ran(main)
    assert rows(trace, "SELECT * FROM child") == [(2,)] and rows(trace, "SELECT * FROM done") == [("a;b",)]


def test_several_rows_and_scripts_are_one_step_each():
    async def main(app):
        db = app.database
        with suppress(sqlite3.IntegrityError):
            await db.executemany("INSERT INTO done VALUES (?)", [(1,), (2,), (1,)])
        with suppress(sqlite3.IntegrityError):
            await db.executescript("INSERT INTO done VALUES (3); INSERT INTO done VALUES (3)")
        many = await db.executemany("INSERT INTO done VALUES (?)", ((number,) for number in (7, 8)))
        await app.effect("rows", many.rowcount)

    trace = ran(main)
    assert rows(trace, "SELECT * FROM done") == [(7,), (8,)] and done(trace) == [2]
    assert len(control(trace, "executed")) == 3


# -- what others see

def two(first, second, **more):
    """Two instances of one service that do different things; the second begins 10 ms later."""
    async def main(app):
        if app.name == "billing-0":
            await first(app)
        else:
            await app.sleep(0.01)
            await second(app)

    return ran(main, instances=2, restart_after=None, **more)


async def writing(app, seconds=2.0):
    async with app.database.transaction():
        await app.database.execute("UPDATE account SET balance = 50")
        await app.sleep(seconds)


async def looking(app):
    for _ in range(3):
        (account,) = await app.database.execute("SELECT balance FROM account")
        await app.effect("saw", account["balance"])
        await app.sleep(1.5)


def test_a_reader_sees_what_is_committed_and_waits_for_nobody():
    trace = two(writing, looking)
    assert done(trace, "saw") == [100, 100, 50]
    assert times(trace, "saw")[0] == pytest.approx(0.0115)  # a statement takes as long as any request


def test_a_reader_is_not_disturbed_by_a_transaction_whose_process_stands_still():
    trace = two(writing, looking, faults=[Pause("billing-0", at=1, duration=60)])
    assert done(trace, "saw") == [100, 100, 100] and rows(trace, "SELECT balance FROM account") == [(50,)]


async def spending(app):
    try:
        await app.database.execute("UPDATE account SET balance = balance - 1")
        await app.effect("spent", app.name)
    except sqlite3.OperationalError as error:
        await app.effect(str(error), app.name)


def test_a_writer_waits_in_virtual_time():
    trace = two(writing, spending)
    assert rows(trace, "SELECT balance FROM account") == [(49,)]
    assert 2.0 < times(trace, "spent")[0] < 2.11  # SQLite looks again every 100 ms


@pytest.mark.parametrize("second", [spending, writing], ids=["statement", "transaction"])
def test_and_gives_up_after_five_seconds(second):
    trace = two(lambda app: writing(app, 20.0), second)
    if second is spending:
        assert times(trace, "database is locked") == [pytest.approx(5.0115)]
    else:
        (told,) = control(trace, "exception").detail
        assert told.startswith("OperationalError: database is locked (in writing, line ")
    assert rows(trace, "SELECT balance FROM account") == [(50,)]


def test_the_lock_of_a_dead_process_is_free():
    trace = two(lambda app: writing(app, 20.0), spending, faults=[Crash("billing-0", at=1)])
    assert rows(trace, "SELECT balance FROM account") == [(99,)] and 1.0 < times(trace, "spent")[0] < 1.11


def test_who_read_before_writing_in_a_transaction_loses_no_update():
    async def main(app):
        for _ in range(5):
            async with app.database.transaction() as tx:
                (account,) = await tx.execute("SELECT balance FROM account")
                await app.sleep(0.003)
                await tx.execute("UPDATE account SET balance = ?", (account["balance"] - 1,))

    assert rows(ran(main, instances=3), "SELECT balance FROM account") == [(85,)]


def test_tasks_of_one_process_do_not_mix_their_statements():
    async def main(app):
        async def failing():
            async with app.database.transaction():
                await app.database.execute("INSERT INTO done VALUES ('failing')")
                await app.sleep(1)
                raise ValueError

        async def other():
            await app.sleep(0.5)
            await app.database.execute("INSERT INTO done VALUES ('other')")

        await asyncio.gather(failing(), other(), return_exceptions=True)

    assert rows(ran(main), "SELECT * FROM done") == [("other",)]


def test_a_transaction_in_a_transaction_is_refused():
    async def main(app):
        async with app.database.transaction(), app.database.transaction():
            raise AssertionError

    (told,) = control(ran(main, restart_after=None), "exception").detail
    assert "cannot start a transaction within a transaction" in told


# -- between runs and processes

def test_it_survives_the_process_and_no_run_sees_another():
    async def main(app):
        await app.database.execute("INSERT INTO done VALUES (?)", (app.now,))
        await app.sleep(10)

    for _ in range(2):
        trace = ran(main, faults=[Crash("billing-0", at=1, restart_after=1)])
        assert len(rows(trace, "SELECT * FROM done")) == 2


async def clocks_and_dice(app):
    db = app.database
    await app.sleep(500.25)
    await db.execute("CREATE TABLE log (a DEFAULT (random()), b DEFAULT CURRENT_TIMESTAMP, c DEFAULT (randomblob(4)))")
    await db.execute("INSERT INTO log DEFAULT VALUES")
    ((now, day, week),) = await db.execute("SELECT strftime('%H:%M:%f', 'now'), date(), datetime('now', '+7 days')")
    await app.effect(now, (day, week))


def test_time_is_virtual_and_chance_is_drawn_from_the_seed():
    scenario = alone(clocks_and_dice, duration=510)
    trace = run(scenario)
    assert done(trace, "00:08:20.252") == [("1970-01-01", "1970-01-08 00:08:20")]
    assert rows(trace, "SELECT b FROM log") == [("1970-01-01 00:08:20",)]
    assert run(scenario).digest() == trace.digest() != run(alone(clocks_and_dice, duration=510, seed=1)).digest()


def test_the_same_database_in_another_process():
    source = "import test_database as t; print(t.run(t.alone(t.clocks_and_dice, duration=510)).digest())"
    folder = Path(__file__).parent
    paths = os.pathsep.join([str(folder), str(folder.parents[1])])
    digests = {subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=True, timeout=120,
                              env={"PYTHONPATH": paths, "PYTHONHASHSEED": seed, "TZ": zone}).stdout
               for seed, zone in (("1", "UTC"), ("2", "Asia/Tokyo"))}
    assert digests == {run(alone(clocks_and_dice, duration=510)).digest() + "\n"}


UPSERT = "INSERT INTO account VALUES ('ann', 100) ON CONFLICT DO UPDATE SET balance = 100"


@pytest.mark.parametrize("sql, ended", [("UPDATE account SET balance = 100", "quiet"), (UPSERT, "quiet"),
                                        ("DELETE FROM done", "quiet"), ("SELECT * FROM account", "quiet"),
                                        ("UPDATE account SET balance = 201 - balance", "duration"),
                                        ("INSERT INTO done VALUES (random())", "duration")])
@pytest.mark.parametrize("inside", [False, True], ids=["alone", "in a transaction"])
def test_only_what_changes_something_keeps_a_run_alive(sql, ended, inside):
    async def main(app):
        while True:
            if inside:
                async with app.database.transaction():
                    await app.database.execute(sql)
            else:
                await app.database.execute(sql)
            await app.sleep(1)

    assert ran(main, duration=60).ended == ended


def test_a_large_database_is_not_compared_byte_by_byte():
    async def main(app):
        await app.database.execute("INSERT INTO done VALUES (zeroblob(2000000))")
        for _ in range(20):
            await app.database.execute("UPDATE account SET balance = 100")
            await app.sleep(1)

    trace = ran(main)
    assert trace.ended == "quiet" and trace.ended_at == pytest.approx(24.02)  # each UPDATE is taken for a change


def test_a_time_out_inside_a_transaction_rolls_it_back():
    async def main(app):
        with suppress(TimeoutError):
            async with asyncio.timeout(1), app.database.transaction():
                await app.database.execute("INSERT INTO done VALUES (1)")
                await app.sleep(2)
        await app.database.execute("INSERT INTO done VALUES (2)")

    assert rows(ran(main), "SELECT * FROM done") == [(2,)]


def test_a_conflict_that_rolls_back_ends_the_transaction():
    async def main(app):
        async with app.database.transaction():
            await app.database.execute("INSERT INTO done VALUES (1)")
            with suppress(sqlite3.IntegrityError):
                await app.database.execute("INSERT OR ROLLBACK INTO done VALUES (1)")
            await app.database.execute("INSERT INTO done VALUES (2)")

    trace = ran(main, restart_after=None)
    assert rows(trace, "SELECT * FROM done") == []
    assert "the transaction was rolled back already" in control(trace, "exception").detail.iloc[0]


def test_a_run_is_forgotten_whatever_its_transactions_were_doing():
    async def main(app):
        await app.effect("begun", app.name)
        async with app.database.transaction():
            await app.database.execute("INSERT INTO done VALUES (1)")
            await app.sleep(100)

    with no_run_kept_alive():
        for faults in ([], [Crash("billing-0", after="execute", restart_after=None)]):
            trace = ran(main, instances=3, faults=faults, duration=3)
            assert len(done(trace)) == 3 and rows(trace, "SELECT * FROM done") == []
        del trace


# -- the final database

def test_the_final_database_can_be_read_saved_and_not_changed(tmp_path):
    trace = ran(paying, orders=3)
    trace.save(tmp_path / "paid.trace")
    again = Trace.load(tmp_path / "paid.trace")
    assert again.same_as(trace) and rows(again, "SELECT balance FROM account") == [(70,)]
    database = again.databases["billing"]
    assert database.tables() == ["account", "done"] and repr(database) == \
        "<database of billing: account (1 row), done (3 rows)>"
    assert list(database.frame("SELECT id AS order_id FROM done").order_id) == [0, 1, 2]
    assert pickle.loads(pickle.dumps(database)).tables() == database.tables()
    with pytest.raises(sqlite3.OperationalError, match="the final database of billing is read-only"):
        database.execute("DELETE FROM done")
    with pytest.raises(KeyError, match="no database 'bank'; there is billing"):
        again.databases["bank"]


def test_a_final_database_that_was_read_goes_with_its_trace():
    """SQLite holds the functions it was given where no collector looks: none may hold what holds SQLite."""
    trace = ran(paying, orders=1)
    database = weakref.ref(trace.databases["billing"])
    assert rows(trace, "SELECT id, datetime() FROM done") == [(0, f"1970-01-01 00:00:{int(trace.ended_at):02}")]
    del trace
    gc.collect()
    assert database() is None


def test_the_content_is_part_of_a_trace_s_identity():
    async def main(app):
        await app.database.execute("INSERT INTO done VALUES (?)", (app.random.random() < 2,))

    async def other(app):
        await app.database.execute("INSERT INTO done VALUES (?)", (app.random.random() > 2,))

    assert not ran(main).same_as(ran(other))


# -- bad input

@pytest.mark.parametrize("database, told", [
    ("CREATE TABEL done (id);", 'near "TABEL": syntax error'),
    ("CREATE TABLE done (id); INSERT INTO gone VALUES (1)", "no such table: gone"),
    ("ATTACH 'other.db' AS other", "ATTACH, DETACH and VACUUM use other files"),
    (17, "must be a text of SQL statements")])
def test_a_wrong_schema_is_found_before_the_run(database, told):
    with pytest.raises(ScenarioError, match="database.*" + told):
        check(Scenario(topics=[], services=[Service("billing", paying, database=database)]))


@pytest.mark.parametrize("sql, told", [
    ("BEGIN", "async with app.database.transaction"), ("COMMIT", "async with app.database.transaction"),
    ("SELECT datetime('now', 'localtime')", "depends on the time zone"), ("VACUUM", "use other files"),
    ("CREATE TEMP TABLE x (a)", "temporary tables"), ("PRAGMA journal_mode = WAL", "leave it out"),
    ("SELEC 1", 'near "SELEC": syntax error'), ("INSERT INTO done VALUES (?)", "number of bindings"),
    ("SELECT 1; SELECT 2", "one statement at a time")])
def test_what_is_refused_is_told_with_the_user_s_line(sql, told):
    async def main(app):
        await app.database.execute("PRAGMA foreign_keys = ON")  # it is on: nothing to refuse
        await app.database.execute(sql)

    (detail,) = control(ran(main, restart_after=None), "exception").detail
    assert told in detail and "(in main, line " in detail


def test_a_service_without_a_database_pays_for_none():
    async def main(app):
        await app.effect("done", 1)

    assert len(run_alone(main).databases) == 0
