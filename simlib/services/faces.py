"""What `app.database` and a transactional producer offer, in virtual time as on a real Kafka.

Each backend says how a statement is carried out, and how a transaction begins and ends.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any, Generic, Protocol, TypeVar

from simlib.services.in_hand import ConsumerGroupMetadata
from simlib.services.stored_database import Act
from simlib.sql.rows import Rows


class Statements(ABC):
    """The statements of `app.database`. Errors are sqlite3's own."""

    async def execute(self, sql: str, parameters: Any = ()) -> Rows:
        """Carry out one statement; its rows, with `rowcount` and `lastrowid`."""
        return await self._step(sql, lambda database: database.execute(sql, parameters))

    async def executemany(self, sql: str, rows: Iterable[Any]) -> Rows:
        """One statement for each of several rows of parameters, as one step: all of them or none."""
        given = list(rows)
        return await self._step(sql, lambda database: database.execute_many(sql, given))

    async def executescript(self, script: str) -> Rows:
        """Several statements separated by semicolons, as one step: all of them or none."""
        return await self._step(script, lambda database: database.execute_script(script))

    @abstractmethod
    async def _step(self, sql: str, act: Act) -> Rows:
        """Carry it out, as one step of the process."""

    @abstractmethod
    async def begin(self) -> None:
        """Take the lock for the task that runs now. By itself it is no step: nobody sees anything of it."""

    @abstractmethod
    async def commit(self) -> None:
        """The COMMIT, a step of its own."""

    @abstractmethod
    def roll_back(self, error: BaseException) -> None:
        """The block was left by an exception."""


D = TypeVar("D", bound=Statements)


class DatabaseTransaction(Generic[D]):
    """What `async with app.database.transaction():` enters."""

    def __init__(self, database: D) -> None:
        self._database = database

    async def __aenter__(self) -> D:
        await self._database.begin()
        return self._database

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: Any) -> None:
        if error is None:
            await self._database.commit()
        else:
            self._database.roll_back(error)


class Transacts(Protocol):
    """A producer with a transactional_id."""

    async def begin_transaction(self) -> None: ...

    async def commit_transaction(self) -> None: ...

    async def abort_what_is_open(self) -> None: ...


class ProducerTransaction:
    """What `async with producer.transaction():` enters: begun, and committed at the end; an exception aborts."""

    def __init__(self, producer: Transacts) -> None:
        self._producer = producer

    async def __aenter__(self) -> None:
        await self._producer.begin_transaction()

    async def __aexit__(self, kind: type[BaseException] | None, *exc: Any) -> None:
        if kind is None:
            await self._producer.commit_transaction()
        else:
            await self._producer.abort_what_is_open()


def member_of(group_id: str | ConsumerGroupMetadata) -> ConsumerGroupMetadata:
    """Who commits offsets with a transaction; of a group's bare name nobody knows which member. Raises TypeError."""
    if isinstance(group_id, ConsumerGroupMetadata):
        return group_id
    if not isinstance(group_id, str):
        raise TypeError(f"send_offsets_to_transaction(..., {group_id!r}): give the group's name, or "
                        "consumer.group_metadata()")
    return ConsumerGroupMetadata(group_id, -1, "", None)


NO_TRANSACTIONAL_ID = "this producer has no transactional_id; give one: app.producer(transactional_id=app.name)"
