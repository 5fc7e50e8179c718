"""The defaults table: every modelled setting of clients, brokers and topics: its default, unit, range and help.

Names and units are kafka-python's. The columns are those of the Java client 4.x (ProducerConfig, ConsumerConfig) and of
kafka-python 3.0.12; a test compares kafka-python's with the installed client.
"""

from __future__ import annotations

import math

from simlib.scenario.field_info import FieldInfo
from simlib.scenario.setting_rows import ABSENT, MAX_INT, MAX_LONG, Setting, both, choice, count, flag, limit, ms

CLIENTS = ("kafka-python", "java")
SIMULATED_ONLY = ("group_protocol", "group_remote_assignor")
"""kafka-python does not have these; in virtual time either client does, a real run refuses them."""
HOUR, DAY = 3_600_000, 86_400_000  # ms

PRODUCER = {
    "acks": both("all",
        choice("Acks", (0, 1, "all"), "Whose yes a send waits for: nobody's, the leader's, all in-sync replicas'.")),
    "enable_idempotence": both(True,
        flag("Idempotence", "The broker drops a batch that this producer session has sent before.")),
    "max_in_flight_requests_per_connection": both(
        5, count("In flight", 1, 10, "Requests sent to one broker and not answered yet.", minimum=1, log=False)),
    "transactional_id": both(None,
        FieldInfo("Transactional id", "text", optional=True, help="Records are sent in transactions; a newer producer "
                  "with the same id takes this one's place.")),
    "transaction_timeout_ms": both(60_000,
        ms("Transaction timeout", 1_000, 900_000, "A transaction open for longer is aborted by its coordinator.")),
    "retries": Setting(math.inf, MAX_INT,
        count("Retries", 0, 10, "Resends of a failed batch; by default no limit but the timeout.", log=False)),
    "linger_ms": Setting(0, 5,
        ms("Linger", 0, 200, "How long a batch waits for more records.", step=1, log=False)),
    "batch_size": both(16_384,
        count("Batch size", 1_024, 1_048_576, "A batch this large leaves without lingering.", unit="bytes")),
    "request_timeout_ms": both(30_000,
        ms("Request timeout", 1_000, 120_000, "How long an answer is waited for before the request is retried.")),
    "delivery_timeout_ms": both(120_000,
        ms("Delivery timeout", 1_000, 600_000, "After this long a record is given up, whatever retries are left.")),
    "retry_backoff_ms": both(100,
        ms("Retry backoff", 10, 10_000, "The pause before a failed batch is sent again.")),
    "retry_backoff_max_ms": Setting(ABSENT, 1_000,
        ms("Retry backoff, longest", 100, 60_000, "The pause doubles with each failure up to this.")),
    "reconnect_backoff_ms": both(50,
        ms("Reconnect backoff", 10, 10_000, "The pause before a broken connection is opened again.")),
    "reconnect_backoff_max_ms": Setting(30_000, 1_000,
        ms("Reconnect backoff, longest", 100, 60_000, "The pause doubles with each failure up to this.")),
    "metadata_max_age_ms": both(300_000,
        ms("Metadata age", 1_000, 600_000, "How often the list of partitions and leaders is read anew.")),
    "max_block_ms": both(60_000,
        ms("Longest block", 100, 120_000, "How long send() may block for memory or metadata.")),
    "buffer_memory": Setting(ABSENT, 33_554_432,
        count("Buffer", 16_384, 67_108_864, "Memory for waiting records; send() blocks when it is full.", 1, "bytes")),
    "partitioner": Setting("random", "sticky", choice(
        "Partitioner", ("random", "sticky", "consistent_random"),
        "Null keys: random, or sticky for a batch. Keys: murmur2 (consistent_random: CRC-32).")),
    "partitioner_adaptive_partitioning_enable": Setting(ABSENT, True,
        flag("Adaptive partitioning", "Sticky null keys prefer partitions with short queues.")),
}

