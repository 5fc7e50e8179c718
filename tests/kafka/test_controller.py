"""What the controller may never decide, over random stories of brokers that come and go."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simlib.kafka.controller import NO_LEADER, ControllerState

BROKERS = (0, 1, 2, 3)
STORIES = st.lists(st.one_of(
    st.tuples(st.sampled_from(["fence", "unfence", "shut_down"]), st.sampled_from(BROKERS)),
    st.tuples(st.sampled_from(["shrink", "expand"]), st.sampled_from(BROKERS)),
    st.tuples(st.sampled_from(["balance", "scan", "unclean"]), st.just(0))), max_size=40)


def cluster(unclean):
    state = ControllerState()
    for broker in BROKERS:
        state.unfence(broker)
    for partition in range(4):
        state.create(partition, tuple((partition + i) % 4 for i in range(3)), unclean)
    return state


def tell(state, what, broker):
    """Let one thing happen; the leader of partition 0 asks for the changes of the ISR."""
    if what in ("fence", "unfence", "shut_down"):
        return getattr(state, what)(broker)
    if what == "balance":
        return state.rebalance_leaders(10)
    if what in ("scan", "unclean"):
        state.unclean[1] = state.unclean[1] or what == "unclean"
        return state.elect_unclean()
    now = state.partitions[0]
    if broker == now.leader or broker not in now.replicas:
        return {}
    isr = tuple(one for one in now.isr if one != broker)
    return state.alter_isr(now.leader, 0, now.epoch, now.version, isr if what == "shrink" else (*isr, broker))[1]


@pytest.mark.statement("K49", "K51", "K52", "K60")
@given(STORIES)
def test_invariants(story):
    state = cluster(unclean=False)
    for what, broker in story:
        before = dict(state.partitions)
        changed = tell(state, what, broker)
        assert changed == {p: new for p, new in state.partitions.items() if new is not before[p]}
        for partition, new in changed.items():
            old = before[partition]
            assert new.version == old.version + 1
            assert new.epoch - old.epoch == int(new.leader != old.leader)
            assert new.isr and set(new.isr) <= set(new.replicas) and new.replicas == old.replicas
            if new.leader != NO_LEADER:
                assert new.leader in new.isr
                assert new.leader in state.alive and new.leader not in state.shutting_down
                assert new.leader in old.isr or state.unclean[partition]


@pytest.mark.statement("K52")
@given(STORIES)
def test_with_all_brokers_back_every_partition_has_a_leader(story):
    state = cluster(unclean=False)
    for what, broker in story:
        tell(state, what, broker)
    for broker in BROKERS:
        state.unfence(broker)
    assert all(one.leader != NO_LEADER for one in state.partitions.values())


@pytest.mark.statement("K53")
@given(STORIES)
def test_with_unclean_election_one_live_replica_is_enough(story):
    state = cluster(unclean=True)
    for what, broker in story:
        tell(state, what, broker)
        for one in state.partitions.values():
            live = [replica for replica in one.replicas if replica in state.alive - state.shutting_down]
            assert (one.leader != NO_LEADER) == bool(live)


@pytest.mark.statement("K57")
@pytest.mark.parametrize(("leader", "epoch", "version", "isr", "error"), [
    (1, 0, 1, (0,), "FENCED_LEADER_EPOCH"), (0, 1, 1, (0,), "FENCED_LEADER_EPOCH"),
    (0, 0, 0, (0,), "INVALID_UPDATE_VERSION"), (0, 0, 1, (0, 1, 3), "INELIGIBLE_REPLICA"), (0, 0, 1, (0, 1), "")])
def test_proposals_of_in_sync_replicas_are_checked(leader, epoch, version, isr, error):
    state = cluster(unclean=False)
    state.fence(3)
    assert state.alter_isr(leader, 0, epoch, version, isr)[0] == error
