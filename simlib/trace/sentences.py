"""What is said of each kind of event: by the player, by the storyboard, and where `explore` tells a story."""

from __future__ import annotations

SENTENCES: dict[str, str] = {
    "produced": "{who} created {record} for {where}.",
    "appended": "{who} wrote {record} at {where} offset {offset}{again}.",
    "acked": "{who} was told that {record} is written.",
    "gave_up": "{who} gave up on {record}: {what}.",
    "delivered": "{who} was handed {record} ({where} offset {offset}){again}.",
    "handled": "{who} was done with {record}.",
    "effect": "{who} did {what}.",
    "committed": "{who} committed {where}: {offset}.",
    "cut": "{where} lost {a} from offset {offset} on: the new leader does not have them.",
    "skipped": "{group} jumped over {a} records of {where}, to offset {offset}.",
    "started": "{who} began.", "crashed": "{who} died.", "shutdown": "{who} stopped: {what}.",
    "restarted": "{who} was back.", "paused": "{who} stood still; to everybody else it looked dead.",
    "resumed": "{who} went on.", "power_lost": "{who} lost power, and with it what was not on disk.",
    "link_cut": "{who} and {what} could not reach each other.",
    "link_healed": "{who} and {what} reached each other again.",
    "link_slow": "The link from {who} to {what} became slow.",
    "fenced": "The controller took {who} out of service.", "unfenced": "The controller took {who} back into service.",
    "elected": "{who} became leader of {where}.", "leaderless": "{where} had no leader.",
    "isr": "The replicas in sync of {where} are now: {what}.",
    "joined": "{who} joined {group}.", "left": "{who} left {group}.",
    "evicted": "{who} was thrown out of {group}: {what}.", "rebalancing": "{group} began to rebalance: {what}.",
    "generation": "{group} has a new generation: {a}.", "assigned": "{who} got {where}.",
    "revoked": "{who} gave {where} back.", "lost_partitions": "{who} learned that {where} was taken away.",
    "shares": "{who} takes records of {where} for {group}.", "unshares": "{who} takes no more records of {where}.",
    "commit_failed": "{who} could not commit {where}: {what}.", "reset": "{who} begins {where} at offset {a}: {what}.",
    "send_retry": "{who} sent a batch for {where} again: {what}.", "batch_split": "{who} split a batch for {where}.",
    "request_lost": "{who}'s request got lost on its way, so nothing was done: {what}.",
    "reply_lost": "It was done, but the answer to {who} got lost: {what}.",
    "executed": "{who}'s database did: {what}.", "transaction": "{who}'s transaction ended: {what}.",
    "called": "{who} called {what}.", "request": "{who} was handed a request by {what}.",
    "transaction_ended": "{who}'s transaction was decided: {what}.",
    "queued": "{who} was busy: a request had to wait ({what}).",
    "overloaded": "{who} turned a request away, for too many wait already ({what}).",
    "expired": "{who} dropped a request whose deadline had passed ({what}).",
    "shown": "{who}'s screen shows: {what}",
    "answered": "{who} had its answer: {what}.", "redis": "Redis did for {who}: {what}.",
    "exception": "{who} ended by an exception: {what}.", "error": "{who} went on after an exception: {what}.",
    "fault_not_fired": "A fault never found its moment: {what}.",
    "partitions_added": "{what} has {a} partitions now.", "changed": "A setting was changed: {what}.",
    "coordinator": "{who} became coordinator of the consumer groups.", "note": "{what}",
    "marker": "{who} wrote at {where} offset {offset} that a transaction was {what}.",
    "removed": "{where} offset {offset} was removed: {what}.", "watermark": "", "log_start": "",
    "replica": "", "stable": "", "seen": "{record} stands at {where} offset {offset}{again}.",
}
"""Kind -> sentence. What has none is drawn and not told. {again} is empty the first time."""

AGAIN = {"appended": " a second time", "seen": " a second time", "delivered": " again"}
DONE_AGAIN = "{what} again (first at {first})"
"""What was done, where an effect is done again."""

WHEN = "{clock} s: {sentence}"
ENDED = {"duration": "The run ended.", "quiet": "Nothing was left to do: the run ended.",
         "stuck": "Nothing new happened any more though work was left: the run ended as stuck.",
         "interrupted": "The run was interrupted."}
