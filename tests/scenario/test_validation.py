"""Bad input: everything that is wrong is said at once, naming what is allowed."""

import functools
import pickle

import pytest
from hypothesis import given
from strategies import scenarios

from simlib import run
from simlib.scenario import (
    AddPartitions,
    Bursts,
    Change,
    ConsumerGroup,
    Crash,
    Exponential,
    Given,
    InOrder,
    Lognormal,
    LoseReply,
    LoseRequest,
    NetworkCut,
    Pause,
    PowerLoss,
    Producer,
    Replay,
    Scenario,
    ScenarioError,
    Service,
    ShareGroup,
    Shutdown,
    SlowLink,
    Topic,
    Uniform,
    Weights,
    Zipf,
    check,
    describe,
    problems,
    replace,
    warnings,
)


async def main(app):
    await app.sleep(1)


def shop(**changes):
    """A scenario that can run, with some of its parts replaced."""
    parts = {
        "topics": [Topic("orders", partitions=3, replication_factor=3)],
        "producers": [Producer("shop", "orders", rate=60, keys=30)],
        "groups": [ConsumerGroup("billing", "orders", consumers=3)],
        "services": [Service("stock", main)],
        "duration": 90,
    }
    return Scenario(**{**parts, **changes})


def only_problem(**changes):
    (problem,) = problems(shop(**changes))
    return problem


def with_fault(fault):
    return only_problem(faults=[fault])


def with_producer(**given):
    return only_problem(producers=[Producer(**{"name": "shop", "topic": "orders", "rate": 60, **given})])


def with_group(**given):
    return only_problem(groups=[ConsumerGroup(**{"name": "billing", "topic": "orders", **given})])


@given(scenarios())
def test_random_scenarios_are_fine(scenario):
    check(scenario)
    warnings(scenario)


def test_a_good_scenario_has_no_problem():
    assert problems(shop()) == []
    assert warnings(shop()) == []


def test_all_problems_are_reported_at_once():
    bad = shop(
        topics=[Topic("orders", partitions=0), Topic("payments", replication_factor=4)],
        producers=[Producer("shop", "order", rate=-1), Producer("till", "orders")],
        groups=[ConsumerGroup("billing", "orders", consumers=0, heartbeat_interval_ms=90_000)],
        faults=[Crash("billing-7", at=30), Pause("nobody", 1, -1)],
        duration=0,
    )
    with pytest.raises(ScenarioError) as error:
        check(bad)
    assert isinstance(error.value, ValueError)
    assert str(error.value).splitlines()[0] == "this scenario cannot run: 11 problems"
    for piece in ("partitions=0", "replication_factor=4", "'order'", "rate=-1", 'Producer("till"): rate is missing',
                  "consumers=0", "heartbeat_interval_ms=90000", '"billing-7"', '"nobody"): no such', "duration=-1",
                  "duration=0"):
        assert sum(piece in problem for problem in error.value.problems) == 1, piece


def test_an_error_travels_to_another_process():
    error = pickle.loads(pickle.dumps(ScenarioError(["a", "b"])))
    assert (error.problems, str(error)) == (("a", "b"), str(ScenarioError(["a", "b"])))


def test_something_else_than_a_scenario():
    with pytest.raises(ScenarioError, match="a Scenario is needed, not dict"):
        check({})


# Shape


def test_parts_must_be_lists_of_the_right_objects():
    assert "groups must be a list, not ConsumerGroup; write" in only_problem(groups=ConsumerGroup("a", "orders"))
    assert only_problem(services=["stock"]) == "services: 'stock' is not a Service; write Service(\"billing\", main)"
    assert "is not a fault; write one of Crash, Shutdown" in only_problem(faults=[Topic("x")])
    nameless = only_problem(producers=[Producer("", "orders", 1)])
    assert nameless == "producers: Producer(name=''): a name is a text that is not empty"


