# %% header [raw] tags=["header"]
# minutes = 50
# question = "What belongs in an event?"
# needs = ["consumer, commit, session timeout (lesson 00)", "SQL: INSERT, UPDATE, DELETE"]
# cut = "The bytes and the slider. Never the five seconds, never the customer who comes back."
# vote = "Five seconds without the shop: for how long is nothing packed? Write the numbers on the board, then run."
#
# [[episodes]]
# question = "A. Only the id: what does it cost?"
# minutes = 20
#
# [[episodes]]
# question = "B. All of it: is the copy right?"
# minutes = 18
#
# [[episodes]]
# question = "C. And back: which question stays?"
# minutes = 12
#
# [[objectives]]
# do = "choose what an event carries for its readers, and what it never carries"
# exercise = "03-fields"
#
# [[objectives]]
# do = "keep a copy that is right in whatever order events come"
# exercise = "03-copy"
#
# [[objectives]]
# do = "name the question that must still be asked at the source, and ask it safely"
# exercise = "03-ask"

# %% opening [markdown]
# # What belongs in an event?
#
# **Lesson 03** · 50 minutes, three episodes · you know what a consumer and a session timeout are (lesson 00)
#
# Friday, 18:02. Somebody changes a firewall rule, and changes it back. For five seconds the warehouse could not reach
# the shop. It packed nothing for much longer. *"I thought we had events,"* says the warehouse. *"What are they for?"*
#
# When you leave this page you can
# 1. choose what an event carries for its readers, and what it never carries;
# 2. keep a copy that is right in whatever order events come;
# 3. name the question that must still be asked at the source, and ask it safely.
#
# <details><summary>Do you have what you need? Two lines and two questions.</summary>
#
# A consumer asks Kafka for events and commits: "done up to here". After a death it goes on at its last commit.<br>
# A member that dies without a word is missed after its session timeout, 45 seconds.
#
# A program ends by an error, and is started again at once. Does its group know that the old one is dead? *Not yet.*<br>
# Two events with one key: can they swap places in the topic? *No; one key, one partition, in order of arrival.*
# </details>

# %% imports
import asyncio
import json

from simlib import NetworkCut, Scenario, Service, Topic, run, sliders
from simlib.course import check, hint, predict, reveal, solution, start
from simlib.data import orders
from simlib.patterns.carried_state import COPIES, carry
from simlib.patterns.notification import answering, ask, notify

start("03")

# %% the-shop [markdown]
# # A · Only the id
#
# The shop saves an order and tells the topic `orders`. It also answers questions: `app.serve`, as over HTTP. What it
# tells is `tell`, and that is what changes on this page.

# %% the-shop-code tags=["service"]
TABLE = "CREATE TABLE orders (id TEXT PRIMARY KEY, version INTEGER, customer TEXT, cds INTEGER, amount REAL);"
SAVE = "INSERT OR REPLACE INTO orders VALUES (?, ?, ?, ?, ?)"


def the_shop(tell, story):
    async def main(app):
        serving = asyncio.create_task(app.serve(answering(app, "SELECT * FROM orders WHERE id = ?")))
        producer = app.producer()
        for at, order in story:
            await app.sleep(at - app.now)
            # save
            await app.database.execute(SAVE, list(order.values()))
            # tell
            await tell(producer, order)
        await serving
    return Service("shop", main, database=TABLE)


# %% reader-text [markdown]
# The story is real orders; they begin when all readers have joined their groups. A reader is the loop that you know.
# (Skim it; what changes is `handle`.)

# %% reader tags=["service"]
def placed(count, rate=1):
    rows = [(row["at"], row["value"]) for row in orders(count, rate=rate, start=10)]
    return [(at, {"id": order["order_id"], "version": 1, "customer": order["customer"], "cds": order["cds"],
                  "amount": order["amount"]}) for at, order in rows]