CONSUMER = {
    "group_protocol": both("classic", choice(
        "Group protocol", ("classic", "consumer"),
        "Who assigns partitions: a member, everybody waiting; or the broker, one by one (KIP-848).")),
    "group_remote_assignor": both(None, FieldInfo(
        "Broker's assignor", "choice", choices=("uniform", "range"), optional=True,
        help="With group_protocol='consumer': how the broker shares out partitions.")),
    "group_instance_id": both(None,
        FieldInfo("Static member id", "text", help="This member may restart without a rebalance.", optional=True)),
    "enable_auto_commit": both(True,
        flag("Auto-commit", "The client commits by itself what it has handed over.")),
    "auto_commit_interval_ms": both(5_000,
        ms("Auto-commit interval", 100, 60_000, "How often the client commits by itself.")),
    "auto_offset_reset": both("latest", choice(
        "Offset reset", ("latest", "earliest", "none"),
        "Where a group without a valid commit starts: end, beginning, error.")),
    "session_timeout_ms": both(45_000,
        ms("Session timeout", 6_000, 120_000, "A member silent for this long is taken for dead.")),
    "heartbeat_interval_ms": both(3_000,
        ms("Heartbeat interval", 500, 30_000, "How often a member says that it lives.")),
    "max_poll_interval_ms": both(300_000,
        ms("Poll interval, longest", 1_000, 600_000, "A member that does not poll for this long leaves its group.")),
    "max_poll_records": both(500,
        count("Records per poll", 1, 1_000, "The most records one poll returns.", minimum=1)),
    "fetch_min_bytes": both(1,
        count("Fetch at least", 1, 1_048_576, "A fetch waits for this much data.", 1, "bytes")),
    "fetch_max_wait_ms": both(500, ms("Fetch wait", 10, 5_000, "How long a fetch waits for data.")),
    "max_partition_fetch_bytes": both(1_048_576,
        count("Fetch per partition", 1_024, 10_485_760, "The most data of one partition in a fetch.", 1, "bytes")),
    "partition_assignment_strategy": Setting(("range", "roundrobin"), ("range", "cooperative-sticky"),
        FieldInfo(
        "Assignors", "assignors", choices=("range", "roundrobin", "sticky", "cooperative-sticky"),
        help="How a group shares out partitions: the first that all members support.")),
    "isolation_level": both("read_uncommitted", choice(
        "Isolation level", ("read_uncommitted", "read_committed"),
        "Whether records of open and aborted transactions are handed over.")),
    "retry_backoff_ms": both(100,
        ms("Retry backoff", 10, 10_000, "The pause before a failed request is sent again.")),
    "retry_backoff_max_ms": PRODUCER["retry_backoff_max_ms"],
    "reconnect_backoff_ms": PRODUCER["reconnect_backoff_ms"],
    "reconnect_backoff_max_ms": PRODUCER["reconnect_backoff_max_ms"],
    "metadata_max_age_ms": PRODUCER["metadata_max_age_ms"],
    "request_timeout_ms": PRODUCER["request_timeout_ms"],
}

SHARE = {
    "share_acknowledgement_mode": both("implicit", choice(
        "Acknowledgement", ("implicit", "explicit"),
        "The next poll accepts all that the last one handed over; or the application says it of each record.")),
    "share_acquire_mode": both("batch_optimized", choice(
        "Acquiring", ("batch_optimized", "record_limit"),
        "A fetch takes whole batches of the log, though max_poll_records may be less; or no record more than that.")),
    "share_auto_offset_reset": both("latest", choice(
        "Offset reset (share group)", ("latest", "earliest"), "Where a share group begins in a partition.")),
    "share_isolation_level": both("read_uncommitted", choice(
        "Isolation level (share group)", ("read_uncommitted", "read_committed"),
        "Whether records of open and aborted transactions are handed over.")),
    "share_record_lock_duration_ms": both(None, FieldInfo(
        "Record lock", "number", "ms", 1_000, 60_000, log=True, minimum=1_000, maximum=3_600_000, optional=True,
        help="How long a member has a record for itself; None: as the brokers say.")),
    **{name: CONSUMER[name] for name in (
        "max_poll_records", "max_poll_interval_ms", "fetch_max_wait_ms", "retry_backoff_ms", "retry_backoff_max_ms",
        "reconnect_backoff_ms", "reconnect_backoff_max_ms", "metadata_max_age_ms", "request_timeout_ms")},
}
"""A share consumer's (KIP-932). Kafka keeps those in GROUP_CONFIG with the group, not with its members."""

GROUP_CONFIG = ("share_auto_offset_reset", "share_isolation_level", "share_record_lock_duration_ms")
"""All members of a share group must have the same."""

