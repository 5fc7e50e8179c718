# %% header [raw] tags=["header"]
# minutes = 90
# question = "How many consumers do I need?"
# needs = ["partition, key, consumer group, lag (lesson 04)", "a call with a timeout (lesson 01)", "async and await"]
# cut = "How many are inside (A), the producer's memory (D). Short of time: A and C alone. Never nine orders a second."
# vote = "A: nine orders a second instead of five, how much longer is the wait? D: an endless queue, or 20 places?"
#
# [[episodes]]
# question = "A. How busy may a consumer be?"
# minutes = 22
#
# [[episodes]]
# question = "B. Does one more consumer help?"
# minutes = 13
#
# [[episodes]]
# question = "C. When has it caught up?"
# minutes = 17
#
# [[episodes]]
# question = "D. Where shall the queue stand?"
# minutes = 26
#
# [[episodes]]
# question = "E. Why is the page slow when each part is quick?"
# minutes = 12
#
# [[objectives]]
# do = "say how many consumers a load needs, from how long an order may wait"
# exercise = "15-consumers"
#
# [[objectives]]
# do = "forecast when an outage has been worked off, and buy the consumers for it"
# exercise = "15-outage"
#
# [[objectives]]
# do = "write a consumer that takes no more than it has room for"
# exercise = "15-room"
#
# [[objectives]]
# do = "cut the slow answers of a page that asks many"
# exercise = "15-again"
#
# [[objectives]]
# do = "answer the question with the numbers it needs"
# exercise = "15-words"

# %% opening [markdown]
# # How many consumers do I need?
#
# **Lesson 15** · 90 minutes, five episodes · you know partitions, groups and lag (lesson 04)
#
# Thursday, 15:10. The sale is in a week: 40 orders a second. An order takes a tenth of a second to pack. *"Forty times
# a tenth is four. We start four consumers."* Everybody nods.
#
# When you leave this page you can
# 1. say how many consumers a load needs, from how long an order may wait;
# 2. forecast when an outage has been worked off;
# 3. write a consumer that takes no more than it has room for;
# 4. cut the slow answers of a page that asks many;
# 5. answer the question with the numbers it needs.
#
# <details><summary>Do you have what you need? Three lines and two questions.</summary>
#
# A topic is cut into partitions; each has one reader in a group. More consumers than partitions are idle.<br>
# The key decides the partition, not the length of a queue.<br>
# Lag is what a group has not ticked off yet.
#
# Four partitions, five consumers: who helps at the longest queue? *Nobody.*<br>
# A call waits for its answer: for how long? *Until its timeout, if you gave it one.*
# </details>

# %% imports
from asyncio import gather

from simlib import ConsumerGroup, Crash, Exponential, Pause, Producer, Scenario, Service, Topic, replace, run, sliders
from simlib.course import check, hint, predict, reveal, routes, solution, start
from simlib.data import orders
from simlib.services.errors import KafkaTimeoutError

start("15")

# %% part-a [markdown]
# # A · How busy may a consumer be?
#
# First one consumer alone. Packing takes a tenth of a second on average: most orders take less, a few take three
# times as long. `Exponential(0.1)` draws such times. The orders are real ones, squeezed to a rate of our own.

# %% packing
def packing(rows, partitions=1, consumers=1, **more):
    group = ConsumerGroup("pack", "orders", consumers=consumers, service_time=Exponential(0.1))
    return Scenario([Topic("orders", partitions)], inputs={"orders": rows}, groups=[group], **more)


def waits(trace):                   # in seconds, from written to picked up
    both = trace.deliveries.merge(trace.records[["message", "created"]])
    return both.time - both.created


def mean_wait(trace):
    return waits(trace).mean()

# %% five-text [markdown]
# It can pack ten a second. Five come: it is busy half of the time. That share is its *utilisation*: rate × work, here
# 5 × 0.1.

# %% five
five = run(packing(orders(2_000, rate=5)))
print(f"{mean_wait(five):.2f} seconds")

# %% five-proof tags=["claim"]
assert round(mean_wait(five), 2) == 0.10 and len(waits(five)) == 2_000

# %% ask-nine
predict("nine", "Nine orders a second instead of five. The average wait becomes how many times as long?")

