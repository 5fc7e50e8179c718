# %% header [raw] tags=["header"]
# minutes = 60
# question = "I saved it, where is it?"
# needs = ["event, consumer, commit (lesson 00)", "what a kill repeats, offset (lesson 05A)",
#          "twice equals once (lesson 06)", "SQL: INSERT, SELECT, transaction"]
# cut = "Copies of a database, and the second form of the view. Never the first screens, never the killed window."
# vote = "A second later Ada opens her list: her order, none, an error? Then the window is killed: how many seconds?"
#
# [[episodes]]
# question = "A. Where is it?"
# minutes = 22
#
# [[episodes]]
# question = "B. What do I show meanwhile?"
# minutes = 23
#
# [[episodes]]
# question = "C. How long is eventually?"
# minutes = 15
#
# [[objectives]]
# do = "write a view that says of itself how far it has come"
# exercise = "10-view"
#
# [[objectives]]
# do = "write a page that never takes back what it has shown"
# exercise = "10-screen"
#
# [[objectives]]
# do = "show what is not saved yet, and take it back when it is refused"
# exercise = "10-refused"
#
# [[objectives]]
# do = "say in seconds what eventually means"
# exercise = "10-seconds"

# %% opening [markdown]
# # I saved it, where is it?
#
# **Lesson 10** · 60 minutes, three episodes · you know what a kill repeats (lesson 05A) and how twice equals once
# (lesson 06)
#
# Saturday, 11:20. Ada buys a CD. *"Thank you! o-17 is saved."* She opens *"My orders"*: none. So she buys it again.
# And writes: *"I saved it. Where is it?"*
#
# When you leave this page you can
# 1. write a view that says of itself how far it has come;
# 2. write a page that never takes back what it has shown;
# 3. show what is not saved yet, and take it back when it is refused;
# 4. say in seconds what "eventually" means.
#
# <details><summary>Do you have what you need? Three lines and two questions.</summary>
#
# A topic is cut into partitions, for reading side by side; in each of them every event has a number, its offset, from 0
# on. A consumer reads and commits: "done up to here". After a kill it goes on at the last commit, and does again what
# it had done since. Its group notices a dead member after 45 seconds.
#
# A table is changed, then comes the kill, then the commit would have come. What happens to that event? *It changes the
# table again.*<br>
# What makes twice equal once? *A memory in the transaction that does the work.*<br>
# Surprised? Lesson 05A first, then 06.
# </details>

# %% imports
import asyncio
from functools import partial
from inspect import getsource

from simlib import Crash, RemoteError, Scenario, Service, Topic, explore, laws, replace, run, sliders
from simlib.course import check, hint, predict, reveal, solution, start
from simlib.data import orders
from simlib.patterns.projection import POSITIONS, project, take
from simlib.patterns.reading_your_writes import covers, seen_within, token, version, with_pending
from simlib.patterns.retry import again

start("10")

# %% till-text [markdown]
# # A · Where is it?
#
# The shop has two sides. Whoever buys stands at the till: it takes an order, writes it to the topic `orders`, and says
# that it is saved. That is all it does, so it is quick, and seldom down.

# %% till tags=["service"]
async def till(app):
    producer = app.producer(request_timeout_ms=1_000)       # somebody waits: send again after a second, not after 30

    async def save(order):
        sent = await producer.send_and_wait("orders", order, key=order["customer"])
        return token(sent)          # its partition and offset; for episode B

    await app.serve(save)


# %% window-text [markdown]
# Whoever looks stands before the shop window. It reads the topic, and makes of it a table that is good for looking:
# who bought what. For each order it needs two seconds; there are pictures to fetch, and prices.

# %% window tags=["service"]
VIEW = "CREATE TABLE my_orders (order_id TEXT PRIMARY KEY, customer TEXT);" + POSITIONS
ADD = "INSERT INTO my_orders VALUES (?, ?) ON CONFLICT DO NOTHING"
MINE = "SELECT order_id FROM my_orders WHERE customer = ?"


def window(answer):
    async def main(app):
        async def add(db, order):
            await app.sleep(2)
            await db.execute(ADD, [order.value["order_id"], order.value["customer"]])

        await asyncio.gather(project(app, "orders", "my_orders", add), app.serve(partial(answer, app)))
    return main


async def answer(app, asked):
    return [row["order_id"] for row in await app.database.execute(MINE, [asked["customer"]])]


