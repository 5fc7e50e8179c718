"""`app.database` on a real run: SQLite and PostgreSQL give services the same face, and leave nothing behind."""

import asyncio
import sqlite3
from contextlib import suppress
from random import Random
from types import SimpleNamespace

import pytest
from own_loop import run_apart
from postgresql import running_postgresql
from real_shop import QUICK, acts, run_for_real, shop
from without_kafka import run_without_kafka

from simlib import LocalKafka, Scenario, Service, Topic
from simlib.real import RealRunError, databases
from simlib.real.databases import Files, Schemas
from simlib.real.postgresql import URL, translated
from simlib.real.worker.database import RealDatabase

pytestmark = pytest.mark.slow
PASSWORD = "very-secret-word"
TABLES = """CREATE TABLE account (id INTEGER PRIMARY KEY, owes INTEGER, name TEXT);
INSERT INTO account VALUES (1, 0, 'a')"""


@pytest.fixture(scope="module")
def postgresql():
    with running_postgresql() as server:
        yield server


@pytest.fixture(params=["SQLite", "PostgreSQL"])
def places(request, tmp_path, monkeypatch):
    """Where the databases of a run are, of both kinds."""
    service = Service("billing", nobody, database=TABLES)
    if request.param == "SQLite":
        found = Files(tmp_path)
    else:
        use(monkeypatch, request.getfixturevalue("postgresql"))
        found = Schemas(Scenario(topics=[Topic("orders")], services=[service]), "simlib-test-")
    found.make(service)
    yield found
    found.remove()


def use(monkeypatch, server, port=None):
    """From now on runs use this PostgreSQL."""
    monkeypatch.setenv(URL, f"postgresql://lab:{PASSWORD}@127.0.0.1:{port or server.port}/postgres")


async def nobody(app) -> None:
    """Does nothing."""


class OneProcess:
    """As much of `app` as a database needs."""

    now = 0.0
    random = Random(1)

    def __init__(self):
        self.marks = SimpleNamespace(write=lambda *words: None)

    async def step(self, kind, act, on=None, what="", wire=None):
        return await act()


def told(places, story):
    """What a coroutine that is given a database comes back with; its process is over then."""
    database = RealDatabase(OneProcess(), places.place("billing"))
    try:
        return run_apart(story(database))
    finally:
        for connection in (*database._idle, *database._open.values()):
            connection.close()


# -- one face

def test_parameters_rows_and_counts(places):
    async def story(db):
        await db.execute("INSERT INTO account VALUES (?, ?, ?)", (2, 5, "100 % of 'it'? :no"))
        await db.execute("INSERT INTO account (name, id, owes) VALUES (?3, ?1, ?2)", (3, 7, "three"))
        await db.execute("INSERT INTO account VALUES (:id, :owes, 'say :id -- or ?')", {"id": 4, "owes": None})
        many = await db.executemany("UPDATE account SET owes = ? WHERE id = ?", [(6, 2), (8, 3), (9, 17)])
        rows = await db.execute("SELECT id, owes, name AS called FROM account -- all?\nORDER BY id")
        none = await db.execute("DELETE FROM account WHERE id = ?", (99,))
        return many.rowcount, none.rowcount, rows.rowcount, rows[1]["OWES"], rows.columns, [tuple(row) for row in rows]

    assert told(places, story) == (2, 0, -1, 6, ("id", "owes", "called"), [
        (1, 0, "a"), (2, 6, "100 % of 'it'? :no"), (3, 8, "three"), (4, None, "say :id -- or ?")])


def test_a_transaction_is_kept_whole_or_not_at_all_and_survives_a_statement_that_fails(places):
    async def story(db):
        async with db.transaction():
            await db.execute("UPDATE account SET owes = 1")
            with suppress(sqlite3.IntegrityError):
                await db.execute("INSERT INTO account VALUES (1, 1, 'again')")
            await db.execute("INSERT INTO account VALUES (2, 2, 'new')")
        with suppress(ZeroDivisionError):
            async with db.transaction():
                await db.execute("DELETE FROM account")
                assert not await db.execute("SELECT 1 FROM account")
                raise ZeroDivisionError
        with suppress(sqlite3.Error):
            await db.executescript("UPDATE account SET owes = 3; INSERT INTO account VALUES (1, 1, 'again')")
        with suppress(sqlite3.Error):
            await db.executemany("INSERT INTO account VALUES (?, 0, '')", [(5,), (1,)])
        return [tuple(row) for row in await db.execute("SELECT id, owes FROM account ORDER BY id")]

    assert told(places, story) == [(1, 1), (2, 2)]


