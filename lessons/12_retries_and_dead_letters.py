# %% header [raw] tags=["header"]
# minutes = 60
# question = "One bad record, ten thousand waiting"
# needs = ["commit, lag (lesson 00)", "key, partition (lesson 04)", "commit after, commit before (lesson 05)"]
# cut = "In B the second slider (the tray), in C the coin. Never the cancelled order."
# vote = "A: order 382 has no amount - how many of ten thousand are charged? B: the cancelled order - what is charged?"
#
# [[episodes]]
# question = "A. Why does nobody get charged?"
# minutes = 20
#
# [[episodes]]
# question = "B. Where does an order wait?"
# minutes = 20
#
# [[episodes]]
# question = "C. How often, and who opens the tray?"
# minutes = 20
#
# [[objectives]]
# do = "tell an error that passes from one that stays"
# exercise = "12-sort"
#
# [[objectives]]
# do = "put a bad order aside, with its reason, so that no accident loses it"
# exercise = "12-tray"
#
# [[objectives]]
# do = "keep the order of a customer while one of his orders waits"
# exercise = "12-park"
#
# [[objectives]]
# do = "choose attempts, waits and jitter, and defend the choice"
# exercise = "12-wait"

# %% opening [markdown]
# # One bad record, ten thousand waiting
#
# **Lesson 12** · 60 minutes · you know commit and lag (lesson 00), keys (lesson 04), commit after or before (lesson 05)
#
# Monday, 09:10. *"Since nine o'clock nobody has been charged."* Billing runs. The bank runs. Kafka runs. The lag grows
# by a hundred orders a second.
#
# When you leave this page you can
# 1. tell an error that passes from one that stays;
# 2. put a bad order aside, with its reason, so that no accident loses it;
# 3. keep the order of a customer while one of his orders waits;
# 4. choose attempts, waits and jitter, and defend the choice.
#
# You need three things. A group's *offset* says which order it reads next [K72]. A program that raises is started again
# and reads from there [K74]. Orders of one *key*, here the customer, share a partition and come in order.
#
# <details><summary>Do you have what you need? Two questions.</summary>
#
# Charge, then commit; killed between the two. What happens? *The order is charged twice.*<br>
# Commit, then charge; killed between the two? *It is never charged.*<br>
# Not sure? Part A of lesson 05 takes 45 minutes.
# </details>

# %% imports
from asyncio import gather

from simlib import Crash, Scenario, Service, Topic, replace, run, sliders
from simlib.course import check, hint, predict, reveal, solution, start
from simlib.data import orders
from simlib.patterns.retry import again, backoff, redrive, with_retry_topics

start("12")


def charged(trace):
    return trace.effects.key[trace.effects.name == "charge"].nunique()


def twice(trace):
    return int((trace.effects.occurrence > 1).sum())


def letters(trace):
    return int((trace.records.topic == "orders-dlq").sum())

# %% the-loop [markdown]
# ## Nine o'clock
#
# The bank is a service of its own. It takes the money, gives it back for a cancelled order, and refuses an order
# without an amount: there is nothing to take. Billing asks it (`app.call`) and waits for the answer.

# %% bank tags=["service"]
async def bank(app):
    async def pay(order):
        if order.get("cancelled"):
            # refund
            await app.effect("refund", order["order_id"])
        elif order["amount"] == 0:
            raise ValueError("no amount")
        else:
            # charge
            await app.effect("charge", order["order_id"])

    await app.serve(pay)


# %% billing tags=["service"]
async def billing(app):
    consumer = app.consumer("orders", group_id="billing",
                            enable_auto_commit=False, auto_offset_reset="earliest")
    async for order in consumer:
        # charge
        await app.call("bank", order.value)
        # commit
        await consumer.commit()


# %% before-bad [markdown]
# Ten thousand orders that people really placed, a hundred a second. In the shop's own log of 1997 some have no amount.
# The first of these is number 382. **Before you run it, write down what you think.**