# %% nine
nine = run(packing(orders(2_000, rate=9)))
reveal("nine", round(mean_wait(nine) / mean_wait(five), 1))

# %% nine-proof tags=["claim"]
assert 5 < mean_wait(nine) / mean_wait(five) < 6

# %% nine-result [markdown]
# More than five times as long, though it is idle for a tenth of the time.
#
# > **It looks as if** a consumer that is idle now and then has nobody waiting. But an idle second cannot be kept for
# > later. Orders come in clusters, some are long; each such moment leaves a queue, and the queue is worked off with
# > what is left over: five a second in the first run, one in the second.
#
# For orders that come by chance, and work of this kind, there is a formula [T01]:
#
# **wait = work × utilisation / (1 − utilisation)**
#
# For a half it says 0.1 seconds, as in the run. For 0.9 it says 0.9 seconds: nine times as long, and we saw less.
# That can be chance, and a run begins with an empty queue, which flatters it. One run is one throw of the dice.
# `sweep` throws again and again: each rate six times, with six seeds (numbers that stand for what chance brings), the
# same six for all, so that every rate meets the same luck. The band is where the true average lies, 95 times of 100.

# %% sweep-rates
from simlib import plot, sweep

line = replace(packing([], duration=100), {"inputs": {}, "producers": [
    Producer("shop", "orders", rate=5, arrivals="poisson")]})     # by chance, as many as we like
table = sweep(line, {"producers.shop.rate": [2, 5, 7, 8, 9]}, seeds=6,
              measure=lambda trace: {"average wait (s)": mean_wait(trace)})
plot.sweep(table)

# %% formula
rate = table["producers.shop.rate"]
table["formula"] = 0.1 * (rate / 10) / (1 - rate / 10)
table[["producers.shop.rate", "low", "mean", "high", "formula"]].round(2)

# %% formula-proof tags=["claim"]
assert ((table.low <= table.formula) & (table.formula <= table.high)).all()
assert round(0.1 * 0.5 / 0.5, 2) == 0.1 and round(0.1 * 0.9 / 0.1, 2) == 0.9 and 95 == 100 - 5
assert [round(0.1 * u / (100 - u), 1) for u in (80, 90, 95, 99)] == [0.4, 0.9, 1.9, 9.9]
assert round(table["mean"].iloc[-1], 2) == 0.75


def wait_with(work):
    return sweep(replace(line, {"producers.shop.rate": 5, "groups.pack.service_time": work}),
                 {"groups.pack.consumers": [1]}, seeds=6, measure=mean_wait).iloc[0]


steady = wait_with(0.1)
assert steady.low < 0.05 < steady.high and steady["mean"] < 0.07

# %% knee [markdown]
# The formula lies within every band. Its curve is flat for long, and then it has a knee: 0.4 seconds at 80 %, 0.9 at 90
# %, 1.9 at 95 %, 9.9 at 99 %. At 100 % there is no average any more: the queue grows for as long as you look. That is
# the plan of Thursday: every second brings four seconds of work, and four consumers have exactly that.
#
# (Always exactly a tenth of a second of work would halve the wait [T02]; more uneven work lengthens it [T03].)
#
# Now the other way: eight orders a second, and packing gets slower. **Before you touch it:** from 0.1 seconds to 0.12,
# by a fifth.

# %% ask-slower
predict("slower", "Work takes a fifth longer: the average wait is ...", kind="choice",
        choices=["about a fifth longer", "about half as long again", "more than twice as long"])

# %% slower
small = replace(packing(orders(300, rate=8), duration=60), {
    "groups.pack.max_poll_records": 1, "groups.pack.auto_commit_interval_ms": 500})     # so that lag is the queue
waited = [mean_wait(run(replace(small, "groups.pack.service_time.mean", work))) for work in (0.1, 0.12)]
ratio = waited[1] / waited[0]
reveal("slower", "about a fifth longer" if ratio < 1.35 else "about half as long again" if ratio < 2 else
       "more than twice as long")
sliders(small, "groups.pack.service_time.mean",
        show=lambda trace: (trace.plot.lag(), f"average wait: {mean_wait(trace):.2f} s"))

# %% slower-proof tags=["claim"]
assert ratio > 2 and round(0.12 / 0.1, 2) == 1.2 and round(8 * 0.1 * 100) == 80

