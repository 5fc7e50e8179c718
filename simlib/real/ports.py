"""Free ports of this machine for a cluster."""

from __future__ import annotations

import os
import socket
from collections.abc import Container, Iterator

from simlib.real.broker_files import HOST
from simlib.real.errors import KafkaUnavailable

LOWEST, HIGHEST = 1_024, 64_500
"""What a user may choose for broker-0: no port of the system's, and room above for the others."""

FIRST, LAST = 20_000, 29_000
"""Below those that outgoing connections get: a broker that was killed finds its port free when it comes back."""

CONTROLLERS_AT = 1_000
"""How far above the first broker's port the first controller's is."""


def is_free(port: int) -> bool:
    """Can somebody listen there?"""
    with socket.socket() as probe:
        if os.name != "nt":
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def ports_from(first: int, brokers: int, controllers: int) -> list[int]:
    """Brokers at `first`, `first + 1`, ..., controllers a thousand above. Raises KafkaUnavailable if one is taken."""
    ports = [*range(first, first + brokers), *range(first + CONTROLLERS_AT, first + CONTROLLERS_AT + controllers)]
    taken = [port for port in ports if not is_free(port)]
    if taken:
        raise KafkaUnavailable(f"LocalKafka(port={first}): something else uses {', '.join(map(str, taken))}. "
                               f"It needs {', '.join(map(str, ports))}. Choose another port, leave port out to get "
                               "free ones, or stop what is there (a Kafka of ours: python lab.py kafka-stop)")
    return ports


def free_ports(count: int, promised: Container[int] = ()) -> list[int]:
    """Any that are free; two programs that ask at the same time begin to look in different places.

    `promised`: those of nodes that may be down just now, and will come back.
    """
    found: list[int] = []
    for port in _from_our_own_place():
        if port not in promised and is_free(port):
            found.append(port)
        if len(found) == count:
            return found
    raise KafkaUnavailable(f"Hardly any port from {FIRST} to {LAST} is free: {count} are needed")


def _from_our_own_place() -> Iterator[int]:
    size = LAST - FIRST
    begin = os.getpid() * 37 % size
    yield from (FIRST + (begin + i) % size for i in range(size))
