"""`app.redis` on a real run: a process of its own, `redis-0`, which carries out commands as the simulated one does.

It is started when somebody first uses it. It can be killed, which empties it, and shut down, which does not. What it
says is not Redis' protocol: a real Redis would add nothing to what the commands here mean.
"""

from __future__ import annotations

import asyncio
import pickle
from typing import TYPE_CHECKING, Any

from simlib.real.worker.wire import Incoming, listening
from simlib.scenario.scenario import REDIS
from simlib.services.asking import Outcome
from simlib.services.redis import Commands
from simlib.world.redis import CommandRefused, Keys, in_words

if TYPE_CHECKING:
    from simlib.real.worker.app import RealApp

LOOK_EVERY = 0.01
"""Seconds."""


class RealRedis(Commands):
    """What a service sees of it."""

    _app: RealApp

    async def _ask(self, words: tuple[Any, ...], within: int) -> Outcome:
        port = self._app.plan.port_of(REDIS)
        if not port.exists():
            self._app.marks.write("wants", REDIS)
        until = self._app.now_ns + within
        while not port.exists() and self._app.now_ns < until:
            await asyncio.sleep(LOOK_EVERY)
        return await self._app.ask("redis", REDIS, words, until - self._app.now_ns)


async def redis(app: RealApp) -> None:
    """The process itself."""
    saved = app.plan.folder / f"{REDIS}.saved"
    keys: Keys = pickle.loads(saved.read_bytes()) if saved.exists() else Keys()
    saved.unlink(missing_ok=True)  # it is of use once: a kill leaves nothing

    def carried_out(words: tuple[Any, ...]) -> tuple[bool, Any]:
        try:
            return True, keys.carry_out(app.now_ns, *words)
        except CommandRefused as error:
            return False, str(error)

    def take(asked: Incoming) -> None:
        changes = keys.changes
        answer = carried_out(asked.payload)
        told = f"{in_words(*asked.payload)} -> {answer[1]!r}"
        app.marks.write("redis", asked.source.name, told, keys.changes != changes)
        asked.reply(answer)

    try:
        async with listening(app.plan, take):
            await app.future()
    finally:  # only an end that was asked for comes here
        saved.write_bytes(pickle.dumps(keys))
