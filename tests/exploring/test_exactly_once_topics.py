"""Exactly once from topic to topic: every death, loss and stall, with transactions and without."""

import pytest
from transacting_shop import (
    by_the_new_protocol,
    commits_beside_the_transaction,
    copying,
    in_transactions,
    names_the_group_only,
    says_who_it_is,
    without,
)

from simlib import explore, laws

CLIENTS = ("kafka-python", "java")
ONCE = laws.produced_once("invoices")


def tried(scenario, **more):
    return explore(scenario, law=ONCE, progress=False, **more)


@pytest.mark.statement("K30")
@pytest.mark.parametrize("client", CLIENTS)
def test_one_instance_in_transactions_survives_everything(client):
    result = tried(copying(in_transactions, client=client))
    assert result.counterexample is None and len(result.table) > 30
    assert (result.table.verdict == "holds").all()


@pytest.mark.statement("K33")
@pytest.mark.parametrize("client", CLIENTS)
def test_so_it_does_with_a_broker_that_dies(client):
    result = tried(copying(in_transactions, client=client, orders=2), only="broker")
    assert result.counterexample is None and len(result.table) == 9


@pytest.mark.statement("K37")
@pytest.mark.parametrize("client", CLIENTS)
def test_without_transactions_a_record_is_copied_twice(client):
    result = tried(copying(without, client=client))
    assert result.counterexample is not None and "crash" in result.counterexample.schedule
    assert "committed again" in str(result.counterexample)


@pytest.mark.statement("K36a")
@pytest.mark.parametrize("client", CLIENTS)
def test_an_offset_that_is_committed_beside_the_transaction_is_not_in_it(client):
    assert tried(copying(commits_beside_the_transaction, client=client)).counterexample is not None


@pytest.mark.statement("K36a")
@pytest.mark.parametrize("client", CLIENTS)
def test_a_zombie_is_fenced_by_its_place_in_the_group_and_not_by_the_group_s_name(client):
    assert tried(copying(says_who_it_is, client=client, instances=2)).counterexample is None
    found = tried(copying(names_the_group_only, client=client, instances=2)).counterexample
    assert found is not None and "stall" in found.schedule


@pytest.mark.statement("K36a")
def test_a_zombie_that_knows_that_it_is_one_names_nobody_with_kafka_python_and_its_old_place_with_java():
    found = tried(copying(in_transactions, client="kafka-python", instances=2)).counterexample
    assert found is not None and "stall" in found.schedule
    assert tried(copying(in_transactions, client="java", instances=2)).counterexample is None


@pytest.mark.statement("K94a", "K36a")
def test_with_kip_848_a_zombie_is_fenced_by_its_epoch_whatever_it_knows():
    assert tried(copying(by_the_new_protocol, orders=2, instances=2)).counterexample is None