# %% little [markdown]
# More than twice. At 80 % a fifth more still fits, and is paid for in waiting.
#
# ### How many are inside?
#
# In the run with nine a second an order was inside for 0.64 seconds on average: 0.55 waiting, the rest being packed.

# %% ask-inside
predict("inside", "At any moment, how many orders were inside on average?")

# %% inside
both = nine.deliveries.merge(nine.records[["message", "created"]])
inside = [((both.created <= second) & (both.done > second)).sum() for second in range(222)]    # all of it
reveal("inside", round(sum(inside) / len(inside), 1))

# %% inside-proof tags=["claim"]
stay = (both.done - both.created).mean()
assert round(stay, 2) == 0.64 and round(mean_wait(nine), 2) == 0.55
assert abs(sum(inside) / len(inside) - 9 * stay) < 0.1 and round(9 * 0.64, 1) == 5.8
assert round(both.created.max()) == 222

# %% little-law [markdown]
# Nine a second, each for 0.64 seconds: 5.8 by multiplication, and the count agrees. That is *Little's law* [T01]:
# inside = rate × time inside. It holds whatever the orders and the work are like. Know two of the three, and you know
# the third. Lag divided by rate is about how late you are, if the group ticks off often.
#
# ### Exercise: ten minutes
#
# With n consumers, each with a partition of its own, each gets rate / n: utilisation = rate × work / n. Put that into
# the formula, and solve it for n. Return the fewest consumers with which orders wait no longer than allowed, on
# average. `check` runs three days with your number, and with one consumer fewer. `hint("15-consumers")`,
# `solution("15-consumers")`.

# %% exercise-consumers tags=["exercise"]
from math import ceil


def consumers(rate, work, wait):    # orders a second, seconds of work for each, seconds they may wait
    ...                             # return how many consumers


check("15-consumers", consumers)

# %% part-b [markdown]
# A good place to stop.
#
# # B · Does one more consumer help?
#
# (You begin here? Run the imports and the cell after them first.)
#
# The sale itself: 800 real orders, 40 a second, over in 20 seconds. The topic has twelve partitions, "so that there
# is room". Four consumers have three each, and are too few. We add one at a time.

# %% ask-steps
predict("steps", "95 of 100 orders are packed within some time, waiting included. Which one shortens it most?",
        kind="choice", choices=["the fifth", "the sixth", "the seventh", "all about the same"])

# %% steps
sale = packing(orders(800, rate=40), partitions=12, consumers=4, duration=60)
steps = sweep(sale, {"groups.pack.consumers": [4, 5, 6, 7, 8, 9, 10, 11, 12, 16]}, seeds=3)
p95 = steps[steps.measure == "p95"].set_index("groups.pack.consumers")["mean"]
reveal("steps", {5: "the fifth", 6: "the sixth", 7: "the seventh"}[p95.diff().loc[5:7].idxmin()])
plot.sweep(steps, "p95")

# %% steps-proof tags=["claim"]
assert p95.diff().loc[5:12].idxmin() == 6 and p95[4] - p95[5] < 0.2 and p95[5] - p95[6] > 1.5
assert p95[6] / p95[11] < 1.7 and p95[12] == p95[16] and round(p95[4]) == 3 and 800 / 40 == 20
shares = run(replace(sale, "groups.pack.consumers", 5)).deliveries.groupby("member", observed=True).partition.nunique()
assert sorted(shares) == [2, 2, 2, 3, 3]
assert run(replace(sale, "groups.pack.consumers", 16)).deliveries.member.nunique() == 12

# %% steps-result [markdown]
# The sixth. (That time is called `p95`. Nobody remembers the average wait; everybody remembers the long one. Four are
# at three seconds only because the sale is over after 20.)
#
# A group shares out partitions, not orders [K84]. With five consumers two of them still have three partitions, as with
# four. With six everybody has two; from six to eleven somebody always has two. At twelve each has one, and there is the
# ceiling: sixteen do no better than twelve.
#
# Is it at least true that twelve, for four seconds of work a second, can take on more? A reseller's program joins the
# sale: twelve orders a second, all under one customer's key. Together 52 a second, for consumers that can do 120.

# %% ask-hot
predict("hot", "After half a minute, how many orders wait to be picked up?")

