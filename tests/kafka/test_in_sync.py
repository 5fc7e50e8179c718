"""What becomes of a leader's proposal when the controller refuses it."""

from types import SimpleNamespace

import pytest

from simlib.kafka.in_sync import InSync
from simlib.kafka.log import Log
from simlib.kafka.partition_leader import PartitionLeader, PartitionState
from simlib.units import SECOND

LAG = 30 * SECOND


class Broker(SimpleNamespace):
    """A broker that notes what it asks the controller, and answers as it is told to."""

    def ask(self, kind, payload, then, failed):
        self.asked.append((kind, payload[-1]))
        then(self.answer)


@pytest.mark.statement("K47")
@pytest.mark.parametrize(("answer", "still_pending"), [
    ("INELIGIBLE_REPLICA", False),  # surely not applied
    ("INVALID_UPDATE_VERSION", True),  # perhaps applied, by an earlier try: a newer state is on its way
    ("FENCED_LEADER_EPOCH", True), ("", True)])
def test_a_proposal_counts_until_it_is_surely_refused(answer, still_pending):
    leader = PartitionLeader(Log(), 0, PartitionState(0, 5, (0, 1), 1, (0, 1, 2)), 0, 1, LAG, 0)
    broker = Broker(number=0, asked=[], answer=answer, leads={})
    broker.controller = broker
    broker.leads[1] = led = SimpleNamespace(tp=1, leader=leader)
    leader.fetched(0, 2, 0)
    InSync(broker).let_join(led, 2)
    assert broker.asked == [("alter_isr", (0, 1, 2))]
    assert (leader.pending_isr == (0, 1, 2)) is still_pending