# %% guess-bad
shop = Scenario([Topic("orders")], inputs={"orders": orders(10_000, rate=100)},
                services=[Service("bank", bank), Service("billing", billing)], duration=100)
predict("bad", "After 100 seconds: how many of the 10,000 are charged?")

# %% first-run
trace = run(shop)
reveal("bad", charged(trace))
trace.plot.lag()

# %% first-run-proof tags=["claim"]
rows = shop.inputs["orders"]
assert rows[381]["value"]["date"].startswith("1997")
assert [number for number, row in enumerate(rows, 1) if row["value"]["amount"] == 0][0] == 382
assert charged(trace) == 381 and sum(row["value"]["amount"] == 0 for row in rows) == 32
assert trace.lag.lag.iloc[-1] > 9_600

# %% bad-text [markdown]
# 381. Look who is working:

# %% lives
story = trace.control[trace.control.process == "billing-0"]
story = story[story.kind.isin(["crashed", "restarted", "assigned"])]
story[["time", "kind", "detail"]].round(1).set_index("time")

# %% lives-proof tags=["claim"]
assert story.kind.tolist() == ["assigned", "crashed", "restarted"] * 3
raised = trace.events[(trace.events.kind == "exception") & (trace.events.process == "billing-0")]
assert "RemoteError" in raised.detail.iloc[0] and "no amount" in raised.detail.iloc[0]
assert set(trace.commits.offset.tail(1)) == {381}

# %% lives-text [markdown]
# > **It looks as if** billing is down. It is not: it starts, asks where it was, gets order 382, is refused, and dies of
# > the error nobody caught. The next life begins at the same order, because nothing was committed. A record that kills
# > whoever reads it is called *poison*. Restarting cures what passes. This does not pass.
#
# ## Catch it and go on
#
# The usual answer at 09:20 takes three lines:

# %% hasty tags=["service"]
async def billing_hasty(app):
    consumer = app.consumer("orders", group_id="billing",
                            enable_auto_commit=False, auto_offset_reset="earliest")
    async for order in consumer:
        try:
            # charge
            await app.call("bank", order.value)
        except Exception:
            pass    # one bad order must not stop us
        # commit
        await consumer.commit()


# %% guess-hasty
brief = replace(shop, {"inputs.orders": orders(2_000, rate=100), "services.billing.main": billing_hasty,
                       "faults": [Crash("bank-0", at=15, restart_after=5)]})
predict("hasty", "2,000 orders. At second 15 the bank is away for 5 seconds. How many are never charged?")

# %% run-hasty
trace = run(brief)
reveal("hasty", 2_000 - charged(trace))
trace.plot.lag()

# %% run-hasty-proof tags=["claim"]
bad = sum(row["value"]["amount"] == 0 for row in brief.inputs["orders"])
assert bad == 12 and 2_000 - charged(trace) - bad == 489
assert trace.lag.lag.iloc[-1] <= 2 and brief.faults[0].at == 15 and trace.commits.offset.max() >= 1_999

# %% hasty-text [markdown]
# Twelve had no amount. The other 489 were good orders, and nobody will ever ask about them: they are committed. The lag
# is a flat line, so no alarm rings.
#
# > **It looks as if** catching the error made billing robust. It made it deaf. Nothing is faster than a bank that is
# > not there: each order was refused, skipped and ticked off within milliseconds.
#
# Two kinds of error met the same `except`. A bank that restarts is *transient*: the same call works in a minute. An
# order without an amount is *permanent*: no attempt will find one [P30]. Tell them apart before you try anything again.
# (And silence is not a no: after a `TimeoutError` the money may be gone already. Trying again needs a bank that knows
# the order, lesson 06.)
#
# ### Exercise: five minutes
#
# Five orders meet five errors: `TimeoutError("the bank does not answer")`, `ValueError("this order has no amount")`,
# `ConnectionError("the bank is being restarted")`, `KeyError("amount")` and `PermissionError("this card is closed")`.
# Write `worth_again(error)`. It must also be right about errors you have not thought of.
# `hint("12-sort")`, `solution("12-sort")`.

