# %% header [raw] tags=["header"]
# minutes = 60
# question = "Saved but never announced: how?"
# needs = ["consumer, commit (lesson 00)", "at least once (lesson 05A)", "an inbox (lesson 06)", "SQL, transaction"]
# cut = "The batch of twenty, and the last number. Never the transaction around the send, never the two relays."
# vote = "Save and publish in one transaction, killed before the COMMIT: what is left? Ask one of each for a picture."
#
# [[episodes]]
# question = "A. Saved, and nobody heard: how?"
# minutes = 20
#
# [[episodes]]
# question = "B. Who carries the note, and how often?"
# minutes = 22
#
# [[episodes]]
# question = "C. Two carriers: who goes first?"
# minutes = 18
#
# [[objectives]]
# do = "save an order and announce it so that no crash separates them"
# exercise = "07-place"
#
# [[objectives]]
# do = "write the relay that carries announcements, and say what a death repeats"
# exercise = "07-relay"
#
# [[objectives]]
# do = "aim the kill after which a relay repeats, and say how much"
# exercise = "07-aim"
#
# [[objectives]]
# do = "let two relays share the work: nothing doubled, nothing overtaken"
# exercise = "07-claim"

# %% opening [markdown]
# # Saved but never announced: how?
#
# **Lesson 07** · 60 minutes, three episodes · you know what an inbox is for (lesson 06)
#
# Monday, 09:10. A customer calls: *"Your page thanked me on Friday. Nothing has come."* The order is in the shop's
# table. Billing has never heard of it, nor has the warehouse. No log has an error. On Friday the shop was restarted.
#
# When you leave this page you can
# 1. save an order and announce it so that no crash separates them;
# 2. write the relay that carries announcements, and say what a death repeats;
# 3. aim the kill after which a relay repeats, and say how much;
# 4. let two relays share the work: nothing doubled, nothing overtaken.
#
# <details><summary>Do you have what you need? Three lines and two questions.</summary>
#
# A killed program runs no `finally`. What it had sent is sent; what it had in a variable is gone.<br>
# A transaction's statements count from its COMMIT on. A death before it takes them back.<br>
# An inbox remembers an event in the transaction that does its work: a repeat changes nothing.
#
# Two statements, no transaction, a kill in between: what is in the table? *The first.*<br>
# Who tells Kafka to forget a record it has? *Nobody can.*<br>
# Surprised? Lessons 05A and 06 first.
# </details>

# %% imports
import asyncio
import json

from simlib import ConsumerGroup, Crash, Scenario, Service, Topic, explore, laws, replace, run, sliders
from simlib.course import check, hint, predict, reveal, solution, start
from simlib.data import orders
from simlib.patterns.broken_outbox import marks_a_batch, marks_first, only_selects, remembers_the_last_id
from simlib.patterns.idempotency import INBOX, first_time
from simlib.patterns.outbox import OUTBOX, announce, relay

start("07")

# %% the-shop [markdown]
# # A · Saved, and nobody heard
#
# The frame first; you write what goes into it. Customers click at `shop-0`, about one a second, each once, and `place`
# serves them. Who clicks while the shop is down goes elsewhere. What else the process does, `tasks`, runs beside.
# `more` goes to the scenario: faults, say.

# %% shop tags=["service"]
TABLES = "CREATE TABLE orders (order_id TEXT PRIMARY KEY);" + OUTBOX
SAVE = "INSERT INTO orders VALUES (?)"


def shop(place, *tasks, count=3, **more):
    rows = orders(count, rate=1)

    async def click(app, producer, row):
        await app.sleep(row["at"] - app.now)
        await place(app, producer, row["value"])

    async def main(app):
        producer = app.producer()
        still_to_come = [row for row in rows if row["at"] >= app.now and app.name == "shop-0"]
        clicks = [click(app, producer, row) for row in still_to_come]
        await asyncio.gather(*clicks, *(task(app) for task in tasks))

    return Scenario([Topic("orders")], services=[Service("shop", main, database=TABLES)], **more)


# %% two-writes-text [markdown]
# Save it, tell the others, say thank you: half of all services look like this.