@pytest.mark.parametrize("count", [0, -1, 1.5, "3", True, None, 10**9, 10**400])
def test_counts_are_whole_and_positive(count):
    allowed = "must be a whole number, at least 1 and at most 10000"
    assert only_problem(brokers=count, topics=[Topic("orders")]) == f"Scenario: brokers={count!r} {allowed}"
    assert f"consumers={count!r} {allowed}" in with_group(consumers=count)
    assert f"instances={count!r} must be" in only_problem(services=[Service("stock", main, instances=count)])
    assert f"partitions={count!r} must be" in only_problem(topics=[Topic("orders", partitions=count)])


def test_controllers_are_odd_so_that_there_is_a_majority():
    assert "controllers=4: take 1, 3 or 5" in only_problem(controllers=4)
    assert only_problem(controllers=7) == "Scenario: controllers=7 must be a whole number, at least 1 and at most 5"
    assert not list(problems(shop(controllers=3)))


@pytest.mark.parametrize("field", ["duration", "latency", "seed"])
def test_a_text_is_no_number(field):
    assert f"Scenario: {field}='5' must be" in only_problem(**{field: "5"})


def test_durations_are_positive_and_finite():
    assert "duration=0 must be a number (s) above 0 and" in only_problem(duration=0)
    assert "duration=inf must be a number" in only_problem(duration=float("inf"))


def test_no_time_is_too_long_for_the_clock():
    assert "above 0 and at most 2000000" in only_problem(duration=1e30)
    assert "at most 2000000" in with_producer(start=1e30)
    assert "at most 2147483647" in with_group(max_poll_interval_ms=1e12)


# Names


def test_names_are_unique():
    double = only_problem(producers=[Producer("billing", "orders", 1)])
    assert double.startswith('"billing": names are unique over groups, services, producers, brokers')
    assert '"broker-1": names are unique' in only_problem(producers=[Producer("broker-1", "orders", 1)])
    assert '"inputs": names are unique' in only_problem(
        producers=[Producer("inputs", "orders", 1)], inputs={"orders": [{"value": 1}]}
    )
    assert only_problem(topics=[Topic("orders"), Topic("orders")]).startswith('Topic("orders"): there are several')


def test_names_of_processes_are_unique():
    assert only_problem(groups=[ConsumerGroup("broker", "orders")]).startswith('"broker-0": two processes would have')
    assert only_problem(producers=[Producer("stock-0", "orders", 1)]).startswith('"stock-0": two processes would have')


def test_names_are_as_kafka_allows_for_topics():
    assert "letters, digits" in only_problem(topics=[Topic("orders"), Topic("my orders")])
    assert "letters, digits" in only_problem(producers=[Producer("shop:1", "orders", 1)])


# Topics, brokers


def test_replication_needs_brokers():
    assert only_problem(brokers=2) == (
        'Topic("orders"): replication_factor=3 needs as many brokers, but this scenario has 2 (brokers=2)'
    )


def test_broker_and_topic_settings_are_checked():
    assert "did you mean min_insync_replicas?" in only_problem(broker_config={"min_insync_replica": 2})
    assert "broker_config: min_insync_replicas=0 must be a whole number, at least 1" in only_problem(
        broker_config={"min_insync_replicas": 0}
    )
    assert "must be lower than group_max_session_timeout_ms" in only_problem(
        broker_config={"group_min_session_timeout_ms": 3_000_000}, groups=[]
    )
    assert "must be a mapping" in only_problem(broker_config=3, groups=[])
    assert "config: 'retention' is no setting" in only_problem(topics=[Topic("orders", config={"retention": 1})])
    assert "must be a mapping" in only_problem(topics=[Topic("orders", config="x")])


# Producers


def test_a_producer_needs_a_topic_that_exists():
    assert with_producer(topic="order") == (
        'Producer("shop") sends to topic \'order\', which does not exist; did you mean orders? (there is: orders)'
    )
    assert with_producer(topic=None) == 'Producer("shop") sends to no topic; give one of: orders'
    assert with_producer(topic=("orders",)) == "Producer(\"shop\"): topic=('orders',) must be the name of a topic"


