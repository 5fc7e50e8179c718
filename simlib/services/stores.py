"""What a scenario's services share and what outlives them: their databases and one Redis."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simlib.scenario.scenario import REDIS
from simlib.services.stored_database import StoredDatabase
from simlib.world.redis import Redis

if TYPE_CHECKING:
    from simlib.world.process import Process
    from simlib.world.world import World


class Stores:
    """Opened when first used: a scenario without a database pays for none."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._databases: dict[str, StoredDatabase] = {}
        if world.scenario.services:
            self.redis = Redis(world.recorder, *world.identity(REDIS))
            world.processes[REDIS] = self.redis
            self.redis.start()

    def database(self, service: Any) -> StoredDatabase:
        """The database of a service."""
        if service.name not in self._databases:
            self._databases[service.name] = StoredDatabase(service, self._world)
        return self._databases[service.name]

    def process_died(self, process: Process) -> None:
        for database in self._databases.values():
            database.process_died(process)

    def final(self) -> dict[str, bytes]:
        """The last committed state of each database, as the bytes of a SQLite file. They are closed."""
        for service in self._world.scenario.services:
            if service.database:
                self.database(service)
        images = {name: self._databases[name].image() for name in sorted(self._databases)}
        for database in self._databases.values():
            database.close()
        self._databases.clear()
        return images