def reader(name, handle):
    async def main(app):
        consumer = app.consumer("orders", group_id=name, enable_auto_commit=False, auto_offset_reset="earliest")
        async for event in consumer:
            await handle(app, event.value)
            await consumer.commit()
    return Service(name, main, database=COPIES)


def town(*services, **more):
    return Scenario([Topic("orders")], services=services, **more)


def silence(trace):
    return max(trace.effects.time.diff()[1:])


# %% thin-text [markdown]
# The smallest event says that something happened, and to what. This is *event notification*. Whoever wants to know more
# asks back:

# %% thin
async def only_the_id(producer, order):
    await notify(producer, "orders", order["id"])       # {"id": "o-00017"}


async def ask_and_pack(app, event):
    order = await app.call("shop", {"id": event["id"]}, timeout=2)
    await app.effect("done", order["id"])


readers = [reader(name, ask_and_pack) for name in ("shipping", "billing", "statistics")]
print(len(run(town(the_shop(only_the_id, placed(20)), *readers)).calls), "questions")

# %% thin-proof tags=["claim"]
assert len(run(town(the_shop(only_the_id, placed(20)), *readers)).calls) == 60 == 20 * 3

# %% thin-result [markdown]
# Twenty orders, three readers, 60 questions. A fourth reader makes it 80, and the shop that knew nobody has to serve
# them all [P39].
#
# Friday, 18:02. Two orders a second. For five seconds shipping cannot reach the shop. It can reach Kafka all the time.

# %% thin-80-proof tags=["claim"]
assert len(run(town(the_shop(only_the_id, placed(20)), *readers, reader("support", ask_and_pack))).calls) == 80

# %% guess-cut
predict("cut", "For how many seconds is nothing packed?")

# %% run-cut
cut = town(the_shop(only_the_id, placed(40, rate=2)), reader("shipping", ask_and_pack),
           faults=[NetworkCut("shop-0", "shipping-0", at=15, duration=5)])
reveal("cut", round(silence(run(cut))))

# %% slider-text [markdown]
# Why 45? Drag the five seconds to and fro before you read on.

# %% slider
sliders(cut, "faults.0.duration",
        show=lambda trace: (f"nothing packed for {silence(trace):.0f} s", trace.plot.lag("shipping")))

# %% run-cut-proof tags=["claim"]
from simlib import replace

assert round(silence(run(cut))) == 45 and cut.faults[0].duration == 5 and len(run(cut).effects) == 40
(ended,) = run(cut).events.query("kind == 'exception'").detail
assert "TimeoutError" in ended
assert silence(run(replace(cut, "faults.0.duration", 1))) < 3
assert round(silence(run(replace(cut, "faults.0.duration", 30)))) == 45

# %% run-cut-result [markdown]
# > **It looks as if** an event frees its reader from the shop. This one only says when to ask. No answer within two
# > seconds is a `TimeoutError`, and it ends the program. That says no goodbye, as little as a kill does; so the group
# > waits 45 seconds for it [K86]. One second without the shop costs next to nothing, five cost as much as thirty.
#
# A reader that asks must be able to wait. `ask` does: it calls, and after an error it calls again, a little later.

# %% ask
async def pack_patiently(app, event):
    order = await ask(app, "shop", event["id"])
    await app.effect("done", order["id"])


patient = town(the_shop(only_the_id, placed(40, rate=2)), reader("shipping", pack_patiently), faults=cut.faults)
print(f"nothing packed for {silence(run(patient)):.0f} s")

# %% ask-proof tags=["claim"]
assert round(silence(run(patient))) == 5

# %% race-text [markdown]
# Better. But what does the answer say? Ten orders are placed, and half a second after each its customer adds a CD:
# version 2. That makes twenty events. A parcel takes shipping a second; then it asks about the next one.

# %% guess-race
predict("race", "In how many of its 20 answers does shipping read version 1?")

