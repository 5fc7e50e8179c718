"""Laws of a run: `law(trace, calm=None)` gives a verdict, with the rows that break it.

The anomalies carry Jepsen's names: lost write, duplicate, unseen, nonmonotonic poll, skip.
"""

from simlib.laws.conservation import conservation
from simlib.laws.databases import as_calm, balance_never_negative, eventually, same_in_both
from simlib.laws.durability import no_acked_write_lost
from simlib.laws.effects import at_least_once, at_most_once, exactly_once
from simlib.laws.groups import nothing_lost
from simlib.laws.isolation import no_aborted_reads
from simlib.laws.offsets import commit_never_ahead_of_delivery
from simlib.laws.order import order_per_key, order_per_partition
from simlib.laws.screens import nobody_waits_longer_than, stays_on_screen
from simlib.laws.topics import produced_once
from simlib.laws.verdict import Law, Verdict

__all__ = ["Law", "Verdict", "as_calm", "at_least_once", "at_most_once", "balance_never_negative",
           "commit_never_ahead_of_delivery", "conservation", "eventually", "exactly_once", "no_aborted_reads",
           "no_acked_write_lost", "nobody_waits_longer_than", "nothing_lost", "order_per_key", "order_per_partition",
           "produced_once", "same_in_both", "stays_on_screen"]