BROKER = {
    "replica_lag_time_max_ms": both(30_000,
        ms("Replica lag, longest", 1_000, 120_000, "A follower behind for this long leaves the in-sync replicas.")),
    "broker_heartbeat_interval_ms": both(2_000,
        ms("Broker heartbeat", 100, 10_000, "How often a broker tells the controller that it lives.")),
    "broker_session_timeout_ms": both(9_000,
        ms("Broker session", 1_000, 60_000, "A broker silent for this long is fenced, its leaders are replaced.")),
    "min_insync_replicas": both(1,
        count("Min in-sync replicas", 1, 3, "With fewer in-sync replicas acks=all is refused.", 1, log=False)),
    "unclean_leader_election_enable": both(False,
        flag("Unclean election", "A replica that misses records may become leader.")),
    "leader_imbalance_check_interval_seconds": both(300, FieldInfo(
        "Leader balance check", "number", "s", 10, 600, log=True, minimum=0, exclusive=True,
        help="How often leaders are moved back to the first replica.")),
    "leader_imbalance_per_broker_percentage": both(10,
        count("Leader imbalance", 0, 100, "Leaders are moved back above this share.", unit="%", log=False)),
    "auto_leader_rebalance_enable": both(True,
        flag("Leader balancing", "Leaders move back to the first replica when it is in sync again.")),
    "group_initial_rebalance_delay_ms": both(3_000,
        ms("First rebalance delay", 0, 10_000, "How long a new group waits for more members.", log=False)),
    "group_min_session_timeout_ms": both(6_000,
        ms("Session timeout, shortest", 500, 60_000, "A consumer's session timeout below this is refused.")),
    "group_max_session_timeout_ms": both(1_800_000,
        ms("Session timeout, longest", 60_000, 3_600_000, "A consumer's session timeout above this is refused.")),
    "group_consumer_session_timeout_ms": both(45_000,
        ms("Session timeout (KIP-848)", 1_000, 60_000, "A consumer silent for this long is taken for dead.")),
    "group_consumer_min_session_timeout_ms": both(45_000,
        ms("Session timeout, shortest (KIP-848)", 500, 60_000, "The brokers' session timeout may not be below.")),
    "group_consumer_max_session_timeout_ms": both(60_000,
        ms("Session timeout, longest (KIP-848)", 45_000, 600_000, "The brokers' session timeout may not be above.")),
    "group_consumer_heartbeat_interval_ms": both(5_000,
        ms("Heartbeat interval (KIP-848)", 500, 15_000, "How often a consumer says that it lives, and hears news.")),
    "group_consumer_min_heartbeat_interval_ms": both(5_000,
        ms("Heartbeat interval, shortest (KIP-848)", 100, 5_000, "The brokers' interval may not be below.")),
    "group_consumer_max_heartbeat_interval_ms": both(15_000,
        ms("Heartbeat interval, longest (KIP-848)", 5_000, 60_000, "The brokers' interval may not be above.")),
    "group_consumer_assignors": both(("uniform", "range"), FieldInfo(
        "Assignors (KIP-848)", "assignors", choices=("uniform", "range"),
        help="How brokers can share out partitions: the first, unless members name another.")),
    "group_share_delivery_count_limit": both(5, FieldInfo(
        "Deliveries, most", "whole", "", 2, 10, 1, minimum=2, maximum=10,
        help="A record that was delivered to a share group so often, and not accepted, is archived.")),
    "group_share_record_lock_duration_ms": both(30_000, FieldInfo(
        "Record lock", "number", "ms", 1_000, 60_000, log=True, minimum=1_000, maximum=3_600_000,
        help="How long a member of a share group has a record for itself.")),
    "group_share_min_record_lock_duration_ms": both(15_000, FieldInfo(
        "Record lock, shortest", "number", "ms", 1_000, 30_000, log=True, minimum=1_000, maximum=30_000,
        help="A share group's record lock may not be shorter.")),
    "group_share_max_record_lock_duration_ms": both(60_000, FieldInfo(
        "Record lock, longest", "number", "ms", 30_000, 600_000, log=True, minimum=30_000, maximum=3_600_000,
        help="A share group's record lock may not be longer.")),
    "group_share_partition_max_record_locks": both(2_000, FieldInfo(
        "Records in flight, most", "whole", "", 100, 10_000, 1, True, minimum=100, maximum=10_000,
        help="A share group has no more records of a partition in flight.")),
    "group_share_session_timeout_ms": both(45_000,
        ms("Session timeout (share group)", 1_000, 60_000, "A member silent for this long is taken for dead.")),
    "group_share_min_session_timeout_ms": both(45_000,
        ms("Session timeout, shortest (share group)", 500, 60_000, "The brokers' may not be below.")),
    "group_share_max_session_timeout_ms": both(60_000,
        ms("Session timeout, longest (share group)", 45_000, 600_000, "The brokers' may not be above.")),
    "group_share_heartbeat_interval_ms": both(5_000,
        ms("Heartbeat interval (share group)", 500, 15_000, "How often a member says that it lives, and hears news.")),
    "group_share_min_heartbeat_interval_ms": both(5_000,
        ms("Heartbeat interval, shortest (share group)", 100, 5_000, "The brokers' interval may not be below.")),
    "group_share_max_heartbeat_interval_ms": both(15_000,
        ms("Heartbeat interval, longest (share group)", 5_000, 60_000, "The brokers' interval may not be above.")),
    "offsets_retention_minutes": both(10_080, FieldInfo(
        "Offsets retention", "number", "min", 1, 20_160, log=True, minimum=0, exclusive=True,
        help="An empty group's commits are forgotten after this.")),
    "message_max_bytes": both(1_048_588,
        count("Largest batch", 1_024, 10_485_760, "A larger batch is refused.", 1, "bytes")),
    "transaction_max_timeout_ms": both(900_000,
        ms("Transaction timeout, longest", 1_000, 3_600_000, "A producer that asks for a longer one is refused.")),
    "transaction_abort_timed_out_transaction_cleanup_interval_ms": both(10_000,
        ms("Scan for old transactions", 100, 60_000, "How often the coordinator looks for transactions to abort.")),
    "controlled_shutdown_enable": both(True,
        flag("Controlled shutdown", "A broker that is shut down hands its leaders over first.")),
    "eligible_leader_replicas_version": both(0,
        choice("Eligible leader replicas", (0, 1), "1 (new clusters from Kafka 4.1 on): who surely has every committed "
               "record may lead though it has left the in-sync replicas.")),
    "log_retention_check_interval_ms": both(300_000,
        ms("Retention check", 1_000, 600_000, "How often a broker looks for segments that are too old or too many.")),
    "log_initial_task_delay_ms": both(30_000,
        ms("First retention check", 0, 60_000, "How long after its start a broker looks for the first time.")),
    "log_cleaner_backoff_ms": both(15_000,
        ms("Cleaner backoff", 1_000, 60_000, "How long the cleaner rests when no log needs it.")),
}

