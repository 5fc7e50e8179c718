"""The scenario's Redis: one process, `redis-0`, that keeps everything in memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from simlib.trace.recorder import Recorder
from simlib.units import MS
from simlib.world.process import Process


class CommandRefused(Exception):
    """What Redis answers instead of a result."""


class Entry:
    """One value; `expires` is an instant (ns), None for never."""

    __slots__ = ("expires", "value")

    def __init__(self, value: bytes, expires: int | None) -> None:
        self.value = value
        self.expires = expires


class Keys:
    """What Redis does with its commands: a state machine that is told the time."""

    def __init__(self) -> None:
        self._entries: dict[str, Entry] = {}
        self.changes = 0
        """How many commands have changed a value; a longer life of the same value is no change."""

    def carry_out(self, now: int, command: str, *args: Any) -> Any:
        """The answer to a command. Raises CommandRefused."""
        commands: dict[str, Callable[..., Any]] = {
            "SET": self._set, "GET": self._get, "DEL": self._delete, "INCRBY": self._incr}
        return commands[command](now, *args)

    def _set(self, now: int, name: str, value: bytes, nx: bool, xx: bool, px: int | None) -> bool | None:
        if px is not None and px <= 0:
            raise CommandRefused("invalid expire time in 'set' command")
        there = self._entry(now, name)
        if nx and there is not None or xx and there is None:
            return None
        self.changes += there is None or there.value != value
        self._entries[name] = Entry(value, None if px is None else now + px * MS)
        return True

    def _get(self, now: int, name: str) -> bytes | None:
        entry = self._entry(now, name)
        return None if entry is None else entry.value

    def _delete(self, now: int, *names: str) -> int:
        found = [name for name in dict.fromkeys(names) if self._entry(now, name) is not None]
        for name in found:
            del self._entries[name]
        self.changes += bool(found)
        return len(found)

    def _incr(self, now: int, name: str, amount: int) -> int:
        entry = self._entry(now, name) or Entry(b"0", None)
        try:
            value = int(entry.value) + amount
        except ValueError:
            raise CommandRefused("value is not an integer or out of range") from None
        self.changes += amount != 0
        self._entries[name] = Entry(b"%d" % value, entry.expires)  # its time to live stays
        return value

    def _entry(self, now: int, name: str) -> Entry | None:
        entry = self._entries.get(name)
        if entry is not None and entry.expires is not None and entry.expires <= now:
            del self._entries[name]
            return None
        return entry


class Redis(Process):
    """Takes commands one after the other. Killed, it starts again empty; shut down cleanly, it saves what it holds."""

    def __init__(self, recorder: Recorder, *identity: Any) -> None:
        super().__init__(*identity)
        self.recorder = recorder
        self._keys, self._saved = Keys(), Keys()

    def handle(self, exchange: Any) -> None:
        words, changes = exchange.payload, self._keys.changes
        try:
            answer = True, self._keys.carry_out(self.clock.now, *words)
        except CommandRefused as error:
            answer = False, str(error)
        if self._keys.changes != changes:
            self.recorder.mark(self.clock.now)
        self.recorder.event("redis", exchange.source, detail=f"{in_words(*words)} -> {answer[1]!r}")
        exchange.reply(answer)

    def on_kill(self, now: int) -> None:
        self._keys, self._saved = self._saved, Keys()

    def shut_down(self, stopped: Callable[[], None]) -> None:
        self._saved = self._keys
        stopped()


def in_words(command: str, *args: Any) -> str:
    """A command as redis-cli would take it."""
    if command != "SET":
        return " ".join([command, *map(str, args)])
    name, value, nx, xx, px = args
    options = ["NX"] * nx + ["XX"] * xx + ([f"PX {px}"] if px is not None else [])
    return " ".join([command, name, value.decode("utf-8", "replace"), *options])