# %% run-race
async def read(app, event):
    await app.sleep(1)      # the parcel before this one
    order = await ask(app, "shop", event["id"])
    await app.effect("read", f"{order['id']}, version {order['version']}")


added = [(at + 0.5, order | {"version": 2, "cds": order["cds"] + 1}) for at, order in placed(10)]
both = sorted(placed(10) + added, key=lambda change: change[0])
answers = run(town(the_shop(only_the_id, both), reader("shipping", read))).effects.key
reveal("race", sum(answers.str.contains("version 1")))

# %% run-race-proof tags=["claim"]
assert len(answers) == 20 and sum(answers.str.contains("version 2")) == 20

# %% race-result [markdown]
# None. The event says "placed"; the answer says what is so **now** [P40]. Shipping hears of version 2 twice, and
# whoever counts what customers first ordered counts nonsense. What was so then, nobody can ask any more.
#
# So write it into the event: what its readers need, as it is at that moment. This is *event-carried state transfer*.
#
# ### Exercise: six minutes
#
# An order has `order_id`, `version`, `customer`, `city`, `cds`, `amount`, `date`, `card` (the card's number) and `page`
# (what the customer saw, as HTML). Which of them belong in the event? These are its readers:
#
# | reader | looks up |
# |---|---|
# | shipping | `order_id`, `city`, `cds` |
# | billing | `order_id`, `customer`, `amount` |
# | statistics | `date`, `cds` |
# | support | keeps a copy: `order_id`, `version`, `city`, `cds` |
#
# Stuck? `hint("03-fields")`. Had enough? `solution("03-fields")`.

# %% exercise-fields tags=["exercise"]
fields = ["order_id", ...]


check("03-fields", fields)

# %% part-b [markdown]
# A good place to stop.
#
# # B · All of it
#
# (You begin here? Run the cells of A first.)
#
# `carry` writes an event with an id, a version, and the *state*: the order as it is now. Nobody asks any more. The same
# Friday:

# %% fat
async def all_of_it(producer, order):
    state = {name: order[name] for name in ("customer", "cds", "amount")}
    await carry(producer, "orders", order["id"], order["version"], state)


async def pack_at_once(app, event):
    await app.effect("done", event["id"])


carried = town(the_shop(all_of_it, placed(40, rate=2)), reader("shipping", pack_at_once), faults=cut.faults)
print(f"nothing packed for {silence(run(carried)):.0f} s, {len(run(carried).calls)} questions")

# %% fat-proof tags=["claim"]
(longest,) = {max(b - a for (a, _), (b, _) in zip(placed(40, rate=2), placed(40, rate=2)[1:], strict=False))}
assert len(run(carried).calls) == 0 and abs(silence(run(carried)) - longest) < 0.1

# %% fat-result [markdown]
# Shipping did not notice: it packs whatever Kafka hands it, and those two seconds nobody ordered [P41]. But now every
# order travels whole, once to Kafka and once to each of three readers. An id is tiny.

# %% guess-bytes
predict("bytes", "All three readers need the whole order. What moves more bytes?", kind="choice",
        choices=["the whole orders, by far", "the ids and the questions, by far", "about the same"])

# %% run-bytes
def moved(tell, handle):
    trace = run(town(the_shop(tell, placed(20)), *(reader(name, handle) for name in ("a", "b", "c"))))
    events = sum(len(json.dumps(value)) for value in trace.records.value)
    return events * (1 + 3) + trace.calls.request.str.len().sum() + trace.calls.answer.str.len().sum()


thin, fat = moved(only_the_id, ask_and_pack), moved(all_of_it, pack_at_once)
print(f"ids and questions: {thin} bytes; whole orders: {fat} bytes")
reveal("bytes", "about the same" if 0.8 < thin / fat < 1.25 else "one of them, by far")

# %% run-bytes-proof tags=["claim"]
assert 0.95 < thin / fat < 1.05


async def ignore(app, event):
    pass


assert moved(only_the_id, ignore) < moved(all_of_it, ignore) / 5

