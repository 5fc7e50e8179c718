"""The contract of the trace: every view, every column, every kind of event. `docs/trace.md` is written from here."""

from __future__ import annotations

from collections.abc import Iterator

VIEWS: dict[str, tuple[str, dict[str, str]]] = {
    "records": ("One row a message, by topic, partition and offset; then those that never reached a log.", {
        "message": "id: `<producer>:<n>`, n from 0 for each producer",
        "producer": "process that created it",
        "topic": "topic",
        "partition": "partition; empty if it never had one",
        "offset": "of its first copy in the log (of the first lost copy if none is left); empty if never appended",
        "key": "record key; empty for a null key",
        "value": "record value; empty where a load is declared and has no values",
        "created": "s; handed to the producer",
        "appended": "s; first written by a leader",
        "acked": "s; its producer saw the acknowledgement",
        "copies": "how often it stands in the log at the end of the run",
        "outcome": "what its producer learned: acked, unacknowledged (acks=0), timed out, refused, lost with its "
                   "producer, pending; aborted if it was taken back with its transaction, whatever was said before",
    }),
    "deliveries": ("One row each time a record is handed to a member of a group, in order of time.", {
        "time": "s; handed over",
        "done": "s; the member finished with it; empty if it died or was still at work",
        "group": "consumer group",
        "member": "process",
        "topic": "topic",
        "partition": "partition",
        "offset": "offset of this copy",
        "message": "id of the message",
        "key": "record key",
        "attempt": "1 the first time the group sees the message, 2 the second time, ...",
        "cause_of_repeat": "why the group sees it again: producer retry, crash, eviction, reset, rebalance, seek, "
                           "unknown; in a share group producer retry, crash, released, lock expired, leader change; "
                           "empty the first time",
    }),
    "duplicates": ("The deliveries with attempt > 1.", {"": "as deliveries"}),
    "lost": ("Messages that are neither in the log nor still with their producer. What waits is not lost, nor what was "
             "removed.", {
        "message": "id of the message", "producer": "process that created it", "topic": "topic",
        "partition": "partition", "offset": "of the lost copy; empty if it never had one", "key": "record key",
        "created": "s", "appended": "s; empty if never appended",
        "acked": "s; filled only if its producer was told that it is safe",
        "outcome": "what its producer learned",
        "error": "the error its producer was told; empty if none",
        "reason": "acknowledged, then discarded; discarded before it was acknowledged; never confirmed (acks=0); "
                  "timed out; refused; lost with its producer; acknowledged, never in the log",
    }),
    "removed": ("Messages that retention or compaction took out of the log. That is no loss.", {
        "message": "id of the message", "producer": "process that created it", "topic": "topic",
        "partition": "partition", "offset": "offset it had", "key": "record key", "created": "s", "appended": "s",
        "acked": "s", "removed": "s; when it left the log",
        "by": "the setting that took it: retention_ms; retention_bytes; compaction (a newer value of the key is "
              "there); delete_retention_ms (a tombstone)",
    }),
    "passed_over": ("Records in the log that a group will not finish: its committed offset is past them.", {
        "group": "consumer group", "topic": "topic", "partition": "partition", "offset": "offset",
        "message": "id of the message", "key": "record key",
        "handed": "s; last handed over; empty if never", "committed": "s; when the offset was committed past it",
        "reason": "never handed over; handed over, never finished",
    }),
    "skipped": ("Ranges of records that a reset policy jumped over.", {
        "time": "s", "group": "consumer group", "topic": "topic", "partition": "partition",
        "from_offset": "first skipped", "to_offset": "first not skipped", "records": "how many"}),
    "lag": ("High watermark minus committed offset, or minus the log start if that is higher [K99] (last stable "
            "offset, where a group reads only what is committed; of a share group how many records are not done with); "
            "one row a change, in order of time.", {
        "time": "s", "group": "consumer group", "topic": "topic", "partition": "partition", "lag": "records"}),
    "effects": ("One row an irreversible act of a service, in order of time.", {
        "time": "s", "service": "service", "process": "instance", "incarnation": "0, 1, ...; a restart adds one",
        "name": "what was done", "key": "to what (names the act)",
        "occurrence": "1 the first time this name and key were done, 2 the second time, ...",
        "message": "id of the record last handed to the task; empty if none"}),
    "screens": ("What the users saw: one row each time another text stood on a screen (`app.show`).", {
        "time": "s; from then on", "until": "s; until something else was shown or the process died; empty if it still "
                                            "stood there in the end",
        "process": "whose screen", "text": "all that stood there"}),
    "calls": ("One row a call of a service by another (`app.call`), in the order in which they were made.", {
        "call": "its number: 0, 1, 2, ...; events about it carry it as `a`",
        "caller": "process that called", "callee": "service that was called",
        "instance": "process that took the request; empty if none did",
        "sent": "s; the request left", "arrived": "s; it reached an instance that serves; empty if it never did",
        "taken_up": "s; a handler was given it: from `arrived` to here it waited; empty if that never came",
        "done": "s; the handler had ended; empty if it never did. Later than `answered`: work for nobody",
        "answered": "s; the caller learned the outcome, or gave up; empty while it waits",
        "outcome": "what the caller learned: answered, raised (by the handler), refused (nobody listened), overloaded, "
                   "reset (the connection broke), timed out, cancelled (by the caller), pending (the caller died, or "
                   "the run ended)",
        "request": "as JSON", "answer": "as JSON; the error, if the handler raised; empty if there was none",
        "message": "id of the record last handed to the task that called; empty if none",
        "parent": "number of the call that was being handled when this one was made; empty if none",
        "deadline": "s; until then an answer is of use, if the caller said so"}),
    "commits": ("One row a commit that the coordinator accepted.", {
        "time": "s", "group": "consumer group", "topic": "topic", "partition": "partition",
        "offset": "next record to read; of a share group its start offset, before which everything is done with",
        "member": "process; empty for a share group", "auto": "True for auto-commit"}),
    "acknowledgements": ("Share groups: one row each time a member's hold on a record ended, in the order in which it "
                         "was stored.", {
        "time": "s", "group": "share group", "member": "process that had it", "topic": "topic",
        "partition": "partition", "offset": "offset", "message": "id of the message", "key": "record key",
        "how": "accepted, released, rejected (it said so); lock expired; connection lost (it died); closed (it gave it "
               "back when it closed)",
        "delivery_count": "how often it had been delivered to the group",
        "state": "of the record now: acknowledged; available, for another delivery; archived, which is rejected or "
                 "delivered too often"}),
    "events": ("Everything, in order of time: marks (what happened to records) and control events.", {
        "time": "s", "kind": "from the list below", "process": "who", "group": "consumer group", "topic": "topic",
        "partition": "partition", "offset": "offset, for marks", "message": "id, for marks about a record",
        "detail": "in words"}),
    "control": ("The control events alone.", {"": "as events, with the numbers a and b"}),
}
"""view -> (what a row is, {column: meaning})."""