# %% cqrs [markdown]
# Writing and reading go separate ways: that is *CQRS* (command query responsibility segregation: the name is the
# hardest part of it). A table that is made from events, for reading, is a *projection*. `project` reads the topic and
# calls `add` for each order.
#
# Now Ada. Her page is three things: `app.show` puts lines on her screen, `press` presses *"Buy"*, `look` fetches her
# list. The last two ask again until somebody answers; an order has an id, so twice is once.

# %% shop tags=["service"]
ORDER = {"order_id": "o-17", "customer": "Ada"}


def shop(screen, answer=answer, faults=()):
    async def ada(app):
        async def press():
            return await again(app, partial(app.call, "till", ORDER, timeout=2), attempts=6, base=0.5)

        async def look(after=None, within=0):       # both for episode B
            asked = {"customer": "Ada", "after": after or {}, "within": within}
            return await again(app, partial(app.call, "window", asked, timeout=within + 2), attempts=6, base=0.5)

        await app.sleep(5)
        await screen(app, press, look)
    return Scenario([Topic("orders")], faults=faults, duration=120, services=[
        Service("till", till), Service("window", window(answer), database=VIEW), Service("ada", ada)])


# %% hopeful-text [markdown]
# The page that everybody writes first. It says thank you, and a second later she opens her list. She looks again every
# second.

# %% hopeful tags=["service"]
async def hopeful(app, press, look):
    await app.show("Saving o-17 ...")
    await press()
    await app.show("Thank you!", "o-17 is saved.")
    for _ in range(4):
        await app.sleep(1)
        await app.show("My orders:", *(await look() or ["none"]))


# %% guess-list
predict("list", "Nobody dies, nothing is lost. A second later Ada opens her list. It shows ...", kind="choice",
        choices=["o-17", "none", "an error"])

# %% list
first = run(shop(hopeful))
reveal("list", "none")
first.plot.screens(about="o-17")

# %% list-proof tags=["claim"]
assert first.screens.text.tolist() == ["Saving o-17 ...", "Thank you!\no-17 is saved.", "My orders:\nnone",
                                       "My orders:\no-17"]
assert first.ended == "quiet"

# %% list-result [markdown]
# > **It looks as if** her order was lost, or the page had a bug. Nothing is lost, and every line does what it says.
# > The till knows the order, the window does not know it **yet**. Ada went from one to the other in a second. The
# > order took two.
#
# *Eventual consistency* is the name for it: after a while both say the same [P43]. Nobody has said how long a while is.

# %% killed-text [markdown]
# Suppose the window's machine is killed at the instant at which Ada presses the button. A second later it runs again.
# (And this is what the two sides are for: the till knows nothing of it, and sells.)

# %% guess-killed
predict("killed", "For how many seconds is her saved order missing from the window?")

# %% killed
def missing(trace):
    return trace.deliveries.done.max() - trace.records.acked.max()


killed = run(shop(hopeful, faults=[Crash("window-0", at=5, restart_after=1)]))
reveal("killed", round(missing(killed)))

# %% killed-proof tags=["claim"]
from simlib.scenario.settings import resolve_consumer

assert round(missing(killed)) == 45 == resolve_consumer("kafka-python", {}).session_timeout_ms / 1000
assert round(missing(first)) == 2
assert killed.records.acked.max() < 5.01
assert killed.screens.text.tolist()[-1] == "My orders:\nnone"

# %% killed-result [markdown]
# Two seconds became 45: the group waits for its dead member, and does not know that it is back [K86, K91]. Ada has long
# given up.

# %% position-text [markdown]
# What does a window know when it comes back? Kafka's commit says up to where it has read, and a kill can fall between
# the table and the commit. So a projection keeps its own position, and keeps it where the table is: a row for each
# partition, with the offset of the next order. This is the heart of `project`:

# %% position
print(getsource(take))

# %% position-result [markdown]
# `MOVE` writes the new position if it is further than the old one, and gives a row only then. What is handed over again
# lies below the position, and is passed over [P26].
#
# ### Exercise: eight minutes
#
# Another view counts CDs: `order.value["cds"]` for `order.value["customer"]`. Adding twice is not adding once, so this
# one really needs its position. The topic has two partitions. Write `take`, for the projection named `"bought"`.
# `check` tries every kill. `hint("10-view")`, `solution("10-view")`.

# %% exercise-view tags=["exercise"]
from simlib.patterns.projection import MOVE

COUNT = "INSERT INTO bought VALUES (?, ?) ON CONFLICT DO UPDATE SET cds = cds + excluded.cds"


async def take(db, order):
    ...     # your code


check("10-view", take)