# %% hot
reseller = Producer("reseller", "orders", rate=12, keys=("reseller",))
busy = {"inputs.orders": orders(1_200, rate=40), "groups.pack.consumers": 12, "duration": 30}
hot = run(replace(sale, busy | {"producers": [reseller]}))
reveal("hot", hot.summary().backlog)
hot.plot.lag()

# %% hot-proof tags=["claim"]
one = hot.records[hot.records.key == "reseller"].partition.unique()
assert len(one) == 1 and round(hot.summary().backlog, -1) == 160 and 30 * (12 + 3 - 10) == 150 and round(40 / 12) == 3
assert 40 + 12 == 52 and 12 * 10 == 120
queued = hot.records[~hot.records.message.isin(hot.deliveries.message)]
assert (queued.partition == one[0]).mean() > 0.95
assert run(replace(sale, busy)).summary().backlog < 10

# %% hot-result [markdown]
# About 160, nearly all in one partition. One key is one partition is one consumer [K39]. Twelve a second come from the
# reseller and three from others in this partition, and the consumer packs ten: five too many, for 30 seconds. (The
# picture shows more: lag also counts what is packed and not ticked off yet, and a tick comes every five seconds.)
# No number of partitions helps: the *hot key* (lesson 04) wants another key, or quicker work.
#
# A good place to stop.
#
# # C · When has it caught up?
#
# (You begin here? Run the imports and the cell after them first.)
#
# The bank answers slowly or not at all for 20 seconds, and the consumer that charges stands still. Three orders come in
# a second, evenly for once; it charges four a second. Nothing is lost: the orders wait in the log.

# %% ask-caught
predict("caught", "For how many seconds after the outage do orders still wait?")

# %% caught
evenly = [row | {"at": n / 3} for n, row in enumerate(orders(330))]
away = Scenario([Topic("orders")], inputs={"orders": evenly}, faults=[Pause("pay-0", at=10, duration=20)],
                groups=[ConsumerGroup("pay", "orders", service_time=0.25, max_poll_records=1,
                                      auto_commit_interval_ms=500)], duration=110)


def behind(trace):                  # for how many seconds after the outage somebody waits
    outage = trace.scenario.faults[0]
    late = trace.deliveries.time[waits(trace) > 1]
    return round(max(0, late.max() - outage.at - outage.duration)) if len(late) else 0


reveal("caught", behind(run(away)))
run(away).plot.lag()

# %% caught-proof tags=["claim"]
assert 57 <= behind(run(away)) <= 60 and 20 * 3 == 60
twice = run(replace(away, {"faults.0.duration": 10}))
assert 27 <= behind(twice) <= 30
assert behind(run(replace(away, "groups.pay.service_time", 1 / 6))) in (19, 20) and 60 / (6 - 3) == 20

# %% caught-result [markdown]
# Almost three times as long as the outage. 60 orders lie there; four a second leave and three come, so the pile shrinks
# by one a second [T08]:
#
# **catching up = rate × outage / (speed − rate)**
#
# That is 60 seconds; we counted only waits of over one second. Whoever is just quick enough for every day has little
# left for the day after. Six a second instead of four, and it is 20 seconds.
#
# **Before you move it:** how long may the outage be, so that half a minute later nobody waits?

# %% ask-how-long
predict("how long", "Caught up within 30 seconds: the outage lasts at most how many seconds?")

# %% how-long
reveal("how long", max(seconds for seconds in range(1, 21)
                       if behind(run(replace(away, "faults.0.duration", seconds))) <= 30))
sliders(away, "faults.0.duration", show=lambda trace: (trace.plot.lag(), f"behind for {behind(trace)} s"))

# %% how-long-proof tags=["claim"]
assert behind(run(replace(away, "faults.0.duration", 10))) <= 30 < behind(run(replace(away, "faults.0.duration", 12)))

# %% exercise-outage-text [markdown]
# Ten, by the formula: with these rates a third of what you allow. (The run says one more, for the same reason.)
#
# ### Exercise: eight minutes
#
# Another shop: 24 real orders a second, always 0.1 seconds of work, twelve partitions that fill evenly. The bank will
# be away for 30 seconds. Thirty seconds after that nobody may wait any more. What is the smallest number of
# consumers, and how many seconds after the outage have they caught up? (B had five consumers and twelve partitions.)
# `hint("15-outage")`, `solution("15-outage")`.