# %% run-bytes-result [markdown]
# The answers weigh what the events weigh. Where all readers ask, an id saves nothing. Where hardly anybody does, it
# saves nearly everything.
#
# Support wants more: to tell a customer at once, whatever is up or down, what he has ordered. So it keeps a *copy* of
# each order. Each event has the whole state, so the newest one will do. And a customer may ask to be forgotten: then
# the event carries no state at all, and the row goes.

# %% copies tags=["service"]
async def naive_keep(app, event):
    id, version, state = event["id"], event["version"], json.dumps(event["state"])
    if event["state"] is None:
        await app.database.execute("DELETE FROM newest WHERE key = ?", [id])
    else:   # newer ones only
        await app.database.execute("INSERT INTO newest VALUES (?, ?, ?) ON CONFLICT (key) DO UPDATE SET "
                                   "value = excluded.value, version = excluded.version "
                                   "WHERE excluded.version > newest.version", [id, state, version])


def told(*events):
    return [{"key": id, "value": {"id": id, "version": version, "state": state}, "at": at}
            for at, id, version, state in events]


ben = told((10, "Ben", 1, "2 CDs"), (11, "Ben", 2, "3 CDs"), (12, "Ben", 3, None))
late = told((20, "Ben", 2, "3 CDs"))

# %% guess-late-text [markdown]
# Ben ordered 2 CDs, made it 3, and asked to be forgotten. Eight seconds later somebody repairs a consumer and sends an
# old event once more: Ben's version 2.

# %% guess-late
predict("late", "What does support know of Ben in the end?", kind="choice",
        choices=["nothing: he is forgotten", "3 CDs: he is back", "nothing, and the program has stopped"])

# %% run-late
def knows(handle, events):
    trace = run(Scenario([Topic("orders")], inputs={"orders": events}, services=[reader("support", handle)]))
    return [tuple(row) for row in trace.databases["support"].execute("SELECT key, value FROM newest")]


reveal("late", "3 CDs: he is back" if knows(naive_keep, ben + late) else "nothing: he is forgotten")

# %% run-late-proof tags=["claim"]
assert knows(naive_keep, ben) == [] and knows(naive_keep, ben + late) == [("Ben", '"3 CDs"')]
assert late[0]["at"] - ben[-1]["at"] == 8

# %% run-late-result [markdown]
# > **It looks as if** "newer versions only" were enough. It compares with the row, and the row is gone: its version
# > went with it [P42].
#
# ### Exercise: nine minutes
#
# Write `keep(app, event)` for the table `copies (id PRIMARY KEY, version, city)`. The state is `{"city": ...}`, or
# None: then no city may stay. Old events come again, some of them after that. Two instances of support share the table,
# and one may stand still while the other goes on.
# `hint("03-copy")`, `solution("03-copy")`. (Ours, for states of any kind, is `keep` in `patterns/carried_state.py`.)

# %% exercise-copy tags=["exercise"]
async def keep(app, event):
    id, version, state = event["id"], event["version"], event["state"]
    ...     # your code


check("03-copy", keep)

# %% part-c [markdown]
# A good place to stop.
#
# # C · And back
#
# (You begin here? Run the cells of A first.)
#
# With a copy of everything, shipping never asks. Then fraud rings up: an order can be **blocked**, and its parcel must
# not leave. Easy: the state gets a field, `blocked`, and a block is a new version of the order.
#
# Two orders a second, a second for each parcel. Fraud blocks the last order five seconds after the click, and the shop
# writes that to the topic at once.

# %% blocked
async def carry_block(producer, order):
    state = {"customer": order["customer"], "blocked": order["version"] == 2}
    await carry(producer, "orders", order["id"], order["version"], state)


async def pack_unless_blocked(app, event):
    await app.sleep(1)      # the parcel before this one
    if not event["state"]["blocked"]:
        await app.effect("parcel", event["id"])