def test_a_statement_that_fails_keeps_no_connection(places):
    """An inbox fails at every record that comes again; a server has a hundred connections at most."""
    opened = []

    async def story(db):
        def noted():
            opened.append(type(db)._opened(db))
            return opened[-1]

        db._opened = noted
        for _ in range(5):
            with suppress(sqlite3.IntegrityError):
                await db.execute("INSERT INTO account VALUES (1, 1, 'again')")
        with suppress(sqlite3.OperationalError):
            async with db.transaction():
                await db.execute("INSERT INTO nowhere VALUES (1)")
        return len(opened) - len(db._idle)

    assert told(places, story) == 0 and len(opened) == 1


def test_who_wants_to_write_waits_for_who_writes_and_readers_wait_for_nobody(places):
    """Both read what they change: were they let in together, one change would be lost."""
    async def adding(db):
        async with db.transaction():
            (row,) = await db.execute("SELECT owes FROM account WHERE id = 1")
            await asyncio.sleep(0.2)
            await db.execute("UPDATE account SET owes = ? WHERE id = 1", (row["owes"] + 1,))

    async def story(db):
        tasks = [asyncio.create_task(adding(db)) for _ in range(3)]
        await asyncio.sleep(0.1)
        meanwhile = await db.execute("SELECT owes FROM account")
        alone = asyncio.create_task(db.execute("UPDATE account SET owes = owes + 10"))
        await asyncio.gather(*tasks, alone)
        return meanwhile[0][0], (await db.execute("SELECT owes FROM account"))[0][0]

    assert told(places, story) == (0, 13)


def test_a_lock_that_is_held_too_long_is_an_error(places):
    async def story(db):
        await db.begin()
        errors = await asyncio.gather(db.execute("UPDATE account SET owes = 1"), db.begin(), return_exceptions=True)
        assert [(type(error), str(error)) for error in errors] == [(sqlite3.OperationalError, "database is locked")] * 2
        return (await asyncio.create_task(db.execute("SELECT owes FROM account")))[0][0]

    assert told(places, story) == 0


@pytest.mark.parametrize("sql, parameters, error", [
    ("INSERT INTO account VALUES (1, 1, 'again')", (), sqlite3.IntegrityError),
    ("SELECT * FROM nowhere", (), sqlite3.OperationalError), ("SELEKT 1", (), sqlite3.OperationalError),
    ("SELECT ?", (1, 2), sqlite3.ProgrammingError), ("COMMIT", (), sqlite3.NotSupportedError)])
def test_errors_are_sqlite3_s(places, sql, parameters, error):
    with pytest.raises(error):
        told(places, lambda db: db.execute(sql, parameters))


def test_the_last_state_is_kept_as_a_sqlite_file(places):
    told(places, lambda db: db.execute("INSERT INTO account VALUES (2, 5, 'b')"))
    file = sqlite3.connect(":memory:")
    file.deserialize(places.image("billing"))
    assert file.execute('SELECT id, owes, name FROM account ORDER BY id').fetchall() == [(1, 0, "a"), (2, 5, "b")]
    file.close()


@pytest.mark.parametrize("sql, parameters, text, given", [
    ("SELECT ?, ?", (1, 2), "SELECT %s, %s", [1, 2]), ("SELECT ?2, ?1, ?1", (1, 2), "SELECT %s, %s, %s", [2, 1, 1]),
    ("SELECT :a, '?:a%', x::int", {"a": 1}, "SELECT %(a)s, '?:a%%', x::int", {"a": 1}),
    ('SELECT ? /* ? */ AS "?" -- ?', (1,), 'SELECT %s /* ? */ AS "?" -- ?', [1])])
def test_parameters_as_psycopg_takes_them(sql, parameters, text, given):
    assert translated(sql, parameters) == (text, given)


# -- whole runs

