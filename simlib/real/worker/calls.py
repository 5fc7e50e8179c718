"""`app.call` and `app.serve` on a real run: the calls travel over loopback, and both sides write down what they see."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from typing import TYPE_CHECKING, Any

from simlib.real.worker.wire import Incoming, listening
from simlib.services.asking import Outcome
from simlib.services.calls import Calls
from simlib.services.serving import Request, Serving
from simlib.world.blame import in_full, told

if TYPE_CHECKING:
    from simlib.real.worker.app import RealApp


class RealCaller(Calls):
    """The calls of one life of a process; their numbers say whose they are."""

    _app: RealApp

    def __init__(self, app: RealApp) -> None:
        super().__init__(app)
        self._made = 0

    @property
    def _now(self) -> int:
        return self._app.now_ns

    @property
    def _own_service(self) -> str:
        return self._app.plan.owner

    def _services(self) -> list[str]:
        return list(self._app.plan.services)

    def _instances(self, service: str) -> Sequence[str]:
        return self._app.plan.services[service]

    def _ask(self, instance: str, request: Request, within: int) -> Awaitable[Outcome]:
        return self._app.ask("call", instance, request, within)

    def _begin(self, service: str, text: str, deadline: int) -> str:
        number = f"{self._app.name}.{self._app.life}:{self._made}"
        self._made += 1
        parent = self._app.handling.get().number
        self._app.marks.write("called", number, service, text, deadline, parent, self._app.in_hand.get())
        return number

    def _end(self, number: str, outcome: int, detail: str, answer: str | None = None) -> None:
        self._app.marks.write("answered", number, outcome, detail, answer)


class RealServer(Serving):
    """The requests that one life of a process answers. Before it serves, and afterwards, connections are refused."""

    _app: RealApp

    def __init__(self, app: RealApp) -> None:
        super().__init__(app, app.plan.owner)

    @property
    def _now(self) -> int:
        return self._app.now_ns

    async def _listen(self) -> None:
        async with listening(self._app.plan, self._take):
            await self._app.future()

    def _take(self, incoming: Incoming) -> None:
        incoming.payload = Request(*incoming.payload)
        self.arrived(incoming)

    def _hang_up(self, exchange: Any) -> None:
        exchange.hang_up()

    def _failed(self, error: Exception) -> str:
        self._app.marks.write("error", told(error), in_full(error))
        return told(error)

    def _tell(self, kind: str, exchange: Any, b: int = -1) -> None:
        request: Request = exchange.payload
        self._app.marks.write(kind, request.number, b, f"{exchange.source.name}: {request.text}")
        if kind == "expired":  # nobody waits for an answer
            exchange.hang_up()

    def _write_down(self, number: str, what: str) -> None:
        self._app.marks.write("call_progress", number, what)

    def _one_waits(self, change: int) -> None:
        """Who watches over the run sees those who wait for an answer."""

    def _next_begins(self) -> None:
        """It will write that down itself."""