# %% exercise-sort tags=["exercise"]
def worth_again(error):
    ...     # your code


check("12-sort", worth_again)

# %% tray-text [markdown]
# ### Exercise: eight minutes
#
# What will never work goes to the tray of undeliverable mail, a topic called *dead letter queue*, here `orders-dlq`.
# Somebody reads it on Monday, so the letter needs its **reason**: give it the headers `error` (what was said) and
# `original-offset` (where it came from, `order.offset`). Above the loop, `producer = app.producer()`; to send,
# `await producer.send_and_wait(topic, value, key=..., headers={...})`.
#
# `check` kills billing and the bank at every step and loses every request, up to two at a time. Each order must be
# charged or lie in the tray. `hint("12-tray")`, `solution("12-tray")`.

# %% exercise-tray tags=["exercise", "service"]
async def billing_with_tray(app):
    consumer = app.consumer("orders", group_id="billing",
                            enable_auto_commit=False, auto_offset_reset="earliest")
    async for order in consumer:
        try:
            # charge
            await app.call("bank", order.value)
        except Exception:
            ...     # your code
        # commit
        await consumer.commit()


check("12-tray", billing_with_tray)

# %% part-b [markdown]
# A good place to stop.
#
# ## Where does an order wait?
#
# (You begin here? Run the cells above first.) The other kind: the bank is away for a while. Simplest is to stand still
# and ask again. Two instances of billing share the work.

# %% patient tags=["service"]
async def billing_patient(app):
    consumer = app.consumer("orders", group_id="billing",
                            enable_auto_commit=False, auto_offset_reset="earliest")
    async for order in consumer:
        while True:
            try:
                # charge
                await app.call("bank", order.value)
                break
            except ConnectionError:
                await app.sleep(1)
        # commit
        await consumer.commit()


# %% guess-patient
long = Scenario([Topic("orders")], inputs={"orders": orders(100, rate=5)}, duration=1_500,
                services=[Service("bank", bank), Service("billing", billing_patient, instances=2)],
                faults=[Crash("bank-0", at=10, restart_after=360)])
predict("patient", "The bank is away for six minutes. What happens?", kind="choice",
        choices=["all wait, and each order is charged once", "one order is charged twice",
                 "all orders that waited are charged twice"])

# %% run-patient
trace = run(long)
reveal("patient", "one order is charged twice" if twice(trace) == 1 else f"{twice(trace)} are charged twice")
story = trace.control[trace.control.kind.isin(["evicted", "assigned", "commit_failed"])]
story[["time", "process", "kind", "detail"]].round(1).set_index("time")

# %% run-patient-proof tags=["claim"]
assert twice(trace) == 1 and charged(trace) == 100 and long.faults[0].restart_after == 6 * 60
(given_up,) = story.time[story.detail == "max_poll_interval_ms"]
assert 309 < given_up < 312
assert trace.lag.lag.max() == 45

# %% patient-text [markdown]
# > **It looks as if** a program that waits politely is alive. Its heartbeats say so. But five minutes without a *poll*,
# > and its own client leaves the group (`max_poll_interval_ms`) [K88]. The twin gets the partition and begins the same
# > order. When the bank is back, both have it in their hands.
#
# Standing still kept the order, and everybody waited with it: 45 orders, because of one [P29].

# %% guess-patience
predict("patience", "From how many seconds of outage on is an order charged twice?")

# %% slider-patience
harmful = next(s for s in range(240, 360, 10) if twice(run(replace(long, "faults.0.restart_after", s))))
reveal("patience", harmful)
sliders(
    long, "faults.0.restart_after", show=lambda trace: (f"charged twice: {twice(trace)}", trace.plot.lag()))

# %% slider-patience-proof tags=["claim"]
assert harmful == 300 and twice(run(replace(long, "faults.0.restart_after", 200))) == 0

