"""M/M/1 as SimPy's own documentation would have it: a process for each customer, and a Resource."""

import random
import time
from typing import Any

import simpy

UTILISATION = 0.8


def customer(env: simpy.Environment, server: simpy.Resource, service: float, waits: list[float]) -> Any:
    came = env.now
    with server.request() as turn:
        yield turn
        waits.append(env.now - came)
        yield env.timeout(service)


def arrivals(env: simpy.Environment, server: simpy.Resource, customers: int, service: float, waits: list[float]) -> Any:
    draw = random.Random(7).expovariate
    for _ in range(customers):
        yield env.timeout(draw(UTILISATION / service))
        env.process(customer(env, server, draw(1 / service), waits))


def measure(rate: float, customers: int, service: float) -> dict[str, float]:
    """CPU seconds, customers, and how long they waited on average, in service times; `rate` follows from `service`."""
    env, waits = simpy.Environment(), []
    server = simpy.Resource(env)
    begin = time.process_time()
    env.process(arrivals(env, server, customers, service, waits))
    env.run()
    return {"cpu": time.process_time() - begin, "records": len(waits), "wait": sum(waits) / len(waits) / service}