async def owing(app):
    """Owes each order once; which are done is in the same transaction."""
    for order in range(3):
        async with app.database.transaction():
            done = await app.database.execute("INSERT INTO done VALUES (?) ON CONFLICT DO NOTHING", (order,))
            await app.database.execute("UPDATE account SET owes = owes + ?", (done.rowcount,))
    await app.effect("owes", (await app.database.execute("SELECT owes FROM account"))[0]["owes"])


OWING = Scenario(topics=[Topic("orders")], duration=40, services=[
    Service("billing", owing, database=f"CREATE TABLE done (id INTEGER PRIMARY KEY); {TABLES}")])


def schemas(server):
    with server.connect(autocommit=True) as connection:
        return [name for (name,) in connection.execute("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'simlib%'")]


@pytest.mark.parametrize("schedule", ["crash-before:billing-0.0/execute#6", "crash-after:billing-0.0/execute#6"])
def test_a_death_around_a_commit_has_the_same_end_in_postgresql(postgresql, monkeypatch, tmp_path, schedule):
    use(monkeypatch, postgresql)
    trace = run_without_kafka(OWING, schedule)
    assert acts(trace) == [("owes", 3)]
    assert [tuple(row) for row in trace.databases["billing"].execute("SELECT id FROM done ORDER BY id")] == [
        (0,), (1,), (2,)]
    assert not schemas(postgresql) and trace.data.meta["databases"].startswith("PostgreSQL ")
    trace.save(tmp_path / "trace")
    assert PASSWORD.encode() not in (tmp_path / "trace").read_bytes()


async def charges_once(app):
    async with app.consumer("orders", group_id="billing", enable_auto_commit=False, **QUICK) as consumer:
        async for order in consumer:
            async with app.database.transaction():
                done = await app.database.execute("INSERT INTO done VALUES (?) ON CONFLICT DO NOTHING",
                                                  (order.value["order_id"],))
                await app.database.execute("UPDATE account SET owes = owes + ?", (done.rowcount,))
            await consumer.commit()


@pytest.mark.real
def test_an_inbox_in_postgresql_behind_a_real_kafka(kafka: LocalKafka, postgresql, monkeypatch):
    use(monkeypatch, postgresql)
    scenario = shop(services=[Service("billing", charges_once, database=OWING.services[0].database)])
    trace = run_for_real(scenario, kafka.url, "crash-after:billing-0.0/execute#6")
    assert trace.databases["billing"].execute("SELECT owes FROM account")[0][0] == 3
    assert trace.summary().duplicates == 1 and not schemas(postgresql)


# -- what is refused

def refused(said):
    with pytest.raises(RealRunError, match=said) as error:
        run_without_kafka(OWING)
    assert PASSWORD not in str(error.value) and "unset SIMLIB_DATABASE_URL" in str(error.value)


def test_no_postgresql_at_the_address(monkeypatch):
    use(monkeypatch, None, port=1)
    refused("no PostgreSQL takes us where SIMLIB_DATABASE_URL points.*[Cc]onnection refused")


def test_what_is_no_address(monkeypatch):
    monkeypatch.setenv(URL, f"lab:{PASSWORD}@localhost")
    refused("is no address of a PostgreSQL; it looks like postgresql://user:password@host:5432/database")


def test_without_psycopg(monkeypatch):
    use(monkeypatch, None, port=1)
    monkeypatch.setattr(databases, "find_spec", lambda name: None)
    refused(r"needs psycopg: pip install 'event-driven-lab\[postgresql\]'")


def test_a_user_who_is_not_let_in(postgresql, monkeypatch):
    monkeypatch.setenv(URL, f"postgresql://nobody:{PASSWORD}@127.0.0.1:{postgresql.port}/postgres")
    refused('role "nobody" does not exist')


def test_a_script_that_postgresql_does_not_take(postgresql, monkeypatch):
    use(monkeypatch, postgresql)
    scenario = Scenario(topics=[Topic("orders")], services=[Service("billing", nobody, database="CREATE TABLE a (b)")])
    with pytest.raises(RealRunError, match=r"Service\('billing'\): PostgreSQL refuses its database script: syntax"):
        run_without_kafka(scenario)
    assert not schemas(postgresql)