@pytest.mark.parametrize("rate", [0, -3, "60", float("nan"), True])
def test_a_rate_is_a_positive_number(rate):
    assert f"rate={rate!r} must be a number (records/s) above 0 or a distribution" in with_producer(rate=rate)


def test_a_drawn_rate_stays_clear_of_zero():
    assert 'use rate=60, arrivals="poisson"' in with_producer(rate=Exponential(60))
    assert "a rate must stay above 0" in with_producer(rate=Uniform(0, 60))
    assert "a rate must stay above 0" in with_producer(rate=Given([3, 0]))
    assert "must be a number with arrivals=" in with_producer(rate=Uniform(1, 2), arrivals="poisson")
    assert problems(shop(producers=[Producer("shop", "orders", Lognormal(60, 1))])) == []


def test_arrivals_and_rate_fit_together():
    assert "rate is missing" in with_producer(rate=None)
    assert "rate=60 says nothing new beside arrivals=Bursts(3, every=1)" in with_producer(arrivals=Bursts(3, 1))
    assert 'must be "constant", "poisson", Bursts(size, every)' in with_producer(arrivals="sometimes")
    assert "size=0 must be a whole number, at least 1" in with_producer(rate=None, arrivals=Bursts(0, 1))
    assert "gaps of 0 never end" in with_producer(rate=None, arrivals=Given([0, 0]))
    assert "can be below 0" in with_producer(rate=None, arrivals=Uniform(-1, 1))


@pytest.mark.parametrize("times", [[-1], [2, 1], ["x"], 5])
def test_replayed_times_never_fall(times):
    assert "times must be a list of numbers" in with_producer(rate=None, arrivals=Replay(times))


def test_keys_are_str_or_bytes():
    assert "key 42 is neither str nor bytes" in with_producer(keys=["a", 42])
    assert "at least one key" in with_producer(keys=0)
    assert "at least one key" in with_producer(keys=[])
    assert "at most 10000000" in with_producer(keys=10**12)
    assert "must be how many keys, a list of keys, or None" in with_producer(keys=2.5)


def test_key_distributions_fit_their_keys():
    assert "needs keys" in with_producer(key_distribution=Zipf(1))
    assert "has 2 weights for 3 keys" in with_producer(keys=3, key_distribution=Weights([1, 2]))
    assert "not all 0" in with_producer(keys=2, key_distribution=Weights([0, 0]))
    assert "s=-1 must be a number, at least 0" in with_producer(keys=2, key_distribution=Zipf(-1))
    assert "must be Zipf(s), Weights" in with_producer(keys=2, key_distribution="zipf")
    assert problems(shop(producers=[Producer("shop", "orders", 1, keys=["a", "a"], key_distribution=InOrder())])) == []


def test_a_producer_stops_after_it_started():
    assert "stop=3 must be after start=3" in with_producer(start=3, stop=3)
    assert "start=-1 must be" in with_producer(start=-1)
    assert "value_bytes=-1 must be" in with_producer(value_bytes=-1)


def test_a_producer_s_settings_are_checked():
    assert "acks=2 must be one of 0, 1, 'all'" in with_producer(acks=2)
    assert "buffer_memory is a setting of java alone" in with_producer(buffer_memory=1)
    assert 'Producer("shop"): delivery_timeout_ms=100 must be at least' in with_producer(delivery_timeout_ms=100)
    assert 'Producer("shop"): idempotence needs' in with_producer(acks=1, enable_idempotence=True)
    assert "client='confluent' must be one of 'kafka-python', 'java'" in only_problem(client="confluent")


# Groups and services


def test_a_group_reads_topics_that_exist():
    assert "reads topic 'order', which does not exist" in with_group(topic=["orders", "order"])
    assert "reads no topic" in with_group(topic=[])