# %% two-writes tags=["service"]
async def save_then_publish(app, producer, order):
    # save
    await app.database.execute(SAVE, [order["order_id"]])
    # publish
    await producer.send_and_wait("orders", order, key=order["order_id"])


# %% guess-lost [markdown]
# The shop is killed right after it has saved the third of six orders (`o-00000`: the ids do not follow the clicks). A
# moment later it is back, with everything that was saved. **Before you run it:**

# %% guess-lost-form
predict("lost", "And the announcement of the third order?", kind="choice",
        choices=["it is sent after the restart", "it is never sent", "the order is gone, too"])

# %% run-lost
def books(trace):
    """The orders in the shop's table, and those in the topic."""
    table = trace.databases["shop"].execute("SELECT order_id FROM orders")
    topic = trace.records[trace.records.copies > 0]     # those that reached the log
    return {row["order_id"] for row in table}, [value["order_id"] for value in topic.value]


kill = Crash("shop-0", after="execute", nth=3, restart_after=0.1)
saved, announced = books(run(shop(save_then_publish, count=6, faults=[kill])))
reveal("lost", "it is never sent" if saved - set(announced) else "it is sent after the restart")
print(f"saved: {len(saved)}, announced: {len(announced)}, not announced: {saved - set(announced)}")

# %% run-lost-proof tags=["claim"]
assert len(saved) == 6 and len(announced) == 5 and saved - set(announced) == {"o-00000"}
assert [row["value"]["order_id"] for row in orders(6, rate=1)].index("o-00000") == 2

# %% run-lost-text [markdown]
# Nobody lost a message: there never was one. The dead process retries nothing, and the new one does not know that there
# was something to do. That is Friday's order.
#
# Was that luck? One rule: in the end, table and topic have the same orders. `explore` runs this shop again and again.
# Each time it kills it at another moment, or loses another message.

# %% rule
same = laws.eventually("table and topic have the same orders",
                       lambda trace: books(trace)[0] == set(books(trace)[1]))
explore(shop(save_then_publish), same)

# %% other-way-text [markdown]
# Dead between the two lines: broken, every time. (The middle column: what differs from a day without an accident. Who
# clicked in a dead second is missing, and was never promised anything.)
#
# Then the other way round?

# %% other-way tags=["service"]
async def publish_then_save(app, producer, order):
    # publish
    await producer.send_and_wait("orders", order, key=order["order_id"])
    # save
    await app.database.execute(SAVE, [order["order_id"]])


print(explore(shop(publish_then_save), same, progress=False).counterexample)

# %% rule-proof tags=["claim"]
def first_broken(place):
    return explore(shop(place), same, progress=False).counterexample


assert first_broken(save_then_publish).schedule == "crash-after:shop-0.0/execute#1"
assert first_broken(publish_then_save).schedule == "crash-after:shop-0.0/send#1"
assert not books(first_broken(publish_then_save).trace)[0] >= set(books(first_broken(publish_then_save).trace)[1])

# %% rule-text [markdown]
# Now everybody hears of an order that was never saved. Two writes, a gap between them, and no order of the two closes
# it [P01]. This is a *dual write*.
#
# Your database has a word for "both or neither". Put both lines into one transaction:

# %% in-one tags=["service"]
async def in_one_transaction(app, producer, order):
    async with app.database.transaction():
        # save
        await app.database.execute(SAVE, [order["order_id"]])
        # publish
        await producer.send_and_wait("orders", order, key=order["order_id"])


# %% guess-in-one
predict("in one", "Killed right before the COMMIT. What is left?", kind="choice",
        choices=["neither", "saved, not announced", "announced, not saved"])

# %% run-in-one
result = explore(shop(in_one_transaction), same)
saved, announced = books(result.counterexample.trace)
reveal("in one", "announced, not saved" if set(announced) - saved else "saved, not announced")
result.counterexample.trace.plot.sequence()

# %% run-in-one-proof tags=["claim"]
assert set(announced) - saved and not saved - set(announced)
broken = result.table[result.table.verdict == "broken"].schedule
assert {name.partition(":")[0] for name in broken} == {"crash-after", "lose-reply"}
silence = run(shop(in_one_transaction), schedule="lose-reply:shop-0.0/send#1")
(locked,) = silence.events[silence.events.kind == "exception"].detail
assert "database is locked" in locked