# %% exercise-outage tags=["exercise"]
consumers = ...
seconds = ...


check("15-outage", consumers=consumers, seconds=seconds)

# %% part-d [markdown]
# A good place to stop.
#
# # D · Where shall the queue stand?
#
# (You begin here? Run the imports first.)
#
# In the log a queue is cheap: it lies on a disk, and nobody holds his breath. Elsewhere it is not. A service is called
# (lesson 01): one worker, a tenth of a second a request, ten a second. For half a minute fifteen come. Whoever has no
# answer after five seconds has gone.

# %% called tags=["service"]
def bank(**limits):
    async def main(app):
        async def handle(order):
            await app.sleep(0.1)
        await app.serve(handle, workers=1, **limits)
    return main


async def customers(app):
    async def come(row):
        await app.sleep(row["at"])
        await app.call("bank", row["value"], timeout=5)
    await gather(*(come(row) for row in orders(450, rate=15)), return_exceptions=True)


def rush(**limits):
    return run(Scenario([], services=[Service("bank", bank(**limits)), Service("customers", customers)]))

# %% called-text [markdown]
# The queue before the worker has no end. Of 450 customers 300 could be served meanwhile, and some more at the end.

# %% ask-places
predict("places", "With 20 places to wait instead (the 21st is told at once), how many are served in time?",
        kind="choice", choices=["fewer than without an end", "about as many", "many more"])

# %% places
endless, short = rush(), rush(queue=20)
served = [(trace.calls.outcome == "answered").sum() for trace in (endless, short)]
print("served in time: {} with an endless queue, {} with 20 places".format(*served))
reveal("places", "fewer than without an end" if served[1] < 0.9 * served[0] else
       "many more" if served[1] > 1.2 * served[0] else "about as many")
endless.plot.calls("bank")

# %% places-proof tags=["claim"]
assert served == [169, 319] and 450 * 10 / 15 == 300
last = endless.calls[endless.calls.outcome == "answered"].sent.max()
assert 12 < last < 13
in_time = short.calls[short.calls.outcome == "answered"]
assert (in_time.answered - in_time.sent).max() < 2.2 and (short.calls.outcome == "overloaded").sum() == 131
assert (rush(queue=0).calls.outcome == "answered").sum() == 180
assert (rush(queue=48).calls.outcome == "answered").sum() == 347 and 10 * 5 == 50
assert (rush(queue=50).calls.outcome == "answered").sum() == 241
assert (rush(queue=60).calls.outcome == "answered").sum() == 169

# %% places-result [markdown]
# 169 and 319. An endless queue turns nobody away: it lets everybody wait until he has gone, and then works for those
# who have gone. The queue grows by five a second; whoever comes after the thirteenth second gets nothing.
#
# With 20 places nobody waits longer than two seconds, and 131 are told at once (their call raises `Overloaded`).
# Telling the one who sends that he must slow down is *backpressure*. How many places? Fewer than can be served before
# patience ends: speed × patience, Little again. That is 50 here, and 48 places serve 347. But 50 itself is over the
# edge, for somebody is being served already: 241. With 60 all who have a place leave before it is their turn: 169
# once more.
#
# ### The queue nobody sees
#
# The website writes orders to Kafka and says thank you. For 20 seconds the broker stands still, and after ten of them
# the website is killed. Its client (it behaves as Java's here) keeps in memory what it cannot send yet.

# %% website tags=["service"]
def website(**settings):
    async def main(app):
        producer = app.producer(**settings)
        for row in orders(600, rate=20):
            await app.sleep(max(0, row["at"] - app.now))
            try:
                await producer.send("orders", row["value"], key=row["key"])     # put aside, not yet sent
                await app.effect("thanks", row["value"]["order_id"])
            except KafkaTimeoutError:
                await app.effect("sorry", row["value"]["order_id"])
    return main


def stands_still(**settings):
    return run(Scenario([Topic("orders")], client="java", brokers=1, services=[Service("website", website(**settings))],
                        faults=[Pause("broker-0", at=5, duration=20), Crash("website-0", at=15)]))

# %% ask-thanked
predict("thanked", "How many customers were thanked, and their orders are nowhere?")

# %% thanked
def thanked_for_nothing(trace):
    return (trace.effects.name == "thanks").sum() - trace.summary().in_log