def test_a_group_s_settings_are_checked():
    assert "auto_offset_reset='first' must be one of" in with_group(auto_offset_reset="first")
    assert "heartbeat_interval_ms=45000 must be lower than session" in with_group(heartbeat_interval_ms=45_000)
    assert "session_timeout_ms=1000 is refused by the brokers, who allow 6000 to 1800000" in with_group(
        session_timeout_ms=1_000, heartbeat_interval_ms=300
    )
    assert "service_time=-1 must be" in with_group(service_time=-1)
    assert "service_time=Uniform(-1, high=1) can be below 0" in with_group(service_time=Uniform(-1, 1))
    assert "mean=0 must be a number above 0" in with_group(service_time=Exponential(0))
    assert "low must not be above high" in with_group(service_time=Uniform(2, 1))
    assert "a list of numbers that is not empty" in with_group(service_time=Given([]))


def test_a_service_s_main_is_an_async_function_of_one_argument():
    def plain(app):
        return app

    async def none():
        pass

    class Callable:
        async def __call__(self, app):
            pass

    async def two(app, rate):
        pass

    assert "main must be an `async def` that takes app" in only_problem(services=[Service("stock", plain)])
    assert "main must be an `async def` that takes app" in only_problem(services=[Service("stock", "main")])
    assert "exactly one argument" in only_problem(services=[Service("stock", none)])
    assert "restart_after=-1 must be" in only_problem(services=[Service("stock", main, restart_after=-1)])
    for good in (Callable(), functools.partial(two, rate=3)):
        assert problems(shop(services=[Service("stock", good)])) == []


# Inputs


def with_row(*rows):
    return only_problem(inputs={"orders": list(rows)})


def test_inputs_are_records_of_a_topic():
    assert "inputs: topic 'order' does not exist; did you mean orders?" in only_problem(inputs={"order": []})
    assert "must be a list of records, not dict" in only_problem(inputs={"orders": {"value": 1}})
    assert "must map a topic to its records" in only_problem(inputs=[1])
    assert "5 must be a mapping with a value" in with_row(5)
    assert with_row({"value": 1}, {"key": "a"}) == "inputs['orders'][1] has no value"
    assert "has 'partion'; did you mean partition?" in with_row({"value": 1, "partion": 0})


def test_an_input_s_parts_are_checked():
    assert "key=17 is neither str nor bytes" in with_row({"value": 1, "key": 17})
    assert "at='now' must be a number of seconds" in with_row({"value": 1, "at": "now"})
    assert "at=1 comes after at=2" in with_row({"value": 1, "at": 2}, {"value": 1, "at": 1})
    assert "partition=3 must be a whole number from 0 to 2" in with_row({"value": 1, "partition": 3})
    assert "headers={'a': 1} must map names to str or bytes" in with_row({"value": 1, "headers": {"a": 1}})


@pytest.mark.parametrize("value", [b"x", (1, 2), {1: 2}, {"a": [object()]}, float("nan"), {1, 2}])
def test_a_value_must_come_back_from_json_as_it_was(value):
    assert "inputs['orders'][0]: value" in with_row({"value": value})


def test_many_bad_rows_are_counted_not_listed():
    found = problems(shop(inputs={"orders": [{"key": "a"}] * 1_000}))
    assert len(found) == 6
    assert found[-1] == "inputs['orders']: and 995 more problems of this kind"


def test_all_forms_of_a_good_row():
    rows = [
        {"value": None},
        {"value": {"a": [1.5, "x", True]}, "key": b"k", "headers": {"h": "1"}, "partition": 2, "at": 1},
        {"value": 3, "key": None, "headers": [("h", b"1")], "at": 1},
    ]
    assert problems(shop(inputs={"orders": rows})) == []


# Faults


def test_a_crash_of_nobody_says_who_there_is():
    assert with_fault(Crash("billing-7", at=30)) == (
        'Crash("billing-7"): no such process; this scenario has billing-0, billing-1, billing-2'
    )
    assert "this scenario has billing-0, billing-1, billing-2" in with_fault(Crash("billing", at=30))
    assert "broker-0, broker-1, broker-2, controller-0" in with_fault(Shutdown("nobody", at=30))
    assert with_fault(Pause(3, 1, 1)) == "Pause(3): 3 must be the name of a process, such as 'billing-0'"
    assert "no such process 'broker-9'" in with_fault(NetworkCut("broker-0", ("broker-1", "broker-9"), 1, 1))
    assert "name at least one process" in with_fault(PowerLoss([], 1))


