"""How a record of a scenario becomes bytes in Kafka, and comes back as it was."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from simlib.real.plan import MESSAGE_HEADER


class Carried(NamedTuple):
    """What the bytes of a record do not say: its message, whether its key was bytes, which headers were texts.

    `load`: the record of a declared producer, which has a size and no value.
    """

    message: str
    bytes_key: bool = False
    texts: tuple[int, ...] = ()
    load: bool = False

    def header(self) -> tuple[str, bytes]:
        return MESSAGE_HEADER, json.dumps([*self]).encode("utf-8")


def carried(headers: Any) -> Carried:
    """What a record from Kafka carries, in its last header; a record of somebody else carries nothing."""
    if not headers or headers[-1][0] != MESSAGE_HEADER:
        return Carried("")
    message, bytes_key, texts, load = json.loads(headers[-1][1])
    return Carried(message, bytes_key, tuple(texts), load)


def to_headers(headers: Any) -> tuple[list[tuple[str, bytes]], tuple[int, ...]]:
    """A record's headers as bytes, and which of them were texts."""
    pairs = list(headers.items() if isinstance(headers, Mapping) else headers or ())
    texts = tuple(i for i, (_, value) in enumerate(pairs) if isinstance(value, str))
    return [(name, value.encode("utf-8") if isinstance(value, str) else value) for name, value in pairs], texts


def from_headers(headers: Any, texts: tuple[int, ...]) -> tuple[tuple[str, Any], ...]:
    """The headers as they were given; what a record carries of ours comes after them."""
    own = headers[:-1] if headers and headers[-1][0] == MESSAGE_HEADER else headers or ()
    return tuple((name, value.decode("utf-8") if i in texts else value) for i, (name, value) in enumerate(own))


def from_key(key: bytes | None, bytes_key: bool) -> Any:
    """The key as it was given."""
    return key if key is None or bytes_key else key.decode("utf-8")