# %% topics-text [markdown]
# 300, whatever the bank does: that number is Kafka's. Below it nothing is wrong but the waiting.
#
# ## Wait elsewhere
#
# Let the order wait where it is in nobody's way: in a topic of its own, read five seconds later, then in one read a
# minute later, then in the tray. These are *retry topics*. The code is short; open `simlib/patterns/retry.py` and read
# `_one_topic`.

# %% topics tags=["service"]
async def billing_topics(app):
    # orders, then orders-retry-5s, orders-retry-1m, orders-dlq
    await with_retry_topics(app, "orders", lambda order: app.call("bank", order.value), group_id="billing")


# %% before-cancel [markdown]
# The bank is away for three seconds. A customer whose order could not be charged thinks better of it and cancels. Same
# key, same partition, order first and cancellation three seconds after it.

# %% guess-cancel
given = orders(60, rate=3)
placed = given[34]
cancel = {**placed, "value": {**placed["value"], "cancelled": True}, "at": placed["at"] + 3}
names = ["orders", "orders-retry-5s", "orders-retry-1m", "orders-dlq"]
elsewhere = Scenario([Topic(name) for name in names], faults=[Crash("bank-0", at=10, restart_after=3)],
                     inputs={"orders": sorted([*given, cancel], key=lambda row: row["at"])},
                     services=[Service("bank", bank), Service("billing", billing_topics)])
predict("cancel", "What does this customer's bank statement say?", kind="choice",
        choices=["charged, then refunded", "nothing: it was cancelled in time", "refunded, then charged"])

# %% run-cancel
trace = run(elsewhere)
story = trace.effects[trace.effects.key == placed["value"]["order_id"]]
reveal("cancel", ", then ".join(story.name.map({"charge": "charged", "refund": "refunded"})))
story[["time", "name", "key"]].round(1)

# %% run-cancel-proof tags=["claim"]
assert story.name.tolist() == ["refund", "charge"] and 10 < placed["at"] < 13
others = trace.lag[(trace.lag.group == "billing-orders") & (trace.lag.time > 10)]
assert charged(trace) == 60 and len(trace.lost) == 0 and others.lag.max() < 4

# %% cancel-text [markdown]
# > **It looks as if** one key in one partition is always in order. In the log it is. But the order moved to another
# > log, and its cancellation overtook it [P28, P29]. A cancelled order is paid for, and nobody made a mistake.
#
# No order was lost, and nobody else waited. How long may the bank be away?

# %% guess-ladder
predict("ladder", "From how many seconds of outage on do good orders end in the tray?")

# %% slider-ladder
ladder = replace(elsewhere, "faults.0.restart_after", 80)
reveal("ladder", next(s for s in range(55, 80) if letters(run(replace(ladder, "faults.0.restart_after", s)))))
sliders(ladder, "faults.0.restart_after",
        show=lambda trace: (f"good orders in the tray: {letters(trace)}", trace.plot.lag("billing-orders")))

# %% slider-ladder-proof tags=["claim"]
counts = [letters(run(replace(ladder, "faults.0.restart_after", seconds))) for seconds in (64, 66)]
assert counts[0] == 0 < counts[1] and 5 + 60 == 65

# %% park-text [markdown]
# Not at 5 + 60 = 65 seconds, but at the next one: retry topics reach as far as their waits, however many there are.
#
# ## Let the customer wait
#
# Keep the order and let the others pass: when an order cannot be handled, *park* the customer. Everything that comes
# for the same key joins the queue behind it, until somebody releases it, oldest first (`release`, in the same file).
#
# ### Exercise: eight minutes
#
# Write the loop of `billing_parked`. The database of your service has a table for what is parked.
# `await is_parked(db, key)` says whether somebody of this key waits; `await park(db, order, why)` adds an order.
# `check` sends a bad order, its cancellation, and two of other customers; then it kills everything everywhere.
# `hint("12-park")`, `solution("12-park")`.

# %% exercise-park tags=["exercise"]
async def billing_parked(app):
    from simlib.patterns.retry import PARKED, is_parked, park

    consumer = app.consumer("orders", group_id="billing",
                            enable_auto_commit=False, auto_offset_reset="earliest")
    db = app.database
    await db.execute(PARKED)
    async for order in consumer:
        if await is_parked(db, order.key):
            ...     # your code


