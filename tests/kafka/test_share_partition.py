"""K102-K102f: one partition as one share group sees it, on its leader (KIP-932)."""

import pytest
from share_bench import LOCK, Share


@pytest.mark.statement("K102")
def test_a_record_is_locked_for_one_member():
    share = Share(1, 1, 1, 1)
    assert share.take("a", most=2) == {0: 1, 1: 1}
    assert share.take("b", most=500) == {2: 1, 3: 1}
    assert share.take("c") == {}


@pytest.mark.statement("K102")
def test_the_start_offset_goes_past_what_is_done_with():
    share = Share(1, 1, 1, 1)
    share.take("a")
    share.accept("a", 1, 2)
    assert share.shared.start == 0 and share.state(1) == "acknowledged"
    share.accept("a", 0)
    assert share.shared.start == 3
    share.say("a", {3: "reject"})
    assert share.shared.start == 4 and share.shared.records == {}


@pytest.mark.statement("K102")
def test_a_released_record_is_taken_before_new_ones():
    share = Share(1, 1, 1, 1)
    share.take("a", most=3)
    share.release("a", 1)
    assert share.take("b", most=1) == {1: 2}
    assert share.take("b", most=1) == {3: 1}


@pytest.mark.statement("K102a")
def test_a_lock_ends_by_itself_and_the_old_holder_is_refused():
    share = Share(1, 1)
    share.take("a", most=1)
    assert share.pass_time(LOCK - 1) == []
    assert share.take("b", most=1) == {1: 1}
    assert share.pass_time(1) == [(0, "a")]
    assert share.take("b", most=1) == {0: 2}
    assert not share.accept("a", 0)
    assert share.accept("b", 0, 1) and share.shared.start == 2


@pytest.mark.statement("K102a")
def test_of_an_answer_that_is_refused_in_part_nothing_counts():
    share = Share(1, 1)
    share.take("a", most=1)
    share.take("b", most=1)
    assert not share.accept("a", 0, 1)
    assert share.state(0) == "acquired" and share.shared.start == 0


@pytest.mark.statement("K102a")
def test_nobody_can_do_anything_with_a_record_while_its_change_is_being_stored():
    share = Share(1)
    share.take("a")
    changes = share.shared.acknowledge("a", {0: "release"})
    assert share.take("b") == {} and share.shared.acknowledge("a", {0: "accept"}) is None
    assert share.shared.release("a") == []
    share.shared.complete(share.now, changes, True)
    assert share.take("b") == {0: 2}


@pytest.mark.statement("K102a")
@pytest.mark.parametrize(("seconds", "free"), [(LOCK - 1, False), (LOCK, True)])
def test_what_could_not_be_stored_leaves_the_lock_as_it_was(seconds, free):
    share = Share(1)
    share.take("a")
    changes = share.shared.acknowledge("a", {0: "accept"})
    assert share.pass_time(seconds) == []  # the change is under way: the lock ends with it, not before
    share.shared.complete(share.now * 10**9, changes, False)
    assert (share.take("b") == {0: 2}) is free
    assert share.accept("a", 0) is not free


@pytest.mark.statement("K102b")
@pytest.mark.parametrize("ends", ["release", "lock", "gone"])
def test_after_the_last_delivery_a_record_is_archived(ends):
    share = Share(1, 1, limit=3)
    for number in range(1, 4):
        assert share.take("a", most=1) == {0: number}
        if ends == "lock":
            share.pass_time(LOCK)
        elif ends == "release":
            share.release("a", 0)
        else:
            share.gone("a")
    assert share.shared.start == 1
    assert share.take("a", most=1) == {1: 1}


@pytest.mark.statement("K102b")
def test_the_last_delivery_can_still_be_accepted():
    share = Share(1, limit=2)
    share.take("a")
    share.release("a", 0)
    assert share.take("a") == {0: 2} and share.accept("a", 0)
    assert share.shared.start == 1


@pytest.mark.statement("K102c")
def test_who_is_gone_gives_back_what_it_had_and_that_counts_as_a_delivery():
    share = Share(1, 1, 1)
    share.take("a", most=2)
    share.take("b", most=1)
    share.accept("a", 1)
    share.gone("a")
    assert share.take("b") == {0: 2} and share.state(2) == "acquired"


@pytest.mark.statement("K102d")
def test_a_new_leader_knows_what_was_stored_and_no_locks():
    share = Share(1, 1, 1, 1, start=0, stored={1: ("acknowledged", 1), 2: ("available", 3)})
    assert share.take("a", most=500) == {0: 1, 2: 4, 3: 1}
    share.accept("a", 0)
    assert share.shared.start == 2


@pytest.mark.statement("K102d")
def test_what_a_new_leader_finds_done_with_it_goes_past():
    share = Share(1, 1, 1, start=0, stored={0: ("acknowledged", 1), 1: ("archived", 5), 2: ("available", 1)})
    assert share.shared.start == 2
    assert Share(1, 1, start=2).take("a") == {}


@pytest.mark.statement("K102f")
def test_a_batch_is_not_cut_unless_the_limit_is_strict():
    share = Share(5, 5)
    assert list(share.take("a", most=3)) == [0, 1, 2, 3, 4]
    strict = Share(5, 5)
    assert list(strict.take("a", most=3, whole=False)) == [0, 1, 2]
    assert list(strict.take("b", most=3, whole=False)) == [3, 4, 5]


@pytest.mark.statement("K102f")
def test_no_more_than_so_many_records_are_in_flight():
    share = Share(*[1] * 200, most=100)
    assert len(share.take("a")) == 100
    share.accept("a", *range(1, 100))
    assert share.take("b") == {}  # the first one holds back the start offset
    share.release("a", 0)
    assert share.take("b") == {0: 2}
    share.accept("b", 0)
    assert len(share.take("b")) == 100


def test_markers_and_what_compaction_took_are_gone_past():
    share = Share(1, -1, 1)
    assert share.take("a") == {0: 1, 2: 1}
    share.accept("a", 0, 2)
    assert share.shared.start == 3
    compacted = Share(1, 1, 1, 1)
    compacted.take("a")
    compacted.release("a", 0, 1, 2, 3)
    del compacted.entries[0], compacted.entries[1]  # offsets 0 and 2
    assert compacted.take("b") == {1: 2, 3: 2}
    compacted.accept("b", 1, 3)
    assert compacted.shared.start == 4


def test_what_retention_took_is_forgotten_and_no_error_to_answer_for():
    share = Share(1, 1, 1, 1)
    share.take("a", most=3)
    share.shared.begin_at(2)
    assert share.shared.start == 2 and share.accept("a", 0, 1)
    assert share.accept("a", 2) and share.shared.start == 3
    assert share.take("b") == {3: 1}


def test_retention_can_overtake_everything():
    share = Share(1, 1)
    share.take("a")
    share.shared.begin_at(7)
    assert (share.shared.start, share.shared.end, share.shared.next_lock_end()) == (7, 7, None)