# %% rebuild [markdown]
# Next month the list shall have prices. The topic still has all orders, so make the new table beside the old one, from
# the first order on, under another name and with a position of its own. When it has come as far, let it answer
# (`rebuild` and `switch` in the same file). If `add` sent mails, it would send all of them again [P27].
#
# And if the topic does not have all orders any more? Here it keeps them for a minute, and a new window starts after
# ten.

# %% forgetful
minute = Topic("orders", config={"retention_ms": 60_000, "segment_ms": 10_000})     # thrown away ten seconds at a time
starts_late = Scenario([minute], inputs={"orders": orders(20)}, duration=700,
                       services=[Service("window", window(answer), start=600, database=VIEW)])
told = run(starts_late).control
print(told[told.kind == "exception"].detail.iloc[0])

# %% forgetful-proof tags=["claim"]
assert "LostBeginning: orders-0 begins at offset 20" in told[told.kind == "exception"].detail.iloc[0]

# %% forgetful-result [markdown]
# A view of what is left would be wrong without a word, so `project` compares, and refuses [P27].

# %% part-b [markdown]
# A good place to stop.
#
# # B · What do I show meanwhile?
#
# (You begin here? Run the cells of A first, without the exercise.)
#
# A faster window is not the cure: there is always a kill. The cure is a page that knows what it does not know. Two
# rules, and `explore` tries every kill, every lost message and every order of things:

# %% rules
stays = laws.stays_on_screen("o-17")            # once a screen has named it, every later one does
patient = laws.nobody_waits_longer_than(5)      # seconds that a text ending in "..." may stand there


def tried(screen, answer=answer):
    for rule in (stays, patient):
        print(explore(shop(screen, answer), rule, progress=False).headline)


tried(hopeful)

# %% rules-proof tags=["claim"]
def holds(screen, answer, rule):
    return explore(shop(screen, answer), rule, progress=False).holds


assert explore(shop(hopeful), stays, progress=False).counterexample.schedule == "calm"

# %% token-text [markdown]
# **One:** a *version token*. The till answered with the order's place: `{"orders-0": 1}` says that whoever has seen
# `orders-0` up to (not including) offset 1 has seen it. A window that has come to 3 has:

# %% covers
covers({"orders-0": 3}, {"orders-0": 1})

# %% token-more [markdown]
# If the window says how far it has come, Ada's page can refuse an answer that is older than her order. That is called
# to *read your writes*.

# %% token tags=["service"]
async def versioned(app, asked):
    await seen_within(app, "my_orders", asked["after"], asked["within"])
    has = await version(app.database, "my_orders")          # before the rows: they may be newer, never older
    return {"orders": await answer(app, asked), "version": has}


async def by_token(app, press, look):
    await app.show("Saving o-17 ...")
    wanted = await press()
    await app.show("o-17 is saved. Fetching your orders ...")
    while not covers((found := await look())["version"], wanted):
        await app.sleep(0.5)
    await app.show("My orders:", *found["orders"])


# %% guess-token
predict("token", "Every kill, every loss. Which of the two rules can still be broken?", kind="choice",
        choices=["neither", "o-17 is gone again", "she waits too long"])

# %% token-run
tried(by_token, versioned)
reveal("token", "she waits too long")
explore(shop(by_token, versioned), patient, progress=False).counterexample.trace.plot.screens(about="o-17")

# %% token-proof tags=["claim"]
found = explore(shop(by_token, versioned), patient, progress=False)
assert holds(by_token, versioned, stays) and found.broken and "window-0" in found.counterexample.telling
assert max(found.counterexample.trace.screens.time) > 45
calm = run(shop(by_token, versioned))
answers = calm.control[calm.control.kind == "answered"].detail
assert answers.str.contains("{\"orders-0\": 1}", regex=False).any()

# %% token-result [markdown]
# > **It looks as if** a token made the window consistent. It makes Ada wait until it is, and when the window is killed
# > that is 45 seconds of *"Fetching ..."*.

# %% deadline-text [markdown]
# **Two: wait, but not for ever.** Let the window do the waiting (`seen_within` looks every 50 milliseconds), and put
# one deadline around all of it: the wait, the kill, the calls that are made again.

# %% deadline tags=["service"]
async def by_deadline(app, press, look):
    await app.show("Saving o-17 ...")
    wanted = await press()
    await app.show("o-17 is saved. Fetching your orders ...")
    try:
        async with asyncio.timeout(4):
            found = await look(after=wanted, within=30)     # the page gives up first: after four
        await app.show("My orders:", *found["orders"])
    except TimeoutError:
        await app.show("o-17 is saved.", "It will be in your list soon.")


# %% deadline-tried
tried(by_deadline, versioned)

