"""The quorum's rules, on controllers that need no run: who may take over, and when."""

from types import SimpleNamespace

import pytest

from simlib.kafka.quorum import Quorum

CASES = [  # controllers, active one, dead ones, cut pairs, who would win an election
    (3, 0, {0}, set(), {1, 2}),
    (3, 0, {0, 1}, set(), set()),
    (3, 0, set(), {(0, 1), (0, 2)}, {1, 2}),
    (3, 0, set(), {(0, 1)}, set()),  # controller-2 still hears from the active one
    (5, 0, {0, 1}, set(), {2, 3, 4}),
    (5, 0, {0, 1, 2}, set(), set()),
    (5, 0, set(), {(0, 2), (0, 3), (0, 4), (1, 2), (1, 3), (1, 4)}, {2, 3, 4}),
]


def controllers(count, active, dead, cuts):
    members = [SimpleNamespace(number=n, alive=n not in dead, paused=False, active=n == active and n not in dead)
               for n in range(count)]
    network = SimpleNamespace(is_cut=lambda a, b: tuple(sorted((a.number, b.number))) in cuts)
    for member in members:
        member.cluster, member.network = SimpleNamespace(controllers=members), network
        member.quorum = Quorum(member)
    return members


@pytest.mark.statement("K58")
@pytest.mark.parametrize(("count", "active", "dead", "cuts", "winners"), CASES)
def test_who_would_win_an_election(count, active, dead, cuts, winners):
    members = controllers(count, active, dead, cuts)
    found = {one.number for one in members if one.alive and not one.active
             and not one.quorum.hears_from_active() and one.quorum.wins()}
    assert found == winners


@pytest.mark.statement("K58")
def test_who_stands_still_cannot_be_reached():
    members = controllers(3, 0, set(), set())
    members[0].paused = True
    assert members[1].quorum.wins() and members[2].quorum.wins()