def seconds_of_silence():
    from simlib.scenario.settings import resolve_producer

    return resolve_producer("kafka-python", {}).request_timeout_ms / 1000


assert seconds_of_silence() == 30

# %% in-one-text [markdown]
# > **It looks as if** the transaction covers both lines. It covers what the database does. The death takes back the
# > row. Kafka takes nothing back, and whoever reads the topic has it by now.
#
# Is it only the deaths?

# %% in-one-rows
result.table[result.table.verdict == "broken"][["schedule", "hit"]]

# %% in-one-rows-text [markdown]
# Two rows are no deaths: Kafka had the order, and its answer got lost. The producer waits 30 seconds and asks again.
# The transaction waits with it and keeps the table locked. The next customer gets `database is locked`, which ends the
# process before the COMMIT: announced, not saved.
#
# ## A note beside the order
#
# Both or neither: the database can promise that for two rows of its own. So the announcement becomes a row, too, in a
# table called *outbox*. Somebody else, the *relay*, carries it to Kafka, later.
#
# `announce(app.database, "orders", <aggregate>, <event>)` writes such a row: one INSERT, in whatever transaction you
# are in. The *aggregate* is what the event is about, here the order's id; the event is the order itself.
#
# ### Exercise: six minutes
#
# Write `place`: save the order, and announce it. Our `relay` carries the notes for now. `check` tries every death.
# `hint("07-place")`, `solution("07-place")`.

# %% exercise-place tags=["exercise"]
async def place(app, producer, order):
    # save
    ...
    # announce
    ...


check("07-place", place)

# %% b [markdown]
# A good place to stop.
#
# # B · Who carries the note
#
# If yours passed, it does the same as this one:

# %% together tags=["service"]
async def together(app, producer, order):
    async with app.database.transaction():
        # save
        await app.database.execute(SAVE, [order["order_id"]])
        # announce
        await announce(app.database, "orders", order["order_id"], order)


# %% away-text [markdown]
# First, what it bought you. The only broker dies at second 2, and is back 20 seconds later. Six customers click, about
# one a second.

# %% guess-away
predict("away", "How many seconds does the unluckiest customer wait for the thank-you?")

# %% run-away
async def polite(app, producer, order):
    await together(app, producer, order)
    await app.effect("thank", order["order_id"])


def slowest(trace):
    clicked = {row["value"]["order_id"]: row["at"] for row in orders(6, rate=1)}
    return max(trace.effects.time - trace.effects.key.map(clicked))


away = shop(polite, relay, count=6, groups=[ConsumerGroup("billing", topic="orders")],
            faults=[Crash("broker-0", at=2, restart_after=20)])
reveal("away", round(slowest(run(away)), 1))

# %% slider-away
def told(trace):
    return f"thanked within {slowest(trace):.3f} s, last announced at {max(trace.records.appended):.0f} s"


sliders(away, "faults.0.restart_after", show=lambda trace: (told(trace), trace.plot.timeline()))

# %% away-proof tags=["claim"]
trace = run(away)
assert away.faults[0].restart_after == 20 and len(trace.effects) == 6 and slowest(trace) < 0.01
assert same(trace) and trace.records.appended.max() > 22
at_once = run(replace(away, "faults.0.restart_after", 0))
pauses = trace.events.time[trace.events.kind == "send_retry"].diff().dropna()
assert pauses.round(3).is_monotonic_increasing and pauses.iloc[-1] > 10 * pauses.iloc[0]
elected = at_once.control[(at_once.control.kind == "elected") & (at_once.control.topic == "orders")]
assert 9 <= elected.time.max() and at_once.records.appended.max() > 9
waiting = run(shop(save_then_publish, count=6, faults=away.faults))
assert max(waiting.records.acked - waiting.records.created) > 15

# %% relay-text [markdown]
# Drag it: no customer ever waits. The notes pile up, and are late. (Later than the broker: a producer without an answer
# asks at ever longer pauses. And Kafka takes nine seconds to miss a broker, even one that is back at once [K49].)
#
# Our relay is a loop in the same process. It reads a note that waits, publishes it, marks it. Kill the shop right after
# its relay has published the second of three notes (`o-00000` again).