check("12-park", billing_parked)

# %% part-c [markdown]
# A good place to stop.
#
# ## How often?
#
# (You begin here? Run the cells above first.) One call in five fails, for no reason you can see. `again` asks until the
# bank answers, three times at most, with a short pause; then the order is put aside. Ten thousand orders come.

# %% guess-coin tags=["service"]
def day(fails):
    async def billing(app):
        async def ask():
            if fails(app):
                raise ConnectionError("no bank")

        async def one(number):
            await app.sleep(number / 100)
            try:
                await again(app, ask, attempts=3, base=0.1)
            except ConnectionError:
                await app.effect("put aside", number)

        await gather(*(one(number) for number in range(10_000)))

    return Scenario([], services=[Service("billing", billing)])


predict("coin", "How many of the 10,000 are put aside?")

# %% coin
aside = len(run(day(lambda app: app.random.random() < 0.2)).effects)
reveal("coin", aside)
print("one call in five:          ", aside)
print("the same fifth in one piece:", len(run(day(lambda app: 40 <= app.now < 60)).effects))

# %% coin-proof tags=["claim"]
one_piece = len(run(day(lambda app: 40 <= app.now < 60)).effects)
assert abs(aside - 10_000 * 0.2**3) < 3 * (80 * 0.992) ** 0.5 and 0.2 * 0.2 * 0.2 * 10_000 - 80 < 1e-9
assert 1_950 < one_piece < 2_000 and 60 - 40 == 20

# %% coin-text [markdown]
# Three failures in a row: 0.2 × 0.2 × 0.2 of 10,000 is 80, give or take [P30]. Then the same share of failures as one
# outage of 20 seconds: nearly all of its 2,000 orders. Three attempts within half a second meet the same outage three
# times. Attempts do not count; the time they span does.
#
# ## All at once
#
# So wait longer each time: 0.1 seconds, then 0.2, 0.4, 0.8: *backoff*. Fifty tills lose the bank at the same moment.
# It is back after ten seconds.

# %% guess-herd
predict("herd", "How many of the 50 ask in the busiest tenth of a second after it is back?")

# %% herd
def tills(wait):
    async def till(app):
        for attempt in range(12):
            await app.effect("ask", f"{app.name}/{attempt}")
            if app.now > 10:
                return
            await app.sleep(wait(attempt, app.random))

    times = run(Scenario([], services=[Service("till", till, instances=50)])).effects.time
    return times[times > 10]


def doubling(attempt, random):
    return 0.1 * 2**attempt


# %% herd-picture
busiest = tills(doubling).round(1).value_counts().max()
reveal("herd", busiest)
for name, wait in [("doubling", doubling), ("with jitter", backoff)]:
    print(f"{name}: seconds after the bank is back")
    for second, asked in (tills(wait) - 10).astype(int).value_counts().sort_index().items():
        print(f"{second:4} {'#' * asked}")

# %% herd-proof tags=["claim"]
assert [doubling(attempt, None) for attempt in range(4)] == [0.1, 0.2, 0.4, 0.8]


def judged():
    from simlib.course.exercises.backing_off import OUTAGE, TILLS

    return OUTAGE, TILLS


assert judged() == (30, 50)
assert busiest == 50 and tills(backoff).round(1).value_counts().max() <= 5
assert len(tills(backoff)) == 50 == len(tills(doubling))

# %% herd-text [markdown]
# Doubling keeps them in step: all fifty come back at one instant, a *thundering herd*, and may knock the bank over
# again. *Jitter* breaks the step: wait anything between nothing and the limit. It is one line in `backoff`.
#
# ### Exercise: six minutes
#
# Choose `attempts`, `base` (first limit), `cap` (largest limit), in seconds, and `jitter`. An outage of 30 seconds must
# put nothing aside, the group must never give you up, and 50 tills must not come as a herd.
# `hint("12-wait")`, `solution("12-wait")`.

