"""What SQLite cannot show: who sees which row of an outbox when. On a real PostgreSQL."""

from collections.abc import Callable, Iterator

import psycopg
import pytest
from postgresql import Database, running_postgresql

pytestmark = pytest.mark.slow

TABLE = """
CREATE TABLE outbox (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    payload text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    published_at timestamptz,
    transaction_id xid8 NOT NULL DEFAULT pg_current_xact_id()
)"""
WAITING = "SELECT id, payload FROM outbox WHERE published_at IS NULL ORDER BY id"
BEHIND_THE_HORIZON = """
SELECT transaction_id, id, payload FROM outbox
WHERE (transaction_id, id) > (%s::xid8, %s) AND transaction_id < pg_snapshot_xmin(pg_current_snapshot())
ORDER BY transaction_id, id"""

Connect = Callable[[], psycopg.Connection]


@pytest.fixture(scope="module")
def server() -> Iterator[Database]:
    """One server for all tests here."""
    with running_postgresql() as database:
        yield database


@pytest.fixture
def connect(server: Database) -> Iterator[Connect]:
    """Open connections to an empty outbox; they are closed when the test is over."""
    opened: list[psycopg.Connection] = []

    def one_more() -> psycopg.Connection:
        opened.append(server.connect())
        return opened[-1]

    with server.connect(autocommit=True) as owner:
        owner.execute("DROP TABLE IF EXISTS outbox")
        owner.execute(TABLE)
    yield one_more
    for connection in opened:
        connection.close()


def note(connection: psycopg.Connection, *payloads: str) -> None:
    for payload in payloads:
        connection.execute("INSERT INTO outbox (payload) VALUES (%s)", [payload])


def noted(connect: Connect, count: int) -> list[str]:
    """Committed notes m0, m1, ..."""
    payloads, writer = [f"m{i}" for i in range(count)], connect()
    note(writer, *payloads)
    writer.commit()
    return payloads


def payloads(connection: psycopg.Connection, query: str) -> list[str]:
    return [row[1] for row in connection.execute(query)]


def publish_waiting(connection: psycopg.Connection) -> list[str]:
    """One round of a relay that asks what is not published yet, and marks it."""
    rows = connection.execute(WAITING).fetchall()
    for number, _ in rows:
        connection.execute("UPDATE outbox SET published_at = now() WHERE id = %s", [number])
    connection.commit()
    return [payload for _, payload in rows]


def publish_after(connection: psycopg.Connection, last: int) -> tuple[list[str], int]:
    """One round of a relay that remembers the last id it has published."""
    rows = connection.execute("SELECT id, payload FROM outbox WHERE id > %s ORDER BY id", [last]).fetchall()
    connection.commit()
    return [payload for _, payload in rows], max((number for number, _ in rows), default=last)


# -- two relays


@pytest.mark.statement("P05")
def test_two_relays_with_a_plain_select_read_the_same_rows(connect):
    written, one, other = noted(connect, 5), connect(), connect()
    assert payloads(one, WAITING) == payloads(other, WAITING) == written


@pytest.mark.statement("P05")
def test_skip_locked_gives_each_row_to_one_relay(connect):
    written, one, other = noted(connect, 5), connect(), connect()
    assert payloads(one, f"{WAITING} FOR UPDATE SKIP LOCKED") == written
    assert payloads(other, f"{WAITING} FOR UPDATE SKIP LOCKED") == []


@pytest.mark.statement("P05")
def test_a_row_that_its_relay_never_marked_is_free_again_when_the_relay_is_gone(connect):
    written, one, other = noted(connect, 2), connect(), connect()
    payloads(one, f"{WAITING} FOR UPDATE SKIP LOCKED")
    backend = one.info.backend_pid
    one.close()
    wait_until_gone(other, backend)
    assert payloads(other, f"{WAITING} FOR UPDATE SKIP LOCKED") == written


def wait_until_gone(connection: psycopg.Connection, backend: int) -> None:
    """A closed connection's server process ends a moment later, and its locks with it."""
    for _ in range(500):
        still = connection.execute("SELECT 1 FROM pg_stat_activity WHERE pid = %s", (backend,)).fetchall()
        connection.rollback()  # a transaction sees one picture of it all
        if not still:
            return
        connection.execute("SELECT pg_sleep(0.01)")
        connection.rollback()
    raise AssertionError("the server process of a closed connection is still there after five seconds")


