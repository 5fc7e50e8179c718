"""Latency: constant or drawn for each message, and never an overtaking on one link."""

from simlib import ConsumerGroup, Exponential, Producer, Scenario, Service, Topic, run


def load(latency):
    return run(Scenario(topics=[Topic("orders", partitions=2, replication_factor=3)], latency=latency, duration=20,
                        producers=[Producer("shop", topic="orders", rate=20)],
                        groups=[ConsumerGroup("billing", "orders", consumers=2)]), wire=True)


def gathering(trace):
    """Control events before time 0, without their times."""
    early = trace.control[trace.control.time < 0]
    return sorted((row.kind, str(row.process), str(row.partition)) for row in early.itertuples())


def test_drawn_latencies_act_before_time_0_as_well():
    constant, drawn = load(0.002), load(Exponential(0.002))
    assert gathering(drawn) == gathering(constant)
    assert not {"fenced", "elected", "isr"} & {kind for kind, _, _ in gathering(drawn)}
    assert drawn.summary().backlog == 0 and drawn.summary().delivered == 400


def test_a_drawn_latency_has_its_mean_and_never_overtakes():
    async def main(app):
        async def one(number):
            await app.effect("ring", number)

        import asyncio
        async with asyncio.TaskGroup() as group:
            for number in range(300):
                group.create_task(one(number))
                await app.sleep(0.0001)

    trace = run(Scenario(topics=[Topic("orders")], services=[Service("bell", main)], latency=Exponential(0.01)))
    assert list(trace.effects.key) == list(range(300))  # sent every 0.1 ms, drawn around 10 ms


def test_no_latency_at_all():
    trace = load(0)
    assert trace.summary().backlog == 0
    assert (trace.deliveries.time - trace.records.set_index("message").created.loc[trace.deliveries.message].to_numpy()
            ).max() == 0