DATABASES = """`trace.databases["billing"]` is the final database of a service that used `app.database` or was given
one: what was committed when the run ended. It is read-only.

| use | gives |
|---|---|
| `.execute(sql, parameters)` | the rows of a query: `row[0]`, `row["amount"]` |
| `.frame(sql, parameters)` | the same as a pandas table |
| `.tables()` | the names of its tables |
| `.file()` | the bytes of a SQLite file, for any other tool |"""

MARKS: dict[str, str] = {
    "produced": "a record was handed to its producer",
    "appended": "a leader wrote it",
    "acked": "its producer saw the acknowledgement",
    "delivered": "a member was handed it",
    "handled": "the member was done with it",
    "effect": "a service did something irreversible; detail: name and key",
    "committed": "a group's offset was stored",
}

CONTROL_KINDS: dict[str, str] = {
    "started": "a process began", "crashed": "a process was killed", "shutdown": "a process stopped cleanly",
    "restarted": "a process began again", "paused": "a process stood still", "resumed": "it went on",
    "power_lost": "a machine lost power, and with it what was not on disk",
    "link_cut": "two processes could not reach each other", "link_healed": "they can again",
    "link_slow": "a link got another latency",
    "fenced": "the controller took a broker out of service", "unfenced": "and back in",
    "elected": "a broker became leader; a: leader epoch", "leaderless": "a partition had no leader",
    "isr": "the in-sync replicas changed; a: how many, detail: which",
    "joined": "a member joined its group", "left": "a member left its group",
    "evicted": "the coordinator removed a member (session or poll timeout)",
    "rebalancing": "a group began to rebalance",
    "generation": "a group has a new generation (KIP-848: all are in the group's epoch); a: its number",
    "assigned": "a member got a partition", "revoked": "a member gave a partition back",
    "lost_partitions": "a member learned that its partitions were taken away, or its process's earlier one lost them",
    "shares": "a member of a share group takes records of a partition, as others may",
    "unshares": "it takes no more of them",
    "commit_failed": "a commit, or what was said of a share group's records, was refused or lost",
    "reset": "a reset policy chose a position; a: offset, detail: policy",
    "send_retry": "a producer sent a batch again", "batch_split": "a producer split a batch",
    "request_lost": "a request was lost on its way", "reply_lost": "a reply was lost on its way",
    "executed": "a service's database carried out a statement; a: rows changed, or found; detail: the statement, and "
                "why it failed",
    "transaction": "a transaction of a service's database ended; detail: committed, or rolled back and why",
    "transaction_ended": "a producer's transaction was decided; process: the producer; a: producer id, b: epoch; "
                         "detail: transactional id, how, and at whose wish",
    "called": "a service called another; a: number of the call, detail: which, and the request",
    "queued": "a request has to wait, for all workers are busy; a: number of the call, b: how many wait",
    "overloaded": "a request was turned away, for as many wait as may; a: number of the call",
    "request": "a handler of the called service was given the request; a: number of the call, detail: the caller, and "
               "the request",
    "expired": "a request was dropped when its turn came: its deadline had passed; a: number of the call",
    "answered": "the caller learned how that ended; a: number of the call, detail: the answer, the error, or why there "
                "is none",
    "redis": "Redis carried out a command of a process; detail: the command and its answer",
    "shown": "a process put something on its user's screen; detail: all that stands there now",
    "exception": "a service's main raised an exception: the process ends",
    "error": "a background task or a request's handler raised an exception: the process goes on",
    "fault_not_fired": "a fault never found its moment",
    "partitions_added": "a topic got more partitions; a: how many it has", "changed": "a setting was changed",
    "coordinator": "a group's coordinator moved; a: broker", "note": "a remark",
}

KINDS = {**MARKS, **CONTROL_KINDS}
"""The closed list of event kinds."""


def markdown() -> str:
    """The text of `docs/trace.md`."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield "# The trace, column by column"
    yield ""
    yield "Written by `simlib.trace.columns`; edit that file. Times are seconds of virtual time, empty where a thing "
    yield "never happened. Partitions and offsets are nullable integers (`Int64`)."
    for view, (row, columns) in VIEWS.items():
        yield from ("", f"## `trace.{view}`", "", row, "")
        yield from _table("column", columns)
    yield from ("", "## `trace.databases`", "", *DATABASES.splitlines())
    yield from ("", "## Kinds of event: marks", "")
    yield from _table("kind", MARKS)
    yield from ("", "## Kinds of event: control", "")
    yield from _table("kind", CONTROL_KINDS)


def _table(first: str, rows: dict[str, str]) -> Iterator[str]:
    yield f"| {first} | meaning |"
    yield "|---|---|"
    for name, meaning in rows.items():
        yield f"| `{name}` | {meaning} |" if name else f"| | {meaning} |"