def test_a_crash_has_one_aim():
    assert with_fault(Crash("stock-0")).endswith("give one of at=seconds, before=step, after=step; none is given")
    assert "not at and after together" in with_fault(Crash("stock-0", at=1, after="charge"))
    assert "not before and after together" in with_fault(Crash("stock-0", before="commit", after="charge"))
    assert "nth=3 counts steps" in with_fault(Crash("stock-0", at=1, nth=3))
    assert "nth=0 must be a whole number, at least 1" in with_fault(Crash("stock-0", after="charge", nth=0))


def test_a_step_is_one_that_the_process_takes():
    assert "'fetch' is a request, not a step; steps are receive, commit, send, execute" in with_fault(
        Crash("stock-0", after="fetch")
    )
    assert "the steps of a declared group are receive and commit" in with_fault(Crash("billing-0", after="charge"))
    assert "receive and commit; 'acknowledge' needs a Service" in with_fault(Crash("billing-0", after="acknowledge"))
    assert "only members of groups and services take steps" in with_fault(Crash("broker-0", after="commit"))
    assert "only members of groups and services take steps" in with_fault(Crash("shop", after="send"))
    effect, kind = Crash("stock-0", after="charge", nth=118), Crash("stock-0", after="send")
    good = [effect, kind, Crash("billing-0", before="commit")]
    assert problems(shop(faults=good)) == []


def test_times_of_faults():
    assert "at=-1 must be a number (s), at least 0 and at most 2000000" in with_fault(Crash("billing-0", at=-1))
    assert "restart_after=-1 must be" in with_fault(Shutdown("billing-0", 1, restart_after=-1))
    assert "duration=0 must be a number (s) above 0" in with_fault(Pause("billing-0", 1, 0))
    assert "latency='x' must be" in with_fault(SlowLink("billing-0", "broker-0", 1, 1, "x"))


def test_two_sides_of_a_link():
    assert "broker-0 cannot be on both sides" in with_fault(NetworkCut(("broker-0", "broker-1"), "broker-0", 1, 1))
    assert "at least one process on each side" in with_fault(NetworkCut((), "broker-0", 1, 1))


def test_lost_requests():
    assert "give one of nth=number and share=0...1" in with_fault(LoseRequest("shop", "produce"))
    assert "give one of nth=number and share=0...1" in with_fault(LoseReply("shop", "produce", nth=1, share=0.5))
    assert "share=2 must be a number, at least 0 and at most 1" in with_fault(LoseReply("shop", "produce", share=2))
    assert "no kind of request 'prodce'; did you mean produce?" in with_fault(LoseReply("shop", "prodce", nth=1))
    assert "it sends no fetch; it sends produce, metadata" in with_fault(LoseReply("shop", "fetch", nth=1))
    for good in (LoseReply("stock-0", "send", nth=1), LoseRequest("broker-1", "replica_fetch", share=0.1),
                 LoseRequest("stock-0", "effect", nth=2)):
        assert problems(shop(faults=[good])) == []


def test_partitions_are_only_added():
    assert "to=3 must be above 3; Kafka only adds partitions" in with_fault(AddPartitions("orders", 1, 3))
    assert "no such topic; did you mean orders?" in with_fault(AddPartitions("order", 1, 3))
    later = [AddPartitions("orders", 9, 4), AddPartitions("orders", 1, 6)]
    assert problems(shop(faults=later)) == ['AddPartitions("orders"): to=4 must be above 6; Kafka only adds partitions']


