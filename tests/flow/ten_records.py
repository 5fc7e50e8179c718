"""The ten records of docs/timing.md, and its table of them."""

from simlib import ConsumerGroup, Producer, Replay, Scenario, Topic

TEN = Scenario(
    topics=[Topic("orders", replication_factor=3)],
    producers=[Producer("shop", "orders", keys=1, linger_ms=1,
                        arrivals=Replay((0, 0.0005, 0.0012, 0.0014, 0.0029, 0.0035, 0.02, 0.0201, 0.0202, 0.04)))],
    groups=[ConsumerGroup("billing", "orders", service_time=0.002, max_poll_records=3)],
    duration=1.0,
)

HEAD = "| record | created | appended | visible | acknowledged | handed over | done |\n|---|---|---|---|---|---|---|"


def table(trace):
    """Milliseconds, as the page has them."""
    records = trace.records.set_index("message").sort_values("offset")
    deliveries = trace.deliveries.set_index("message")
    visible, marks = trace.data.column("watermarks", "time"), trace.data.column("watermarks", "high_watermark")
    lines = [HEAD]
    for message, row in records.iterrows():
        seen = visible[marks > row.offset].min() / 1e9
        times = [row.created, row.appended, seen, row.acked, deliveries.time[message], deliveries.done[message]]
        lines.append(f"| {message} | " + " | ".join(f"{time * 1000:g}" for time in times) + " |")
    return "\n".join(lines)