# %% guess-twice
predict("twice", "How often does that order stand in the topic in the end?")

# %% run-twice
kill = Crash("shop-0", after="send", nth=2, restart_after=1)
saved, announced = books(run(shop(together, relay, faults=[kill])))
reveal("twice", announced.count(announced[1]))
print(announced)

# %% run-twice-proof tags=["claim"]
assert announced.count("o-00000") == 2 and announced[1] == "o-00000" and len(announced) == 4 and len(saved) == 3

# %% run-twice-text [markdown]
# Two. It was out, the mark was not, and the new relay found a note that waits.
#
# > **It looks as if** an outbox announces exactly once. It announces *at least once* [P03]. The producer's own numbers
# > do not help: the second send is a new record to it [K19]. Which deaths repeat, and does any lose?

# %% at-least
once = laws.eventually("none is announced twice", lambda trace: len(books(trace)[0]) == len(books(trace)[1]))
result = explore(shop(together, relay), once, progress=False)
print(explore(shop(together, relay), same, progress=False).headline, result.headline, sep="\n")
result.counterexample.trace.plot.sequence((2, 3.5))

# %% at-least-proof tags=["claim"]
assert explore(shop(together, relay), same, progress=False).holds
assert not explore(shop(together, marks_first), same, progress=False).holds
assert set(result.table[result.table.verdict == "broken"].schedule) == {
    f"crash-after:shop-0.0/send#{n}" for n in (1, 2, 3)}

# %% at-least-text [markdown]
# None loses. Three repeat, each in the same gap: sent, not marked. (What `leased` means comes in part C.) Mark first,
# and the same gap loses instead. No relay can close it, so the reader must bear repeats. You have that already: the
# *inbox* of lesson 06.

# %% billing tags=["service"]
async def billing(app):
    consumer = app.consumer("orders", group_id="billing",
                            enable_auto_commit=False, auto_offset_reset="earliest")
    async for order in consumer:
        async with app.database.transaction():
            # remember
            if await first_time(app.database, "billing", order.key):
                # charge
                await app.database.execute("INSERT INTO bills VALUES (?)", [order.key])
        # commit
        await consumer.commit()


with_inbox = Service("billing", billing, database="CREATE TABLE bills (order_id TEXT);" + INBOX)
one_bill_each = laws.same_in_both(("shop", "SELECT order_id FROM orders"),
                                  ("billing", "SELECT order_id FROM bills"))
both = replace(shop(together, relay), "services", [*shop(together, relay).services, with_inbox])
result = explore(both, one_bill_each, progress=False)
print(f"tried: {result.tried}, broken: {result.broken}")

# %% both-ends-proof tags=["claim"]
assert result.holds and result.tried == result.total > 50

# %% both-ends-text [markdown]
# An outbox at one end, an inbox at the other: every order is billed once, whoever dies. That is what people mean by
# "exactly once". Neither end has it alone.
#
# ## Twenty notes at a time
#
# A mark is a statement for each note. Many relays do with fewer: send what waits, then mark all. Twenty notes wait. The
# relay is killed at a random moment: before the first send, or after any of them.

# %% guess-batch
predict("batch", "How many of the 20 orders are announced twice, on average?")

# %% run-batch
def again(task, sent):
    """Orders announced twice by a relay that is killed after so many sends."""
    async def late(app):
        await app.sleep(40)     # all customers are gone
        await task(app)

    kill = [Crash("shop-0", after="send", nth=sent, restart_after=1)] if sent else []
    saved, announced = books(run(shop(together, late, count=20, faults=kill)))
    return len(announced) - len(saved)


many = [again(marks_a_batch, sent) for sent in range(21)]
reveal("batch", sum(many) / len(many))

# %% run-batch-proof tags=["claim"]
assert many == list(range(21)) and sum(many) / len(many) == 10
assert [again(relay, sent) for sent in (0, 1, 10, 20)] == [0, 1, 1, 1]