def test_a_change_is_checked_like_the_scenario_it_makes():
    assert "'producers.shop.rte': no such path; did you mean rate?" in with_fault(Change("producers.shop.rte", 1, 4))
    assert "rate=-4 must be" in with_fault(Change("producers.shop.rate", 1, -4))
    assert "min_insync_replicas='x' must be" in with_fault(Change("topics.orders.config.min_insync_replicas", 1, "x"))
    assert "AddPartitions(topic, at, to)" in with_fault(Change("topics.orders.partitions", 1, 9))
    assert "cannot change while the system runs" in with_fault(Change("seed", 1, 9))
    assert "cannot change while the system runs" in with_fault(Change("groups.billing.consumers", 1, "x"))
    assert "only a producer's rate and key_distribution" in with_fault(Change("producers.shop", 1, 9))
    assert "cannot change while the system runs" in with_fault(Change("producers.shop.linger_ms", 1, 9))
    assert "cannot change while the system runs" in with_fault(Change("latency", 1, 0.1))
    assert "path must be a text" in with_fault(Change(3, 1, 9))
    slower = Change("groups.billing.service_time", 2, Exponential(0.1))
    stricter = Change("topics.orders.config.min_insync_replicas", 3, 2)
    assert problems(shop(faults=[Change("producers.shop.rate", 1, 200), slower, stricter])) == []


# Warnings


def test_faults_after_the_end_are_said():
    late = shop(faults=[Crash("billing-0", at=90), Crash("billing-0", at=80, restart_after=30)])
    assert warnings(late) == [
        'Crash("billing-0"): at=90 is not before the end (duration=90), so it will not happen',
        'Crash("billing-0"): restart_after=30 is later than the end (duration=90)',
    ]


def test_records_after_the_end_are_said():
    assert "1 of 2 records come at or after the end" in warnings(
        shop(inputs={"orders": [{"value": 1, "at": 1}, {"value": 1, "at": 90}]})
    )[0]
    assert "start=100 is not before the end" in warnings(shop(producers=[Producer("shop", "orders", 1, start=100)]))[0]


@pytest.mark.statement("K22")
def test_idempotence_that_is_switched_off_is_said():
    (line,) = warnings(shop(producers=[Producer("shop", "orders", 1, acks=1)]))
    assert line.startswith('Producer("shop"): acks=1 switches idempotence off without a word')


@pytest.mark.statement("K06")
@pytest.mark.parametrize("acks", ["all", 1])
def test_replicas_that_can_never_be_enough_are_allowed_but_said(acks):
    few = shop(topics=[Topic("orders", replication_factor=2, config={"min_insync_replicas": 3})], duration=10.0,
               services=[], producers=[Producer("shop", "orders", rate=5, acks=acks, enable_idempotence=False)])
    assert problems(few) == []
    (line,) = warnings(few)
    assert "min_insync_replicas=3 can never be met with replication_factor=2; its leader asks for 2 instead" in line
    counts = run(few, progress=False).summary()
    assert counts.acked == counts.in_log == counts.produced == 50
    by_broker = shop(topics=[Topic("orders")], broker_config={"min_insync_replicas": 2})
    assert "can never be met" in warnings(by_broker)[0]


@pytest.mark.statement("K81")
def test_latest_and_new_partitions_are_said():
    grown = {"faults": [AddPartitions("orders", 30, 6)]}
    assert "also holds for the partitions added to 'orders'" in warnings(shop(**grown))[0]
    careful = ConsumerGroup("billing", "orders", auto_offset_reset="earliest")
    assert warnings(shop(**grown, groups=[careful])) == []


def test_latest_and_a_slow_first_rebalance_are_said():
    waits = {"broker_config": {"group_initial_rebalance_delay_ms": 10_000}}
    assert "the first rebalance waits 10 s" in warnings(shop(**waits))[0]
    new = [ConsumerGroup("billing", "orders", group_protocol="consumer")]
    assert warnings(shop(**waits, groups=new)) == []  # KIP-848 waits for nobody