reveal("thanked", thanked_for_nothing(stands_still()))
bounded = stands_still(buffer_memory=5_000, max_block_ms=10)     # room for 5,000 bytes; wait for room: 10 ms
print(f"bounded: {thanked_for_nothing(bounded)}, and {(bounded.effects.name == 'sorry').sum()} were told")

# %% thanked-proof tags=["claim"]
assert thanked_for_nothing(stands_still()) == 195 and thanked_for_nothing(bounded) == 46
assert (bounded.effects.name == "sorry").sum() == 149
from simlib.scenario.settings import resolve_producer

java = resolve_producer("java", {})
room_for = java.buffer_memory / (5_000 / thanked_for_nothing(bounded))
assert 4 < room_for / 20 / 3_600 < 5 and java.buffer_memory == 32 * 1024 ** 2 and java.max_block_ms == 60 * 1_000

# %% thanked-result [markdown]
# By default that memory has room for 32 megabytes (`buffer_memory`), hours of our orders. Only when it is full does
# `send` wait, for up to 60 seconds (`max_block_ms`), and then fail [K16]. Small and impatient, it fails early: 149
# customers are told the truth. kafka-python has no such limit at all. (And 46 were still thanked too soon: thank after
# `send_and_wait`.)
#
# ### Exercise: fifteen minutes
#
# 200 orders come in one second, each wants a mail. The post office takes ten at a time, half a second each on average,
# and turns an eleventh away. Write the loop: ten at a time, as quick as that goes, and never more than 25 orders that
# your loop was given and whose mail is not out. `Semaphore(10)` counts: `acquire` waits for room, `release` gives it
# back. `check` counts too. `hint("15-room")`, `solution("15-room")`.

# %% exercise-room tags=["exercise"]
from asyncio import Semaphore, TaskGroup


async def mailer(app):
    consumer = app.consumer("orders", group_id="mail", auto_offset_reset="earliest")
    async for order in consumer:
        ...                                     # ten at a time
        await app.call("post", order.value)     # sends a mail


check("15-room", mailer)

# %% part-e [markdown]
# A good place to stop.
#
# # E · Why is the page slow when each part is quick?
#
# (You begin here? Run the imports first.)
#
# The shop's search asks its shelves all at once. A shelf answers in ten milliseconds, 99 times of 100. One time it
# takes a second, because it tidies up.

# %% shelves tags=["service"]
async def shelf(app):
    async def look(page):
        await app.sleep(1 if app.random.random() < 0.01 else 0.01)
    await app.serve(look)


def pages(shelves):                 # a hundred pages, one after the other
    async def main(app):
        for page in range(100):
            begun = app.now
            await gather(*(app.call("shelf", page) for _ in range(shelves)))
            await app.effect("page", app.now - begun)
    return run(Scenario([], services=[Service("shelf", shelf), Service("shop", main)])).effects.key

# %% ask-hundred
predict("hundred", "A page asks 100 shelves. How many of 100 pages take a second or more?")

# %% hundred
reveal("hundred", (pages(100) >= 1).sum())
print({shelves: f"{(pages(shelves) >= 1).sum()} of 100" for shelves in (1, 10)})

# %% hundred-proof tags=["claim"]
assert (pages(100) >= 1).sum() == 63 == round(100 * (1 - 0.99 ** 100))
assert (pages(1) >= 1).sum() == 1 and (pages(10) >= 1).sum() == 10 == round(100 * (1 - 0.99 ** 10))
assert round(100 * (1 - 0.9999 ** 2_000)) == 18 and 0.01 * 1_000 == 10
published = {"one": (1, 5, 10), "all": (40, 87, 140)}
assert published["all"][0] == 40 and 99 == 100 - 1 and 50 + 45 == 95

# %% hundred-result [markdown]
# Most of them. The page is as slow as its slowest shelf, and 0.99 multiplied by itself a hundred times is 0.37 [T12].
# The rare case of a part is the common case of the whole.
#
# Google measured it (*"The Tail at Scale"*, 2013), in milliseconds:
#
# | | half are done after | 95 % | 99 % |
# |---|---|---|---|
# | one server, at random | 1 | 5 | 10 |
# | all servers of a request | 40 | 87 | 140 |
#
# The cure is in the same paper: ask again whoever is late, take the first answer. That is a *hedged request*. Here it
# is `hedged(app, after, ask, ask)` of `simlib.patterns.resilience`.
#
# ### Exercise: six minutes
#
# A page of ten shelves. Each usually answers within 8 to 12 milliseconds, once in 100 times after a second. `check`
# hedges every question. After how many seconds? Of 100 pages 99 must be done within 0.1 seconds, and there may be 5 %
# more questions, no more. `hint("15-again")`, `solution("15-again")`.

