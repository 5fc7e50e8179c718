"""What the player shows beside records, and what it does not pretend to know."""


from handmade import Builder
from test_player_state import agree
from test_what_pictures_say import charged_twice

from simlib import ConsumerGroup, Crash, Producer, Scenario, Service, SlowLink, Topic, run
from simlib.trace import Trace
from simlib.views.player.known import REAL
from simlib.views.player.recording import Recording
from simlib.views.player.tape import Tape
from simlib.views.player.telling import sentence

KILLED = Scenario(
    topics=[Topic("orders", partitions=2, replication_factor=3)], duration=40, seed=3,
    producers=[Producer("shop", topic="orders", rate=4)],
    groups=[ConsumerGroup("billing", topic="orders", service_time=0.01)],
    faults=[Crash("broker-1", at=5, restart_after=20)])


# -- followers behind


def test_a_broker_that_died_lacks_what_was_written_since_until_it_has_caught_up(tmp_path):
    recording = Recording(run(KILLED))
    code = [actor["name"] for actor in recording.index()["actors"]].index("broker-1")
    at_death, later, back = (recording.state(time) for time in (5.5, 24.9, 39))
    for tp, partition in enumerate(recording.index()["partitions"]):
        if partition["internal"]:
            continue
        early, late = (end_of(state, tp, code) for state in (at_death, later))
        assert early == late, "the dead write nothing down"
        assert 30 < later["logs"][tp]["end"] - late < 60, "a record and partition every half second, for twenty seconds"
        assert code not in later["isr"][tp] and code in back["isr"][tp]
        assert end_of(back, tp, code) >= later["logs"][tp]["end"], "it caught up before it was let in"
    agree(recording, [int(number * 0.4e9) for number in range(101)], tmp_path)


def end_of(state, tp: int, broker: int) -> int:
    return {code: end for code, end, _ in state["logs"][tp]["ends"]}[broker]


def test_a_leader_that_died_keeps_what_its_successor_does_not_have_until_it_throws_it_away(tmp_path):
    told_early = Scenario(
        topics=[Topic("orders", replication_factor=3)], duration=60, seed=1,
        producers=[Producer("shop", topic="orders", rate=50, acks=1)],
        faults=[SlowLink("broker-0", "broker-1", at=0, duration=30, latency=0.05),
                SlowLink("broker-0", "broker-2", at=0, duration=30, latency=0.05),
                Crash("broker-0", at=20, restart_after=20)])
    trace = run(told_early)
    lost = len(trace.lost)
    assert lost > 0
    recording = Recording(trace)
    code = [actor["name"] for actor in recording.index()["actors"]].index("broker-0")
    (tp,) = [tp for tp, one in enumerate(recording.index()["partitions"]) if not one["internal"]]
    dead, back = ({one[0]: one[1:] for one in recording.state(at)["logs"][tp]["ends"]}[code] for at in (39, 59))
    assert dead[1] == lost and back[1] == 0 and back[0] > dead[0]
    agree(recording, [int(number * 0.6e9) for number in range(101)], tmp_path)


def test_of_followers_in_step_nothing_is_written_down():
    assert run(KILLED).data.rows("replica_ends") > 0
    assert run(Scenario(KILLED.topics, producers=KILLED.producers, duration=40)).data.rows("replica_ends") == 0


# -- databases


async def copying(app):
    consumer = app.consumer("orders", group_id="copy", enable_auto_commit=False, auto_offset_reset="earliest")
    async for order in consumer:
        async with app.database.transaction():
            await app.database.execute("INSERT INTO seen VALUES (?)", (order.value,))
            await app.effect("ship", order.value)
        await consumer.commit()


def test_the_database_has_its_statements_transactions_and_what_it_holds_in_the_end(tmp_path):
    shop = Scenario([Topic("orders")], inputs={"orders": [{"value": number} for number in range(4)]},
                    services=[Service("copy", copying, database="CREATE TABLE seen (id INTEGER)")],
                    faults=[Crash("copy-0", after="ship", nth=3, restart_after=1)])
    trace = run(shop)
    recording = Recording(trace)
    (database,) = recording.index()["databases"]
    assert database["name"] == "database of copy" and database["tables"] == [["seen", 4]]
    (process,) = database["processes"]
    statements, ended, *_, undone = recording.state(trace.ended_at)["work"][process]
    assert (statements, ended, undone) == (5, 5, 1)
    assert recording.index()["expected"] == {} and recording.state(trace.ended_at)["effects"] == [[5, 1]]
    agree(recording, [int(number * trace.ended_at * 1e7) for number in range(101)], tmp_path)


# -- what a real Kafka does not tell


def real() -> Trace:
    """Two records that their producer was told of, one that only a member saw, one found at the end; nothing more."""
    build = Builder(orders=1)
    for number in range(4):
        build.write(at=number, offset=number, key=f"customer-{number}")
    for number, place in ((1, 2), (2, 2)):
        build.deliver(f"shop:{number}", number, 4 + place / 10, 5.0)
    build.rows["appends"] = build.rows["watermarks"] = []
    build.rows["acks"] = [{**row, "base_offset": row["start"]} for row in build.rows["acks"] if row["start"] in (0, 2)]
    return build.trace("quiet", at=9.0)


def test_a_record_of_a_real_run_appears_when_somebody_is_known_to_have_seen_it(tmp_path):
    recording = Recording(real())
    shown = {at: [record[0] for record in recording.state(at)["logs"][0]["newest"]] for at in (0, 0.5, 2.5, 4.5, 9)}
    assert shown == {0: [], 0.5: [0], 2.5: [0, 1, 2], 4.5: [0, 1, 2], 9: [0, 1, 2, 3]}, "who saw 2 saw 1 before it"
    assert recording.state(9)["written"][0] == 4 and recording.state(2.5)["created"][0] == 3
    agree(recording, [int(number * 0.1e9) for number in range(91)], tmp_path)


def test_the_player_says_what_a_real_run_does_not_tell():
    index = Recording(real()).index()
    assert index["unknown"] == REAL
    assert index["tells"] == {"writes": False, "high": False, "leaders": False, "generations": False}
    tape = Tape(real())
    seen = tape.parts["appended"]
    assert sentence(tape, seen, 0) == "shop:0 stands at orders-0 offset 0."
    assert Recording(real()).state(9)["leader"] == [-1]
    assert not real().plot.storyboard().description.count("behind")


def test_a_simulated_run_hides_nothing():
    index = Recording(run(KILLED)).index()
    assert index["unknown"] == "" and all(index["tells"].values())
    assert Recording(charged_twice()).index()["tells"]["generations"] is False
