"""What producers and brokers ask of the transaction coordinator, and its answers. `error`: Kafka's name, or None.

`bumps`: the client speaks the protocol of transaction.version=2, in which every end of a transaction raises the
producer's epoch (KIP-890, K35). Java's client does; kafka-python 3.0 does not.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class InitProducerId:
    """Become the one producer of this transactional id. `fresh_id`: the producer id to use if the id is new.

    `expected_epoch`: what a producer that goes on after an error has now (KIP-360); None for a new one.
    """

    transactional_id: str
    timeout_ms: float
    fresh_id: int
    bumps: bool
    client_name: str
    expected_epoch: int | None = None


@dataclass(frozen=True, slots=True)
class InitProducerIdResponse:
    error: str | None = None
    pid: int = -1
    epoch: int = -1


@dataclass(frozen=True, slots=True)
class AddPartitions:
    """These partitions are in the transaction from now on. `verify_only`: are they already? (a leader asks, KIP-890)"""

    transactional_id: str
    pid: int
    epoch: int
    partitions: tuple[int, ...]
    verify_only: bool = False


@dataclass(frozen=True, slots=True)
class EndTxn:
    """Commit or abort."""

    transactional_id: str
    pid: int
    epoch: int
    committed: bool
    bumps: bool = False


@dataclass(frozen=True, slots=True)
class TxnResponse:
    """`epoch`: the producer's from now on, where it changed."""

    error: str | None = None
    epoch: int = -1


@dataclass(frozen=True, slots=True)
class WriteMarker:
    """The coordinator tells a partition's leader how a transaction ended."""

    tp: int
    pid: int
    epoch: int
    committed: bool
    coordinator_epoch: int


Request = InitProducerId | AddPartitions | EndTxn
Response = InitProducerIdResponse | TxnResponse

RESPONSES: dict[type, type] = {InitProducerId: InitProducerIdResponse, AddPartitions: TxnResponse, EndTxn: TxnResponse}