# %% exercise-again tags=["exercise"]
after = ...     # seconds


check("15-again", after=after)

# %% exercise-again-proof tags=["claim"]
assert round(0.99 ** 100, 2) == 0.37


def limits():
    from simlib.course.exercises import after_the_outage, asking_twice, room_in_hand

    assert (asking_twice.SHELVES, asking_twice.USUAL, asking_twice.ONE_IN) == (10, (0.008, 0.012), 100)
    assert (asking_twice.SOON, asking_twice.MORE) == (0.1, 0.05)
    assert (room_in_hand.ORDERS, room_in_hand.AT_ONCE, room_in_hand.MEAN) == (200, 10, 0.5)
    assert room_in_hand.MOST_IN_HAND == 25
    return after_the_outage.RATE, after_the_outage.DOWN, after_the_outage.WITHIN


assert limits() == (24, 30, 30) and 8 < 12

# %% close [markdown]
# ## What you take with you
#
# And at the other end of the scale? Netflix's slides of 2016 say a trillion events a day, 12.5 million a second at the
# peak. With a tenth of a millisecond of work each, 1,250 consumers would be busy all the time. The arithmetic is yours.
#
# | | use it when | not when |
# |---|---|---|
# | **more consumers** | utilisation is high, and they share the partitions evenly | one key is hot |
# | **quicker work** | one key is hot; outages must be worked off | the time goes into waiting for somebody else |
# | **the log as the queue** | nobody waits for the answer | somebody does |
# | **a queue with an end** | somebody waits: fewer places than speed × patience | the log is the queue |
# | **a hedged request** | reads; few are slow, and not for the same reason | it changes something; all are slow |
#
# **Five lines to keep**
# 1. Ask how long it may wait. Without that there is no number of consumers.
# 2. Wait = work × utilisation / (1 − utilisation). From 80 % on every percent counts.
# 3. Inside = rate × time inside.
# 4. Catching up = rate × outage / (speed − rate).
# 5. Every queue needs an end, and every end a word to the one who sends.
#
# **Self-test**
#
# <details><summary>Your lag is 6,000, and 200 orders come in a second. How late are you?</summary>
# About 30 seconds: lag divided by rate.</details>
# <details><summary>90 % utilisation, wait too long. Double the consumers, or halve the work?</summary>
# Both halve utilisation. Halving the work halves the wait once more: work is a factor of its own.</details>
# <details><summary>Ten consumers, twelve partitions. Two more consumers, or none?</summary>
# Two more, or down to six: with ten somebody still has two partitions.</details>
# <details><summary>A page asks 2,000 servers; one answer in 10,000 is slow. How many pages are?</summary>
# 18 of 100 [T12].</details>
#
# **Last exercise.** Answer Thursday's plan in four sentences. Ours is in `solution("15-words")`.
#
# **Read on:** [The Tail at Scale](https://research.google/pubs/the-tail-at-scale/);
# [handling overload](https://sre.google/sre-book/handling-overload/); Netflix's
# [slides](https://www.slideshare.net/slideshow/keystone-leverage-big-data-2016/63103740).
#
# A good place to stop. Next:

# %% close-proof tags=["claim"]
assert 6_000 / 200 == 30 and 12.5e6 * 0.0001 == 1_000 + 250 and 1e12 / 86_400 < 12.5e6
assert ceil(40 * 0.1 * (0.5 + 0.1) / 0.5) == 5 and 12 % 5 and not 12 % 6 and 40 / (60 - 40) == 2   # "15-words"
halved, doubled = (work * 45 / (100 - 45) for work in (0.05, 0.1))      # from 90 %, and the knee from 80 %
assert round(doubled / halved, 9) == 2 and 2016 > 2013 and 90 == 2 * 45 and 80 < 90

# %% routes
routes()
