"""The shop of the tests on a real Kafka: small, quick to notice a death, the same on both sides."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from simlib import Scenario, Service, Topic, Trace, run

SHORT = {"group_initial_rebalance_delay_ms": 0, "group_min_session_timeout_ms": 1_000,
         "transaction_abort_timed_out_transaction_cleanup_interval_ms": 1_000, "log_initial_task_delay_ms": 1_000,
         "log_retention_check_interval_ms": 1_000, "log_cleaner_backoff_ms": 500}
"""What short tests need: the cluster and every scenario on it say the same."""

QUICK = {"session_timeout_ms": 6_000, "heartbeat_interval_ms": 1_000, "auto_offset_reset": "earliest"}
"""Settings of consumers whose death is noticed soon; not so soon that a busy machine is taken for a death."""

SIDE_BY_SIDE = 8


async def billing(app) -> None:
    """At least once: charge, then commit."""
    consumer = app.consumer("orders", group_id="billing", enable_auto_commit=False, **QUICK)
    async for order in consumer:
        await app.effect("charge", order.value["order_id"])
        await consumer.commit()


async def nobody_before(app, what: str = "the first time") -> bool:
    """True for the first life of the run that asks; Redis outlives who dies. A busy machine's clock would not tell."""
    return bool(await app.redis.set(what, app.name, nx=True))


NEVER_BACK_FOR = 1_000
"""Seconds of real time."""


async def never_back(app) -> None:
    """Hangs, and hears nothing any more."""
    consumer = app.consumer("orders", group_id="billing", **QUICK)
    await consumer.getone()
    time.sleep(NEVER_BACK_FOR)


def shop(main: Any = billing, orders: int = 3, **changes: Any) -> Scenario:
    """Orders at time 0, one service that works them."""
    rows = [{"key": f"customer-{i % 2}", "value": {"order_id": i}} for i in range(orders)]
    given: dict[str, Any] = {"topics": [Topic("orders", replication_factor=3)], "inputs": {"orders": rows},
                             "services": [Service("billing", main)], "broker_config": SHORT, "duration": 120}
    return Scenario(**{**given, **changes})


def run_for_real(scenario: Scenario, on: str, schedule: str | None = None) -> Trace:
    """Without the progress bar."""
    return run(scenario, on=on, schedule=schedule, progress=False)


def acts(trace: Trace) -> list[tuple[str, Any]]:
    """What was done in the outside world, in order."""
    effects = trace.effects
    return list(zip(effects["name"].astype(str), effects["key"], strict=True))


def side_by_side(runs: list[Any]) -> list[Trace]:
    """Several runs at once, each with topics and groups of its own; `runs` are (scenario, on, schedule)."""
    with ThreadPoolExecutor(SIDE_BY_SIDE) as threads:
        return list(threads.map(lambda given: run_for_real(*given), runs))