@pytest.mark.statement("P05", "P08")
def test_skip_locked_with_a_limit_lets_the_later_rows_go_first(connect):
    noted(connect, 4)
    slow, fast = connect(), connect()
    two = f"{WAITING} LIMIT 2 FOR UPDATE SKIP LOCKED"
    held, published = payloads(slow, two), payloads(fast, two)      # fast is done before slow has sent a thing
    assert (held, published) == (["m0", "m1"], ["m2", "m3"])


# -- the order of commits


@pytest.fixture
def slow_and_fast(connect: Connect) -> tuple[psycopg.Connection, psycopg.Connection]:
    """A has taken id 1 and stays open; B has taken id 2 and commits."""
    slow, fast = connect(), connect()
    note(slow, "A")
    note(fast, "B")
    fast.commit()
    return slow, fast


@pytest.mark.statement("P06")
def test_rows_appear_in_the_order_of_commits_not_of_ids(connect, slow_and_fast):
    slow, _ = slow_and_fast
    relay = connect()
    first = publish_waiting(relay)
    slow.commit()
    assert (first, publish_waiting(relay)) == (["B"], ["A"])
    assert payloads(relay, "SELECT id, payload FROM outbox ORDER BY id") == ["A", "B"]


@pytest.mark.statement("P06", "C03")
def test_created_at_is_the_start_of_the_transaction(connect):
    slow, fast, relay = connect(), connect(), connect()
    slow.execute("SELECT 1")        # its transaction has begun; nothing is written yet
    note(fast, "B")
    fast.commit()
    note(slow, "A")
    slow.commit()
    assert payloads(relay, "SELECT id, payload FROM outbox ORDER BY id") == ["B", "A"]
    assert payloads(relay, "SELECT id, payload FROM outbox ORDER BY created_at") == ["A", "B"]


# -- a relay that remembers


@pytest.mark.statement("P07")
def test_a_relay_that_remembers_the_last_id_loses_the_slow_one_for_ever(connect, slow_and_fast):
    slow, _ = slow_and_fast
    relay = connect()
    first, last = publish_after(relay, 0)
    slow.commit()
    for _ in range(3):
        again, last = publish_after(relay, last)
        assert again == []
    assert first == ["B"] and len(payloads(relay, WAITING)) == 2


@pytest.mark.statement("P07")
def test_a_number_that_was_rolled_back_leaves_a_gap_as_a_slow_one_does(connect):
    """So waiting for the missing number may be waiting for ever: a gap alone does not tell."""
    gone, writer = connect(), connect()
    note(gone, "A")
    gone.rollback()
    note(writer, "B")
    writer.commit()
    assert writer.execute("SELECT id FROM outbox").fetchall() == [(2,)]


@pytest.mark.statement("P07")
def test_a_cursor_that_waits_for_open_transactions_loses_nothing(connect, slow_and_fast):
    slow, _ = slow_and_fast
    relay = connect()
    assert relay.execute(BEHIND_THE_HORIZON, ["0", 0]).fetchall() == []     # B waits for A, which is still open
    relay.commit()
    slow.commit()
    assert [row[2] for row in relay.execute(BEHIND_THE_HORIZON, ["0", 0])] == ["A", "B"]


@pytest.mark.statement("P07")
def test_who_reads_the_databases_own_log_gets_every_commit_in_order(server, connect):
    with server.connect(autocommit=True) as tail:
        tail.execute("SELECT pg_create_logical_replication_slot('tail', 'test_decoding')")
        try:
            slow, fast = connect(), connect()
            note(slow, "A")
            note(fast, "B")
            fast.commit()
            slow.commit()
            changes = tail.execute("SELECT data FROM pg_logical_slot_get_changes('tail', NULL, NULL)").fetchall()
        finally:
            tail.execute("SELECT pg_drop_replication_slot('tail')")
    inserted = [change.partition("payload[text]:")[2][:3] for (change,) in changes if "INSERT" in change]
    assert inserted == ["'B'", "'A'"]
