"""What the tests of calls share: services that answer after a drawn time, callers that come by chance, and margins."""

import asyncio
import math

from waiting import UNIT

from simlib import Scenario, Service, run

CERTAIN = 3.29
"""Standard errors that a fair draw stays within, all but once in a thousand."""

QUICK = 1e-6
"""A latency that does not count beside the work."""


def share_margin(share, of):
    """How far a measured share of so many independent trials may be from the true one."""
    return CERTAIN * math.sqrt(share * (1 - share) / of)


def answering(draw, **limits):
    """A service that takes `draw(random)` seconds for each request."""
    async def main(app):
        async def handler(request):
            await app.sleep(draw(app.random))
            return request

        await app.serve(handler, **limits)

    return main


def memoryless(random):
    """Exponential, with a mean of one unit."""
    return random.expovariate(1 / UNIT)


def crowd(rate, requests, ask):
    """Poisson arrivals, `rate` in a unit, each of which does `await ask(app, n)` without waiting for the others."""
    async def main(app):
        tasks = []
        for n in range(requests):
            tasks.append(asyncio.create_task(ask(app, n)))
            await app.sleep(app.random.expovariate(rate / UNIT))
        await asyncio.gather(*tasks)

    return main


def served(main, *services, faults=()):
    """The run of a crowd and the services it calls. Without faults nothing may be raised."""
    scenario = Scenario([], services=[*services, Service("people", main, start=1)], latency=QUICK, seed=11,
                        faults=faults, duration=1e6)
    trace = run(scenario, progress=False)
    assert faults or not trace.summary().warnings, trace.summary()
    return trace