*_, (clicked, last) = placed(20, rate=2)
block = [(clicked + 5, last | {"version": 2})]

# %% guess-blocked
predict("blocked", "Does the parcel of the last order leave?", kind="choice",
        choices=["no: the block is in the topic", "yes"])

# %% run-blocked
trace = run(town(the_shop(carry_block, placed(20, rate=2) + block), reader("shipping", pack_unless_blocked)))
parcel = trace.effects[trace.effects.key == last["id"]]
reveal("blocked", "no: the block is in the topic" if parcel.empty else "yes")
print(f"click {clicked:.0f} s, block {max(trace.records.appended):.0f} s, parcel {min(parcel.time):.0f} s")

# %% run-blocked-proof tags=["claim"]
assert max(trace.records.appended) < parcel.time.iloc[0] - 5 and len(parcel) == 1
assert round(parcel.time.iloc[0] - clicked) == 11

# %% run-blocked-result [markdown]
# The block lies in the topic, six seconds before the parcel leaves. Shipping is eleven seconds behind, and reads in
# order. What an event carries was true when it was written; what a copy says, when its last event was read [P41]. For
# amounts and addresses of an order that is what you want. For a block, a price or the last item on the shelf it is not.
#
# So one question goes back to the source: one, not all, at the moment of the act. Most real events are such a mixture:
# an id, a version, what happened, the handful of fields that most readers need; and the rest is asked.
#
# ### Exercise: seven minutes
#
# Write `pack`. The event carries `order_id`, `customer`, `city` and `blocked`, as it was at the click. The shop answers
# `{"customer": ...}` with `{"blocked": True}` or `{"blocked": False}`. No parcel for a customer whom the shop has
# blocked; everybody else gets one, also after a while without the shop. `check` tries every death.
# `hint("03-ask")`, `solution("03-ask")`.

# %% exercise-ask tags=["exercise"]
async def pack(app, event):
    order = event["state"]
    ...     # your code


check("03-ask", pack)

# %% close [markdown]
# | | use it when | do not |
# |---|---|---|
# | notification: the id | few care, or the rest is heavy or secret | readers must work while the source is down |
# | carried state | many readers need the same few fields | what it carries must be true at the moment of the act |
# | a copy of one's own | questions must be answered at once, always | nobody deletes from it what must be deleted |
# | a question at the right moment | a wrong yes costs money | you could not wait when nobody answers |
#
# **Five lines to keep**
# 1. An id makes the event small and its readers dependent: each asks, each time, and waits when nobody answers.
# 2. An answer tells what is so now. An event can tell what was so then.
# 3. Carry what readers need. Never secrets, never what is heavy and read by few.
# 4. A copy needs a version, also for what is gone.
# 5. What must be true at the moment of the act is asked at that moment.
#
# **Self-test**
#
# <details><summary>The shop tells first and saves a moment later. What does a reader that asks find?</summary>
# Nothing, or the state before [P40]. And if the shop dies in between, an order that never was [P01].</details>
# <details><summary>Two events of one order swap places. Whose fault is it, and who mends it?</summary>
# Not the partition's: it keeps its order [K100]. A second sender did it, or a repair; versions mend it [P42].</details>
# <details><summary>The event says "one CD more" instead of "three CDs". What breaks?</summary>
# A repeat adds another one, and who missed an event is wrong for ever. Say what is so [P14].</details>
#
# **Last exercise: three minutes.** Answer the warehouse: what belongs in the event? Ours is in `solution("03-words")`.
#
# **Read on:** Martin Fowler on [what people mean by event-driven](https://martinfowler.com/articles/201701-event-driven.html);
# Stripe on [thin events](https://docs.stripe.com/event-destinations), which carry an id, beside whole ones; how
# [Debezium](https://debezium.io/documentation/reference/stable/connectors/postgresql.html) tells of rows that are gone.
#
# A good place to stop. Next: lesson 04. Why is one consumer idle?
