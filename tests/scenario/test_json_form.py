"""A scenario without code goes through JSON and comes back the same."""

import json

import pytest
from hypothesis import given, settings
from strategies import scenarios, share_scenarios

from simlib.scenario import (
    Change,
    Crash,
    Given,
    Producer,
    Scenario,
    ScenarioError,
    Service,
    Topic,
    check,
    from_json,
    to_json,
)


async def main(app):
    await app.sleep(1)


@given(scenarios())
def test_random_scenarios_come_back_the_same(scenario):
    again = from_json(to_json(scenario))
    assert again == scenario
    assert repr(again) == repr(scenario)
    assert to_json(again) == to_json(scenario)


@settings(max_examples=20)
@given(share_scenarios())
def test_scenarios_with_share_groups_come_back_the_same(scenario):
    assert from_json(to_json(scenario)) == scenario and check(scenario) is None


def test_bytes_headers_and_values_come_back_the_same():
    rows = [
        {"key": b"\x00\xff", "value": {"type": "Crash", "base64": "x", "items": [1, 2.5, None, True, "ü"]}},
        {"value": 1, "headers": [("a", b"1"), ("a", "2")]},
        {"key": "ü", "value": None, "headers": {"a": b"1", "base64": "text"}, "at": 1.5, "partition": 0},
    ]
    scenario = Scenario(
        [Topic("orders", config={"min_insync_replicas": 2})],
        producers=[Producer("shop", "orders", Given([1, 2]), keys=["a", b"\xff"])],
        inputs={"orders": rows, "base64": []},
        faults=[Crash("shop", 1), Change("producers.shop.rate", 1, Given([3]))],
    )
    again = from_json(to_json(scenario))
    assert again == scenario
    assert repr(again) == repr(scenario)


def test_the_text_is_readable_and_holds_only_what_was_given():
    form = json.loads(to_json(Scenario([Topic("orders", partitions=3)], seed=7)))
    assert form == {
        "format": 1,
        "type": "Scenario",
        "topics": [{"type": "Topic", "name": "orders", "partitions": 3}],
        "seed": 7,
    }


def test_code_is_refused():
    with pytest.raises(ScenarioError, match='Service\\("billing"\\) is code, which JSON cannot hold'):
        to_json(Scenario([Topic("orders")], services=[Service("billing", main)]))


@pytest.mark.parametrize("value", [(1,), {1: 2}, float("inf"), object()])
def test_values_that_json_would_change_are_refused(value):
    with pytest.raises(ScenarioError):
        to_json(Scenario([Topic("orders")], inputs={"orders": [{"value": value}]}))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "this is not JSON"),
        ("[]", '"format": 1, this text has None'),
        ('{"format": 9, "type": "Scenario"}', "this text has 9"),
        ('{"format": 1, "type": "Topic", "name": "a"}', "the outermost object"),
        ('{"format": 1, "type": "Scenaro"}', "did you mean Scenario?"),
        ('{"format": 1, "type": "Scenario", "topics": [{"type": "Topic"}]}', "scenario.topics[0]: "),
        ('{"format": 1, "type": "Scenario", "topics": [], "sed": 3}', "did you mean seed?"),
        ('{"format": 1, "type": "Scenario", "topics": [{"type": "Service", "name": "a"}]}', "no such type 'Service'"),
        ('{"format": 1, "type": "Scenario", "topics": [{"base64": "a"}]}', "scenario.topics[0]: no such type None"),
        ('{"format": 1, "type": "Scenario", "topics": [{"type": "bytes", "base64": "a"}]}', "no bytes in base64"),
        ('{"format": 1, "type": "Scenario", "topics": [], "inputs": {"a": [{"key": {"x": 1}}]}}', "no such type None"),
    ],
)
def test_what_cannot_be_read_is_said(text, said):
    with pytest.raises(ScenarioError) as error:
        from_json(text)
    assert said in str(error.value)


@pytest.mark.parametrize("inputs", ['{"orders": 3}', '{"orders": [3]}', "3"])
def test_inputs_of_a_wrong_shape_are_left_to_the_check(inputs):
    topics = '[{"type": "Topic", "name": "orders"}]'
    scenario = from_json(f'{{"format": 1, "type": "Scenario", "topics": {topics}, "inputs": {inputs}}}')
    with pytest.raises(ScenarioError, match="inputs"):
        check(scenario)