def test_a_share_group_is_checked_as_the_others():
    def said(*groups, **more):
        return "\n".join(problems(shop(groups=[*groups], faults=more.pop("faults", ()), **more)))

    assert said(ShareGroup("workers", "orders")) == ""
    assert 'ShareGroup("workers") reads topic \'order\', which does not exist' in said(ShareGroup("workers", "order"))
    assert "consumers=0 must be a whole number" in said(ShareGroup("workers", "orders", consumers=0))
    assert "share_auto_offset_reset='none' must be one of" in said(
        ShareGroup("workers", "orders", share_auto_offset_reset="none"))
    locked = ShareGroup("workers", "orders", share_record_lock_duration_ms=70_000)
    assert "refused by the brokers, who allow 15000 to 60000" in said(locked)
    wide = {"group_share_max_record_lock_duration_ms": 80_000}
    assert said(locked, broker_config=wide) == ""
    assert "group_share_record_lock_duration_ms=5000 must be between" in said(
        broker_config={"group_share_record_lock_duration_ms": 5_000})
    assert "must be a whole number, at least 2 and at most 10" in said(
        broker_config={"group_share_delivery_count_limit": 1})
    workers = ShareGroup("workers", "orders")
    assert "the steps of a declared group are receive and acknowledge" in said(
        workers, faults=[Crash("workers-0", after="commit")])
    assert said(workers, faults=[Crash("workers-0", after="acknowledge")]) == ""
    assert "it sends no commit; it sends share_group_heartbeat, share_fetch, share_acknowledge" in said(
        workers, faults=[LoseRequest("workers-0", "commit", nth=1)])


def test_a_share_group_s_settings_are_described_and_can_be_changed():
    scenario = shop(groups=[ShareGroup("workers", "orders")])
    found = describe(scenario, "groups.workers.share_record_lock_duration_ms")
    assert (found.value, found.effective, found.unit) == (None, 30_000, "ms")
    assert replace(scenario, "groups.workers.consumers", 8).group("workers").members[-1] == "workers-7"


def test_a_misspelt_step_is_said():
    (line,) = warnings(shop(faults=[Crash("stock-0", after="recieve")]))
    assert line.endswith("did you mean receive?")


# retention


def forgetting(config, duration=90, **broker_config):
    return shop(topics=[Topic("orders", config=config)], duration=duration, broker_config=broker_config)


def test_retention_that_cannot_act_is_said():
    (line,) = warnings(forgetting({"retention_ms": 30_000}))
    assert "the brokers look at 20 s and then every 300 s" in line and "log_retention_check_interval_ms" in line
    (line,) = warnings(forgetting({"retention_bytes": 100}, duration=15))
    assert "retention_bytes: nothing will be deleted" in line
    (line,) = warnings(forgetting({"retention_ms": 10, "cleanup_policy": ""}))
    assert "does nothing with cleanup_policy=''" in line
    (line,) = warnings(forgetting({"cleanup_policy": "compact"}))
    assert "nothing will be compacted" in line and "segment_ms=604800000" in line
    compacted = Topic("orders", config={"cleanup_policy": "compact", "segment_ms": 1_000})
    (line,) = warnings(shop(topics=[compacted], producers=[Producer("shop", "orders", 1)]))
    assert "INVALID_RECORD" in line
    quick = {"log_retention_check_interval_ms": 1_000}
    assert warnings(forgetting({"retention_ms": 30_000}, **quick)) == warnings(forgetting({"retention_ms": -1})) == []


@pytest.mark.parametrize(("config", "told"), [
    ({"retention_ms": -2}, "at least -1"), ({"segment_bytes": 1_000}, "at least 1048576"),
    ({"min_compaction_lag_ms": 5, "max_compaction_lag_ms": 4}, "must not be above"),
    ({"min_cleanable_dirty_ratio": 1.5}, "at most 1"),
    ({"cleanup_policy": "forget"}, "must be one of 'delete'"), ({"message_timestamp_type": "now"}, "'LogAppendTime'"),
    ({"retention": 5}, "'retention' is no setting of a topic here; did you mean retention_ms?"),
])
def test_topic_settings_of_retention_are_checked(config, told):
    assert any(told in line for line in problems(forgetting(config))), problems(forgetting(config))