# %% exercise-wait tags=["exercise"]
attempts = ...
base = ...
cap = ...
jitter = ...


check("12-wait", attempts=attempts, base=base, cap=cap, jitter=jitter)

# %% redrive-text [markdown]
# ## Monday: the tray
#
# An outage of 66 seconds left four good orders in the tray. The bank is back, so a clerk sends all letters back to
# `orders`: a *redrive*. His machine dies right after the second letter and is back five seconds later.

# %% guess-redrive
async def clerk(app):
    await redrive(app, "orders-dlq")


monday = replace(ladder, {"faults": [Crash("bank-0", at=10, restart_after=66),
                                     Crash("clerk-0", after="send", nth=2, restart_after=5)],
                          "services": [*ladder.services, Service("clerk", clerk, start=150)]})
predict("redrive", "How many of the four orders are charged twice?")

# %% run-redrive
trace = run(monday)
reveal("redrive", twice(trace))

# %% run-redrive-proof tags=["claim"]
assert letters(trace) == 4 and twice(trace) == 1 and charged(trace) == 60
assert monday.faults[0].restart_after == 66

# %% close [markdown]
# > **It looks as if** an order in the tray is safe. It will not be lost. But this one was sent, not yet committed, and
# > sent again: lesson 05 once more. The cure is that of lesson 06: the bank must know an order it has charged, for as
# > long as a letter may lie in the tray [P13].
#
# And repair first. A redriven order without an amount is back in the tray within a second, and a clerk who works until
# the tray is empty never goes home.
#
# | | order of a customer | the others | use it when | do not |
# |---|---|---|---|---|
# | stand still and ask again | kept | wait | it lasts seconds | it may last five minutes [K88] |
# | retry topics | broken | go on | orders do not depend on each other | a cancellation may overtake |
# | dead letters | broken | go on | it will never work, and somebody reads them | nobody does |
# | park the customer | kept | go on | order matters more than one customer's time | one key has most of the load |
#
# **Five lines to keep**
# 1. A record that kills its reader is read again by the next life.
# 2. First ask whether the error can pass; only then try again.
# 3. Commit when somebody else has said yes to the letter.
# 4. Whatever moves aside is overtaken. Park the key, or say that you do not care.
# 5. Waits that double, a cap, jitter, and an end.
#
# **Self-test**
#
# <details><summary>Why not put the bad order back at the end of <code>orders</code>?</summary>
# When the queue is empty it is at the head again: a hot loop, thousands of deliveries, still bad.</details>
# <details><summary>Billing tries three times, the client library below it three times, the gateway three times. One bad
# order: how many calls?</summary>
# 3 × 3 × 3 = 27. Retry in one place.</details>
# <details><summary>Which alarm rings on the first Monday, and which with <code>billing_hasty</code>?</summary>
# Lag. None: count what is put aside, too.</details>
#
# **Last exercise.** Answer the call of 09:10 in three sentences. Ours is in `solution("12-mail")`.
#
# **Read on:** [why jitter](https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/), with the curves;
# [retry topics at Uber](https://www.uber.com/blog/reliable-reprocessing/);
# [error handling patterns for Kafka](https://www.confluent.io/blog/error-handling-patterns-in-kafka/), keeping order
# among them.
#
# A good place to stop. Next: lesson 13, which follows one order through all of this.

# %% close-proof tags=["claim"]
unrepaired = [row for row in orders(600, rate=10) if not row["value"]["amount"]]
again_in_the_tray = run(replace(monday, {"inputs.orders": unrepaired, "faults": []}))
tray = again_in_the_tray.records[again_in_the_tray.records.topic != "orders-retry-5s"]
sent_back, back = (tray[tray.topic == topic].created.max() for topic in ("orders", "orders-dlq"))
assert len(unrepaired) == 1 and letters(again_in_the_tray) >= 2 and 0 < back - sent_back < 1
assert 3 * 3 * 3 == 27