# %% deadline-proof tags=["claim"]
assert holds(by_deadline, versioned, stays) and holds(by_deadline, versioned, patient)
assert run(shop(by_deadline, versioned)).screens.text.iloc[-1] == "My orders:\no-17"
down = shop(by_deadline, versioned, faults=[Crash("window-0", at=5, restart_after=1)])
assert run(down).screens.text.iloc[-1].endswith("soon.")

# %% pending-text [markdown]
# **Three: pending.** Her page knows one thing that the window does not: what she has just done. Show it, marked.

# %% pending tags=["service"]
async def pending(app, press, look):
    await app.show("Saving o-17 ...")
    await press()
    for _ in range(4):
        await app.show("My orders:", *with_pending((await look())["orders"], ["o-17"]))
        await app.sleep(1)


# %% pending-tried
print(with_pending(["o-3"], ["o-17"]))
tried(pending, versioned)
run(shop(pending, versioned)).plot.screens(about="o-17")

# %% pending-proof tags=["claim"]
import inspect

assert inspect.signature(seen_within).parameters["every"].default == 50 / 1000
assert holds(pending, versioned, stays) and holds(pending, versioned, patient)
assert run(shop(pending, versioned)).screens.text.tolist()[1:] == ["My orders:\no-17 (pending)", "My orders:\no-17"]

# %% pending-result [markdown]
# ### Exercise: eight minutes
#
# Put the good parts together: nothing she was shown disappears, no *"..."* for longer than five seconds, and in the end
# her list has `o-17` like any other order, also when the window was down for 45 seconds. List it without a mark only
# when the window has it. `hint("10-screen")`, `solution("10-screen")`.

# %% exercise-screen tags=["exercise"]
from simlib.patterns.reading_your_writes import covers, with_pending


async def screen(app, press, look):
    await app.show("Saving o-17 ...")
    wanted = await press()
    ...     # your code


check("10-screen", screen)

# %% optimistic-text [markdown]
# **Four: optimistic.** Why wait for the till at all? An *optimistic screen* shows the order at once, before anybody has
# saved it. The page feels instant. And then the CD is sold out [P44].
#
# ### Exercise: six minutes
#
# Finish the page. Lists name an order `o-17`, or `o-17 (pending)`. The till may say no: then `press()` raises
# `RemoteError`. And this time `press()` asks only once: where nobody answers it raises `TimeoutError` or
# `ConnectionError`, and the order may be saved, or not. In the end her screen must say what is so; what she was shown
# must not vanish without a word. `hint("10-refused")`, `solution("10-refused")`.

# %% exercise-refused tags=["exercise"]
async def screen(app, press, look):
    await app.show("My orders:", "o-17 (pending)")
    try:
        await press()
        await app.show("My orders:", "o-17")
    except RemoteError:
        ...     # your code


check("10-refused", screen)

# %% part-c [markdown]
# A good place to stop.
#
# # C · How long is eventually?
#
# (You begin here? Run the imports at the top.)
#
# "Eventually" is a promise without a number. You can measure one. On Friday five orders come each second, at random;
# the window, quicker than before, needs 0.15 seconds for each: it is busy for three quarters of the time. How late is
# each order, from saved to seen?

# %% friday
from simlib import ConsumerGroup, Producer

friday = Scenario([Topic("orders")], producers=[Producer("till", topic="orders", rate=5, arrivals="poisson")],
                  groups=[ConsumerGroup("window", topic="orders", service_time=0.15)], duration=200, seed=7)
thousand = replace(friday, "producers.till.records", 1_000)     # the first thousand orders of such a day


def lateness(trace):
    saved = trace.records.set_index("message").acked
    seen = trace.deliveries.set_index("message").done.dropna()
    return seen - saved[seen.index]


late = lateness(run(friday))
print(f"half of them are there after {late.quantile(0.5):.2f} s")

# %% friday-proof tags=["claim"]
assert round(late.quantile(0.5), 2) == 0.29 and 5 * 0.15 == 0.75

# %% guess-late
predict("late", "And 99 of 100? After how many seconds?")

# %% late
reveal("late", round(late.quantile(0.99), 1))

# %% late-proof tags=["claim"]
assert round(late.quantile(0.99), 1) == 1.1 and 3.5 < late.quantile(0.99) / late.quantile(0.5) < 4.5
p99 = {rate: lateness(run(replace(friday, "producers.till.rate", rate))).quantile(0.99) for rate in (5, 6, 6.4)}

# %% late-result [markdown]
# Nearly four times as long as for half of them. That pair is a promise you can keep: `p` of the orders are there after
# `t` seconds. Two numbers, and both are yours.

