"""What a service's awaits raise: kafka-python's names, and Python's own TimeoutError and ConnectionError."""

from __future__ import annotations

import asyncio


class KafkaError(Exception):
    """Base of the clients' errors."""


class KafkaTimeoutError(KafkaError, TimeoutError):
    """The outcome is unknown: the record may be in the log (K11)."""


class MessageSizeTooLargeError(KafkaError):
    """One record is larger than the broker takes."""


class NotEnoughReplicasError(KafkaError):
    """Fewer in-sync replicas than min_insync_replicas."""


class NotEnoughReplicasAfterAppendError(KafkaError):
    """The record was written, but to fewer replicas than required."""


class NotLeaderForPartitionError(KafkaError):
    """The broker does not lead the partition (any more)."""


class InvalidProducerEpochError(KafkaError):
    """Another producer took this one's place."""


class ProducerFencedError(KafkaError):
    """A producer with the same transactional_id took this one's place, or its transaction timed out (K33, K34)."""


class InvalidTxnStateError(KafkaError):
    """The coordinator knows no transaction that this request could be part of."""


class InvalidProducerIdMappingError(KafkaError):
    """The coordinator does not know this producer id."""


class InvalidTransactionTimeoutError(KafkaError):
    """transaction_timeout_ms is longer than the brokers' transaction_max_timeout_ms."""


class TransactionAbortedError(KafkaError):
    """The record was given up because its transaction was aborted."""


class IllegalStateError(KafkaError):
    """Not now: no transaction is open, or one is."""


class OutOfOrderSequenceNumberError(KafkaError):
    """An earlier batch of this producer is missing."""


class KafkaConnectionError(KafkaError, ConnectionError):
    """The connection broke before an answer came."""


class CommitFailedError(KafkaError):
    """The group has given this member's partitions to others (K97)."""


class RebalanceInProgressError(KafkaError):
    """The group is rebalancing: poll, then commit again."""


class NoOffsetForPartitionError(KafkaError):
    """No committed offset, and auto_offset_reset='none' (K82)."""


class OffsetOutOfRangeError(KafkaError):
    """The position is not in the log any more, and auto_offset_reset='none' (K65)."""


class InvalidTimestampError(KafkaError):
    """A record's timestamp is further ahead or behind than the topic allows (K71)."""


class InvalidRecordError(KafkaError):
    """A record without a key for a topic that is compacted (K68)."""


class FencedInstanceIdError(KafkaError):
    """Another member with the same group_instance_id took this one's place (K98)."""


class UnreleasedInstanceIdError(KafkaError):
    """Another member has this group_instance_id, and has neither said goodbye nor been taken for dead (K94b)."""


class UnsupportedAssignorError(KafkaError):
    """The brokers do not have the group_remote_assignor."""


class GroupIdNotFoundError(KafkaError):
    """The group is of another kind: classic, KIP-848's, or a share group."""


class InconsistentGroupProtocolError(KafkaError):
    """No assignor that all members of the group can use."""


class InvalidRecordStateError(KafkaError):
    """This member does not have the record (any more): its lock ended, and somebody else may have it (K102a)."""


class CoordinatorNotAvailableError(KafkaError):
    """What was said of a record could not be stored: nobody keeps the share group's state just now."""


class RemoteError(Exception):
    """The handler of the called service raised; the text says which process, what, and at which line."""


class Overloaded(ConnectionError):
    """The called service has all workers busy and its queue full: it turned the request away, nothing was done."""


class RedisError(Exception):
    """Base of what Redis and its client refuse."""


class ResponseError(RedisError):
    """Redis itself refuses a command."""


class DataError(RedisError):
    """The client refuses a command before it is sent."""


BY_NAME: dict[str, type[KafkaError]] = {
    "delivery timeout": KafkaTimeoutError, "timed out": KafkaTimeoutError,
    "MESSAGE_TOO_LARGE": MessageSizeTooLargeError,
    "NOT_ENOUGH_REPLICAS": NotEnoughReplicasError,
    "NOT_ENOUGH_REPLICAS_AFTER_APPEND": NotEnoughReplicasAfterAppendError,
    "NOT_LEADER_OR_FOLLOWER": NotLeaderForPartitionError, "INVALID_PRODUCER_EPOCH": InvalidProducerEpochError,
    "OUT_OF_ORDER_SEQUENCE_NUMBER": OutOfOrderSequenceNumberError, "disconnected": KafkaConnectionError,
    "connection refused": KafkaConnectionError, "connection attempt timed out": KafkaConnectionError,
    "PRODUCER_FENCED": ProducerFencedError, "INVALID_TXN_STATE": InvalidTxnStateError,
    "INVALID_PRODUCER_ID_MAPPING": InvalidProducerIdMappingError, "TRANSACTION_ABORTED": TransactionAbortedError,
    "INVALID_TRANSACTION_TIMEOUT": InvalidTransactionTimeoutError,
    "UNKNOWN_MEMBER_ID": CommitFailedError, "ILLEGAL_GENERATION": CommitFailedError,
    "REBALANCE_IN_PROGRESS": RebalanceInProgressError, "NoOffsetForPartitionError": NoOffsetForPartitionError,
    "OffsetOutOfRangeError": OffsetOutOfRangeError, "INVALID_TIMESTAMP": InvalidTimestampError,
    "INVALID_RECORD": InvalidRecordError,
    "FencedInstanceIdError": FencedInstanceIdError, "FENCED_INSTANCE_ID": FencedInstanceIdError,
    "INCONSISTENT_GROUP_PROTOCOL": InconsistentGroupProtocolError,
    "STALE_MEMBER_EPOCH": CommitFailedError, "UnreleasedInstanceIdError": UnreleasedInstanceIdError,
    "UNSUPPORTED_ASSIGNOR": UnsupportedAssignorError, "GROUP_ID_NOT_FOUND": GroupIdNotFoundError,
    "INVALID_RECORD_STATE": InvalidRecordStateError, "COORDINATOR_NOT_AVAILABLE": CoordinatorNotAvailableError,
}


def error_for(name: str) -> KafkaError:
    """The exception for a protocol error."""
    return BY_NAME.get(name, KafkaError)(name)


def settle(future: asyncio.Future[None], error: str | None) -> None:
    """End what a service waits for with this protocol error, or well; unless it has stopped waiting."""
    if future.done():
        return
    if error is None:
        future.set_result(None)
    else:
        future.set_exception(error_for(error))