# %% run-batch-text [markdown]
# Half a batch [P04]; a mark for each note repeats one at most.
#
# ### Exercise: nine minutes
#
# Now write the relay; the topic is `orders`. A death may repeat **one** order, and may lose none. The table is
# `outbox`; a note that waits has `published_at IS NULL`; to mark it, put `app.now` there. Its columns `id`, `aggregate`
# (the record's key) and `event` (JSON, for `json.loads`) are all you need. `hint("07-relay")`, `solution("07-relay")`.

# %% exercise-relay tags=["exercise"]
async def carry(app):
    producer = app.producer()
    while True:
        # read: what waits
        ...
        # publish and mark: in an order you can defend
        ...
        await app.sleep(1)


check("07-relay", carry)

# %% exercise-aim-text [markdown]
# ### Break it: three minutes
#
# Now you aim. The relay that marks a batch is back, and five notes wait. One kill, and exactly **three** orders are
# announced twice. The kill comes right before a step, `execute` or `send`: `Crash("shop-0", before=..., nth=...)`.
# `hint("07-aim")`, `solution("07-aim")`.

# %% exercise-aim tags=["exercise"]
kill = ...


check("07-aim", kill)

# %% c [markdown]
# A good place to stop.
#
# # C · Two carriers
#
# The shop grows: two instances on one database, and each brings its relay, the one you wrote: it reads what waits, and
# marks each note as soon as it is out. Both look once a second, from second 0 on. Five orders come, nobody dies.

# %% guess-two
predict("two", "How many announcements stand in the topic?")

# %% run-two
two_shops = replace(shop(together, only_selects, count=5), "services.shop.instances", 2)
saved, announced = books(run(two_shops))
reveal("two", len(announced))

# %% run-two-proof tags=["claim"]
assert len(saved) == 5 and len(announced) == 10

# %% run-two-text [markdown]
# > **It looks as if** the second relay would find the marks of the first. It asked before there were any. Between
# > reading and marking lies a send, and that is long enough [P05].
#
# Looking and taking must be **one** statement. It writes a *lease* on the note: "mine, for three seconds". A lease ends
# by itself, because its holder may die. (PostgreSQL can do it with a lock, `SELECT ... FOR UPDATE SKIP LOCKED` [P05].)
#
# ```sql
# UPDATE outbox SET leased_until = :now + 3
# WHERE id = (SELECT id FROM outbox AS note WHERE {may_take} ORDER BY id LIMIT 1)
# RETURNING id, aggregate, event
# ```
#
# A relay runs this, publishes the one note that it gets, marks it, and asks again. Until somebody takes a note, its
# `leased_until` is 0.
#
# But an order has a life: first "placed", then "paid", two notes with the same `aggregate`. One relay takes "placed"
# and dies. The other takes "paid". Billing hears "paid" first.
#
# ### Exercise: eight minutes
#
# Which note may be taken? Write the condition for `{may_take}`, in SQL. Two relays run. Without an accident nothing is
# doubled; with any, nothing is lost, no "paid" goes before its "placed". `hint("07-claim")`, `solution("07-claim")`.

# %% exercise-claim tags=["exercise"]
may_take = ...


check("07-claim", may_take)

# %% order-proof tags=["claim"]
def doubled_by_a_lost_answer():
    from simlib.course.exercises import claiming, outbox_shop

    two = claiming.relay_that_may_take(f"{claiming.FREE} AND {claiming.OLDEST}")
    scenario = outbox_shop.shop(claiming.place_and_pay, two, count=1, instances=2)
    unanswered = run(scenario, schedule="lose-reply:shop-0.0/send#1")
    return [value["event"] for value in outbox_shop.announced(unanswered)]


def seconds_until_it_gives_up():
    trace = run(away)
    sent = trace.records[trace.records.acked.isna()].created.iloc[0]
    statements = trace.events.time[(trace.events.kind == "executed") & (trace.events.process == "shop-0")]
    return round(statements[statements > 22].iloc[0] - sent)


assert doubled_by_a_lost_answer() == ["placed", "placed", "paid"]
assert seconds_until_it_gives_up() == 24
assert relay.__defaults__[1] == 30      # lease