# %% guess-more
predict("more", "On Saturday six orders come each second instead of five. 99 of 100 are there after ...", kind="choice",
        choices=["about a fifth more time", "about twice the time", "as before: the window still keeps up"])

# %% more
after = {rate: lateness(run(replace(thousand, "producers.till.rate", rate))).quantile(0.99) for rate in (5, 6)}
reveal("more", "about twice the time" if after[6] > 1.5 * after[5] else "about a fifth more time")
sliders(thousand, "producers.till.rate",
        show=lambda trace: (f"99 of 100 are there after {lateness(trace).quantile(0.99):.2f} s", trace.plot.latency()))

# %% more-proof tags=["claim"]
assert 1.8 < p99[6] / p99[5] < 2.2 and 1.8 < after[6] / after[5] < 2.2 and p99[6.4] > 3 * p99[5]
assert p99[6] * 0.15 and 6 * 0.15 < 1

# %% more-result [markdown]
# > **It looks as if** a window that keeps up is in time. One fifth more orders, and it is late by twice as much, though
# > it still has a tenth of its time to spare. Lateness is a queue, and queues grow long before they grow for ever.
#
# ### Exercise: five minutes
#
# Saturday, then: six orders a second. After *"Buy"* the page waits before it opens the list: as short as can be, so
# that 99 of 100 find their order. How many seconds? `hint("10-seconds")`, `solution("10-seconds")`.

# %% exercise-seconds tags=["exercise"]
seconds = ...


check("10-seconds", seconds)

# %% copies-text [markdown]
# You do not need a window for this. A database with three copies has it built in, if it writes to one copy and reads
# from one: Cassandra and its kin let you choose. A model with the delays that LinkedIn measured on its disks [T33]:

# %% copies
from simlib.patterns.quorum_reads import LNKD_DISK, read_after_write

disks = read_after_write(LNKD_DISK, replicas=3, write=1, read=1)
print(f"at once {disks.chance(0):.0%}, after 10 ms {disks.chance(0.01):.0%}; 99.9 % {disks.after(0.999) * 1000:.0f} ms")

# %% copies-proof tags=["claim"]
both = read_after_write(LNKD_DISK, replicas=3, write=2, read=2)
assert round(disks.chance(0) * 100) in (43, 44, 45) and disks.chance(0.010) > 0.92 and both.chance(0) == 1

# %% close [markdown]
# Write to two of three and read from two, and it is always there; everybody pays for it at every call.
#
# | | use it when | do not |
# |---|---|---|
# | ask the till itself | the question is small: "is o-17 paid?" | all who look ask it: then nobody can buy |
# | version token | many pages follow one another, and none may go back | nobody may wait |
# | wait, with a deadline | the window is late by less than people notice | it is often late: all of them wait |
# | pending | you know what the reader has just done | others must see it, too |
# | optimistic | a no is rare, and cheap to take back | money, the last seat |
#
# **Five lines to keep**
# 1. A view that is made from events is late. It is not wrong, it is of before.
# 2. Keep view and position in one transaction: then you know of when.
# 3. Show what you know: saved, pending, refused. Never an empty list.
# 4. Nobody answered is not a no.
# 5. "Eventually" has two numbers: p and t. Measure both, at the busiest hour.
#
# **Self-test**
#
# <details><summary>Why does <code>versioned</code> ask for the version first, and for the rows afterwards?</summary>
# Between the two an order can come. Rows that are newer than the version do no harm; a version that is newer than its
# rows promises what is not there.</details>
# <details><summary>Ada reloads the page. What becomes of her token?</summary>
# It is gone with the page, and so is what was pending. Keep both in her session, or let her order's id in the address
# bring them back.</details>
# <details><summary>The window has two instances, each with a table of its own. What can Ada see, even without
# buying?</summary>
# Her list going back in time: the second may be behind the first. Her page keeps the newest version it has seen, and
# takes no older answer.</details>
# <details><summary>Why is a mail not sent by a projection?</summary>
# It would be sent again by every rebuild [P27]. Let another consumer send it, with a memory of its own.</details>
#
# **Last exercise.** Answer Ada's mail of Saturday. Ours is in `solution("10-mail")`.
#
# **Read on:** [CQRS](https://martinfowler.com/bliki/CQRS.html), by somebody who warns of it; [session
# guarantees](https://jepsen.io/consistency/models/read-your-writes): read your writes and its relatives, defined;
# [how stale is
# it?](https://arxiv.org/abs/1204.6082), the paper with the three copies.
#
# A good place to stop. Next, until the lesson between is written: lesson 12, one bad record, ten thousand waiting.
