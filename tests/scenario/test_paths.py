"""Settings by path."""

import pytest

from simlib.scenario import (
    ConsumerGroup,
    Crash,
    Exponential,
    NetworkCut,
    PathError,
    Producer,
    Scenario,
    Topic,
    describe,
    get,
    replace,
)

SHOP = Scenario(
    topics=[Topic("orders", 3, replication_factor=3), Topic("orders.retry", config={"min_insync_replicas": 2})],
    producers=[Producer("shop", "orders", rate=60, keys=30)],
    groups=[ConsumerGroup("billing", "orders", 3, service_time=Exponential(0.02), auto_commit_interval_ms=5_000)],
    faults=[Crash("billing-1", at=30, restart_after=30), NetworkCut(("broker-0", "broker-1"), "broker-2", 1, 2)],
    inputs={"orders": [{"value": 1}]},
    duration=90,
)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("seed", 0),
        ("groups.billing.auto_commit_interval_ms", 5_000),
        ("groups.0.consumers", 3),
        ("groups.billing.service_time.mean", 0.02),
        ("faults.0.restart_after", 30),
        ("faults.1.a.1", "broker-1"),
        ("topics.orders.partitions", 3),
        ("topics.orders.retry.partitions", 1),
        ("topics.orders.retry.config.min_insync_replicas", 2),
        ("inputs.orders.0.value", 1),
        ("broker_config.min_insync_replicas", None),
    ],
)
def test_a_path_leads_to_a_value(path, value):
    assert get(SHOP, path) == value


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("seed", 3),
        ("groups.billing.auto_commit_interval_ms", 1_000),
        ("groups.billing.service_time", 0.5),
        ("groups.billing.service_time.mean", 0.5),
        ("faults.0.restart_after", None),
        ("faults.1.a.1", "broker-3"),
        ("topics.orders.retry.config.max_message_bytes", 9),
        ("broker_config.min_insync_replicas", 2),
        ("inputs.orders", ({"value": 2},)),
        ("producers", ()),
    ],
)
def test_one_value_is_replaced_and_nothing_else(path, value):
    before = repr(SHOP)
    changed = replace(SHOP, path, value)
    assert get(changed, path) == value
    assert repr(SHOP) == before
    assert replace(changed, path, get(SHOP, path)) == SHOP or get(SHOP, path) is None


def test_several_values_are_replaced_by_a_mapping():
    changed = replace(SHOP, {"seed": 1, "groups.billing.consumers": 5})
    assert (changed.seed, changed.group("billing").consumers) == (1, 5)


def test_replaced_lists_are_frozen_too():
    assert replace(SHOP, "inputs.orders", [{"value": 2}]).inputs["orders"] == ({"value": 2},)
    assert replace(SHOP, "groups.billing.topic", ["orders"]).groups[0].topic == ("orders",)


def test_parts_of_a_scenario_can_be_changed_by_themselves():
    assert replace(SHOP.producers[0], "rate", 5) == Producer("shop", "orders", rate=5, keys=30)


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("groups.biling.consumers", "'groups.biling': no such path; did you mean billing? (after 'groups'"),
        ("groups.billing.comsumers", "did you mean consumers?"),
        ("group.billing", "'group': no such path; did you mean groups? (here there is: topics, producers,"),
        ("faults.7.at", "'faults.7': no such path (after 'faults' there is: 0, 1)"),
        ("faults.0.duration", "'faults.0.duration': no such path (after 'faults.0' there is: who, at,"),
        ("seed.x", "'seed.x': no such path; there is nothing after 'seed'"),
        ("broker_config.min_insync", "'broker_config.min_insync': no such path; did you mean min_insync_replicas?"),
        ("inputs.payments", "(after 'inputs' there is: orders)"),
        ("services.0", "'services.0': no such path; there is nothing after 'services'"),
        ("groups..consumers", "'groups.': no such path"),
    ],
)
def test_a_dead_end_says_what_there_is(path, said):
    for use in (lambda: get(SHOP, path), lambda: replace(SHOP, path, 1), lambda: describe(SHOP, path)):
        with pytest.raises(PathError) as error:
            use()
        assert said in str(error.value)


def test_replace_needs_a_path_and_a_value():
    with pytest.raises(TypeError, match="the new value is missing"):
        replace(SHOP, "seed")
    with pytest.raises(TypeError, match="a path and a value, or one mapping"):
        replace(SHOP, 3, 4)
    with pytest.raises(PathError):
        replace(SHOP, "", 4)


# Descriptions


def test_a_description_holds_what_a_slider_needs():
    about = describe(SHOP, "groups.billing.auto_commit_interval_ms")
    assert (about.label, about.unit, about.kind, about.log) == ("Auto-commit interval", "ms", "number", True)
    assert about.low < about.value < about.high
    assert about.help.endswith(".")


def test_a_setting_that_is_not_given_shows_the_client_s_default():
    about = describe(SHOP, "producers.shop.linger_ms")
    assert (about.value, about.effective) == (None, 0)
    assert describe(replace(SHOP, "client", "java"), "producers.shop.linger_ms").effective == 5
    assert describe(SHOP, "groups.billing.session_timeout_ms").effective == 45_000


def test_what_the_client_changes_by_itself_is_in_force():
    assert describe(SHOP, "producers.shop.enable_idempotence").effective is True
    assert describe(replace(SHOP, "producers.shop.acks", 1), "producers.shop.enable_idempotence").effective is False


def test_broker_and_topic_settings_show_what_is_inherited():
    two = replace(SHOP, "broker_config.min_insync_replicas", 2)
    assert describe(two, "broker_config.min_insync_replicas").effective == 2
    assert describe(two, "topics.orders.config.min_insync_replicas").effective == 2
    assert describe(two, "topics.orders.config.min_insync_replicas").label == "Min in-sync replicas"
    assert describe(SHOP, "topics.orders.retry.config.min_insync_replicas").value == 2


def test_an_instant_ranges_to_the_scenario_s_end():
    assert describe(SHOP, "faults.0.at").high == 90
    assert describe(SHOP, "producers.shop.start").high == 90


def test_there_are_no_more_copies_than_brokers():
    few, many = (describe(replace(SHOP, "brokers", brokers), "topics.orders.replication_factor") for brokers in (3, 7))
    assert (few.low, few.high, many.high) == (1, 3, 7)


def test_a_range_always_holds_the_value():
    assert describe(replace(SHOP, "groups.billing.consumers", 40), "groups.billing.consumers").high == 40
    assert describe(replace(SHOP, "faults.0.at", 200), "faults.0.at").high == 200


def test_contradictory_settings_have_no_effective_value():
    broken = replace(SHOP, "producers.shop.delivery_timeout_ms", 1)
    assert describe(broken, "producers.shop.linger_ms").effective is None


def test_a_choice_names_its_choices():
    assert describe(SHOP, "producers.shop.acks").choices == (0, 1, "all")
    assert describe(SHOP, "producers.shop.key_distribution").kind == "other"
