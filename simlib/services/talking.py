"""`app.call`, `app.serve` and `app.deadline`, in virtual time as on a real Kafka."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any

from simlib.services.calls import Calls
from simlib.services.serving import Handler, Request, Serving
from simlib.units import NEVER, SECOND


class Talks:
    """The part of `app` that is about calls between services."""

    _caller: Calls
    server: Serving
    handling: ContextVar[Request]

    async def call(self, service: str, request: Any, timeout: float | None = None,
                   deadline: float | None = None) -> Any:
        """Ask another service and wait for its answer; both are anything JSON can say.

        `timeout`: seconds this caller waits, None for 30. `deadline`: the instant, on the clock of `now`, after which
        an answer is of no use to anybody; it ends the wait too, and unlike a timeout it travels with the request.
        Raises TimeoutError when no answer comes in time, ConnectionRefusedError when no instance listens,
        ConnectionResetError when one dies meanwhile (then, too, it may have been carried out), Overloaded when it has
        no room, RemoteError when its handler raised.
        """
        return await self._caller.call(service, request, timeout, deadline)

    async def serve(self, handler: Handler, workers: int | None = None, queue: int | None = None) -> None:
        """Answer the calls of others until cancelled: `async def handler(request)`, a task for each request.

        At most `workers` requests are handled at a time, and at most `queue` wait for their turn, in the order of
        arrival; None: no limit. Who finds the queue full gets Overloaded at once; whose deadline has passed when its
        turn comes is dropped.
        """
        await self.server.serve(handler, workers, queue)

    @property
    def deadline(self) -> float | None:
        """In a handler: until when the caller can use an answer (on the clock of `now`); None if it did not say.

        Calls made by the handler have the same deadline unless given an earlier one.
        """
        at = self.handling.get().deadline
        return None if at == NEVER else at / SECOND