# %% order-text [markdown]
# The right sequence has its price: one relay at a time for each aggregate, the aggregate as key, and nothing overtakes
# what cannot be sent [P08]. And a lease must outlast a send: with three seconds, a lost answer doubles a note, though
# nobody dies. Read `CLAIM` in `simlib/patterns/outbox.py`: there a lease is 30 seconds, and a send ends after 24.
#
# ## The last number
#
# One more shortcut: no marks, remember the last `id` that was sent, ask for what is above. But a note has its id before
# its COMMIT: PostgreSQL draws it from a sequence, which waits for no transaction [P06]. SQLite's writers queue, so here
# Redis draws it. Six customers; the third one's card takes three seconds.

# %% numbered tags=["service"]
NOTE = "INSERT INTO outbox (id, topic, aggregate, event) VALUES (?, 'orders', ?, ?)"


async def numbered(app, producer, order):
    number = await app.redis.incr("outbox_id")
    await app.sleep(3 if number == 3 else 0)    # the card
    async with app.database.transaction():
        # save
        await app.database.execute(SAVE, [order["order_id"]])
        # announce
        await app.database.execute(NOTE, [number, order["order_id"], json.dumps(order)])


# %% guess-last
predict("last", "Six orders are saved. How many are announced, however long you wait?")

# %% run-last
def ids(trace):
    """The ids of the announcements, in the order of the topic."""
    notes = trace.databases["shop"].execute("SELECT aggregate, id FROM outbox")
    number = {row["aggregate"]: row["id"] for row in notes}
    return [number[name] for name in books(trace)[1]]


last, not_published = (ids(run(shop(numbered, task, count=6))) for task in (remembers_the_last_id, only_selects))
reveal("last", len(last))
print(f"above the last id: {last}\nnot published: {not_published}")

# %% run-last-proof tags=["claim"]
assert last == [1, 2, 4, 5, 6] and not_published == [1, 2, 4, 5, 6, 3]

# %% run-last-text [markdown]
# > **It looks as if** number three were only late. It came **behind**: when it was saved, the relay was at six, and it
# > never looks back [P07]. The relay that asks "what is not published?" finds it, late and out of turn.
#
# `ORDER BY created_at`, which everybody copies, does not mend the turn: that is when the transaction **began** [P06,
# C03]. Nor does waiting for missing numbers: a transaction that is taken back leaves a gap for ever. What does: not to
# ask the table at all. The database keeps a log of its commits, in their order, and *change data capture* reads that
# (Debezium is the usual one). It is a relay that cannot look too early. After a death it, too, sends again.
#
# | | use it when | do not |
# |---|---|---|
# | save, then publish | a lost announcement costs nothing: "the cache is old" | somebody was thanked |
# | outbox and polling relay | you have a database, and want no new machine | a second is too late |
# | outbox and change data capture | many announcements, in the order of commits | nobody looks after one more service |
# | no outbox: the event is what is saved | the log is your truth (lesson 09) | others ask your table |
#
# **Five lines to keep**
# 1. Two writes, one gap: no order of the two is safe, and no transaction reaches into Kafka.
# 2. Write the announcement beside what it announces, in one transaction.
# 3. A relay sends, then marks: it loses nothing and repeats. The reader keeps an inbox.
# 4. Looking and taking are one statement, with a lease that ends.
# 5. Ask what is not published, never what is new.
#
# **Self-test**
#
# <details><summary>A colleague marks first, "so that nothing is doubled". What do you say?</summary>
# Then a death in the same gap loses a note, and its mark says that it is out.</details>
# <details><summary>The handler saves, commits, and then calls <code>announce</code>. Is that an outbox?</summary>
# It is save, then publish, with another table. The gap is where it was.</details>
# <details><summary>Why does our relay send one note at a time for each order, and wait?</summary>
# The next one could be in the log before it.</details>
#
# **Last exercise: four minutes.** Answer Monday's call in a few sentences. Ours is in `solution("07-mail")`.
#
# **Read on:** the pattern at [microservices.io](https://microservices.io/patterns/data/transactional-outbox.html);
# Debezium's [outbox event router](https://debezium.io/documentation/reference/stable/transformations/outbox-event-router.html);
# what PostgreSQL says of [SKIP LOCKED](https://www.postgresql.org/docs/current/sql-select.html#SQL-FOR-UPDATE-SHARE).
#
# A good place to stop. Next: lesson 08, the *saga*: how do I undo a payment?