TOPIC = {
    "min_insync_replicas": BROKER["min_insync_replicas"],
    "unclean_leader_election_enable": BROKER["unclean_leader_election_enable"],
    "max_message_bytes": BROKER["message_max_bytes"],
    "cleanup_policy": both("delete", choice(
        "Clean-up policy", ("delete", "compact", "compact,delete", "delete,compact", ""),
        "Old records: delete whole segments, compact to the last value of each key, both; empty: keep all.")),
    "retention_ms": both(7 * DAY,
        limit("Retention", "ms", 1_000, 7 * DAY, "A segment whose last record is older is deleted; -1: never.")),
    "retention_bytes": both(-1, FieldInfo(
        "Retention size", "whole", "bytes", -1, 1_048_576, 1, minimum=-1, maximum=MAX_LONG,
        help="What a partition keeps at least; -1: no limit.")),
    "segment_bytes": both(1_073_741_824,
        count("Segment size", 1_048_576, 1_073_741_824, "A larger segment is closed.", 1_048_576, "bytes")),
    "segment_ms": both(7 * DAY,
        limit("Segment age", "ms", 1_000, 7 * DAY, "A segment is closed by the first record so much younger.", 1)),
    "message_timestamp_type": both("CreateTime", choice(
        "Timestamp", ("CreateTime", "LogAppendTime"), "Whose clock a record's timestamp is: producer's or broker's.")),
    "message_timestamp_after_max_ms": both(HOUR,
        limit("Timestamp ahead", "ms", 1_000, DAY, "A record whose timestamp is further ahead is refused.", 0)),
    "message_timestamp_before_max_ms": both(MAX_LONG,
        limit("Timestamp behind", "ms", 1_000, MAX_LONG, "A record whose timestamp is further back is refused.", 0)),
    "min_cleanable_dirty_ratio": both(0.5, FieldInfo(
        "Dirty ratio", "number", "", 0, 1, 0.05, minimum=0, maximum=1,
        help="A log is compacted when more than this share of its closed segments is new.")),
    "min_compaction_lag_ms": both(0, FieldInfo(
        "Compaction lag, least", "whole", "ms", 0, DAY, minimum=0, maximum=MAX_LONG,
        help="A record is not compacted away before this age.")),
    "max_compaction_lag_ms": both(MAX_LONG,
        limit("Compaction lag, longest", "ms", 1_000, MAX_LONG, "A record this old is compacted in any case.", 1)),
    "delete_retention_ms": both(DAY, FieldInfo(
        "Tombstone retention", "whole", "ms", 0, 7 * DAY, minimum=0, maximum=MAX_LONG,
        help="How long a tombstone stays after the cleaner has met it.")),
}
