"""A server with c workers against textbook formulas: who has to wait, how long, and how many are turned away."""


import heapq

import pytest
from calling import answering, crowd, memoryless, served
from test_queues import erlang_c
from waiting import UNIT, confidence

from simlib import Overloaded, Service

pytestmark = pytest.mark.slow


async def ask(app, n):
    await app.call("bank", n, timeout=1e5)


def calls(rate, requests, **limits):
    return served(crowd(rate, requests, ask), Service("bank", answering(memoryless, **limits))).calls


@pytest.mark.statement("T04")
@pytest.mark.parametrize(("workers", "utilisation", "mean_wait", "chance"), [
    (1, 0.5, 1.0, 0.5), (2, 0.5, 1 / 3, 1 / 3), (3, 0.8, 1.07865, 0.64719)])
def test_workers_of_a_server_wait_as_m_m_c(workers, utilisation, mean_wait, chance):
    assert erlang_c(workers, utilisation) == pytest.approx(chance, abs=1e-5)  # the published table
    found = calls(workers * utilisation, 25_000, workers=workers)
    waits = (found.taken_up - found.arrived) / UNIT
    mean, margin = confidence(waits)
    assert margin < 0.4 * mean_wait and mean == pytest.approx(mean_wait, abs=margin)
    had_to, margin = confidence(waits > 1e-9)
    assert margin < 0.06 and had_to == pytest.approx(chance, abs=margin)


@pytest.mark.statement("T04")
@pytest.mark.parametrize("workers", [1, 2, 5])
def test_every_single_request_is_taken_up_when_it_can_be(workers):
    """Kiefer and Wolfowitz: as soon as it is there and one of the workers is free, in the order of arrival."""
    found = calls(0.9 * workers, 2_000, workers=workers)
    free = [0.0] * workers
    for arrived, taken_up, done in zip(found.arrived, found.taken_up, found.done, strict=True):
        assert taken_up == pytest.approx(max(arrived, heapq.heappop(free)), abs=1e-8)
        heapq.heappush(free, done)


async def ask_or_leave(app, n):
    try:
        await ask(app, n)
    except Overloaded:
        pass


@pytest.mark.statement("T04")
@pytest.mark.parametrize(("workers", "utilisation", "lost"), [(2, 0.5, 0.2), (3, 0.8, 0.26841), (10, 0.8, 0.12166)])
def test_without_a_queue_erlang_s_b_is_turned_away(workers, utilisation, lost):
    people = crowd(workers * utilisation, 12_000, ask_or_leave)
    found = served(people, Service("bank", answering(memoryless, workers=workers, queue=0))).calls
    share, margin = confidence(found.outcome == "overloaded")
    assert margin < 0.025 and share == pytest.approx(lost, abs=margin)


@pytest.mark.statement("T04")
@pytest.mark.parametrize("places", [1, 4])
def test_a_short_queue_turns_away_as_m_m_1_k(places):
    """One worker at utilisation 0.8: with so many places to wait, of K = places + 1 in all."""
    people = crowd(0.8, 12_000, ask_or_leave)
    found = served(people, Service("bank", answering(memoryless, workers=1, queue=places))).calls
    inside = places + 1
    lost = 0.2 * 0.8**inside / (1 - 0.8**(inside + 1))
    share, margin = confidence(found.outcome == "overloaded")
    assert margin < 0.03 and share == pytest.approx(lost, abs=margin)


def attempts_at(fails, requests):
    """The calls of a bank that says no with this chance, by people who ask until it says yes."""
    async def bank(app):
        async def handler(request):
            await app.sleep(memoryless(app.random))
            return app.random.random() >= fails

        await app.serve(handler, workers=1)

    async def until_it_works(app, n):
        while not await app.call("bank", n, timeout=1e5):
            pass

    return served(crowd(0.7, requests, until_it_works), Service("bank", bank)).calls


@pytest.mark.statement("T07")
@pytest.mark.parametrize(("fails", "inside"), [(0.0, 2.33333), (0.1, 3.5), (0.2, 7.0)])
def test_retries_are_a_load_of_their_own(fails, inside):
    """Arrivals at 0.7 of what one worker can do; each attempt fails with this chance and is made again at once."""
    found = attempts_at(fails, 15_000)
    assert len(found) / 15_000 == pytest.approx(1 / (1 - fails), abs=0.02)
    stays = ((found.done - found.arrived) / UNIT).groupby(found.request).sum()
    mean, margin = confidence(stays.loc[[str(n) for n in range(15_000)]])  # in the order of arrival
    assert margin < 0.6 * inside / 0.7 and 0.7 * mean == pytest.approx(inside, abs=0.7 * margin)


@pytest.mark.statement("T07")
def test_from_a_share_of_failures_on_the_queue_never_ends():
    """At 0.3 the attempts are as many as one worker can make; at 0.4 the queue grows for as long as people come."""
    found = attempts_at(0.4, 5_000)
    waits = (found.taken_up - found.arrived) / UNIT
    early, late = waits[1_000:1_500].mean(), waits[4_500:5_000].mean()
    assert late > 3 * early and late > 200


