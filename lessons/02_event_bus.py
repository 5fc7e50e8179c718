# %% header [raw] tags=["header"]
# minutes = 45
# question = "Who should know about an order?"
# needs = ["consumer, commit (lesson 00)", "async and await", "SQL: INSERT, UPDATE, transaction"]
# cut = "The slider, and who came late. Never the mail that raises, never the mails that are put aside."
# vote = "The mail server is down: what is left of an order? Hands up for each answer; ask one of each why."
#
# [[episodes]]
# question = "A. Who should know about an order?"
# minutes = 23
#
# [[episodes]]
# question = "B. When is one process not enough?"
# minutes = 22
#
# [[objectives]]
# do = "tell everybody of an order, and know none of them"
# exercise = "02-bus"
#
# [[objectives]]
# do = "keep one listener's error away from the others"
# exercise = "02-raise"
#
# [[objectives]]
# do = "move a listener out of the process, so that no death makes it forget"
# exercise = "02-mail"
#
# [[objectives]]
# do = "choose for each listener: now, later, or by way of a topic"
# exercise = "02-where"

# %% opening [markdown]
# # Who should know about an order?
#
# **Lesson 02** · 45 minutes, two episodes · you know what a consumer and a commit are (lesson 00)
#
# Monday, 09:10. Marketing wants a voucher for each order: one line in `place`, the function that places orders. It is
# the seventh such line. Tuesday, 11:30. The mail server is slow, and nobody can buy a CD.
#
# When you leave this page you can
# 1. tell everybody of an order, and know none of them;
# 2. keep one listener's error away from the others;
# 3. move a listener out of the process, so that no death makes it forget;
# 4. choose for each listener: now, later, or by way of a topic.
#
# <details><summary>Do you have what you need? Two lines and two questions.</summary>
#
# A consumer asks Kafka for events and commits: "done up to here". After a death it goes on at its last commit.<br>
# What a transaction writes counts from its COMMIT on. An exception inside it takes all of it back.
#
# `await work()` takes two seconds. When is the next line run? *After two seconds.*<br>
# A process is killed. What is left of its variables? *Nothing.*
# </details>

# %% imports
import asyncio
from functools import partial

from simlib import Crash, Scenario, Service, Topic, run, sliders
from simlib.course import check, hint, predict, reveal, solution, start
from simlib.data import orders
from simlib.patterns.broken_bus import PlainBus
from simlib.patterns.bus import Bus

start("02")

# %% the-shop [markdown]
# # A · Who should know about an order?
#
# The shop is one program with one database. Three colleagues care about an order:

# %% colleagues
TABLES = """CREATE TABLE orders (order_id TEXT PRIMARY KEY);
            CREATE TABLE bills (order_id TEXT PRIMARY KEY);
            CREATE TABLE stock (cds INTEGER CHECK (cds >= 0));"""


async def bill(app, order):
    await app.database.execute("INSERT INTO bills VALUES (?)", [order["order_id"]])


async def stock(app, order):        # raises when too few CDs are left
    await app.database.execute("UPDATE stock SET cds = cds - ?", [order["cds"]])


async def mail(app, order):
    await app.effect("mail", order["order_id"])

# %% place-text [markdown]
# And this is how they hear of it:
#
# ```python
# async def place(app, order):
#     await app.database.execute("INSERT INTO orders VALUES (?)", [order["order_id"]])
#     await bill(app, order)
#     await mail(app, order)
#     await stock(app, order)
#     return "thank you"
# ```
#
# Whoever writes `place` must know all who care, today and next year. In lesson 00 you saw another way: pin a note to a
# board, and whoever cares reads it. A board that hangs inside one program is an *event bus*. Whoever cares is a
# *listener*:
#
# ```python
# on(listeners, "order placed", bill)                     # bill listens
# await publish(listeners, "order placed", app, order)    # all who listen hear it
# ```
#
# ### Exercise: six minutes
#
# Write both; `listeners` is a dictionary. Whoever listened first is called first, and `publish` is back when all are
# done. Stuck? `hint("02-bus")`. Had enough? `solution("02-bus")`.

# %% exercise-bus tags=["exercise"]
def on(listeners, event, handler):
    ...     # your code


async def publish(listeners, event, *facts):
    ...     # your code


check("02-bus", on, publish)

# %% frame-text [markdown]
# If yours passed, it does the same as our `PlainBus`. Now `place` knows nobody, and marketing subscribes by itself.
#
# Around the shop stand customers. Each clicks once, about one a second, and reads an answer: `app.call` asks over the
# network, `app.serve` answers. (Skim the first cell; of the second, `telling` matters.)

# %% frame tags=["service"]
def shop(main, *others, count=2, cds=4, **more):
    async def customers(app):
        async def click(row):
            await app.sleep(row["at"] - app.now)
            try:
                answer = await app.call("shop", row["value"])       # as over HTTP
            except Exception:
                answer = "an error"
            await app.effect(answer, row["value"]["order_id"])

        await asyncio.gather(*(click(row) for row in orders(count, rate=1) if row["at"] >= app.now))

    database = TABLES + f"INSERT INTO stock VALUES ({cds})"
    services = [Service("shop", main, database=database), Service("customers", customers)]
    return Scenario([Topic("orders")], services=[*services, *others], **more)


def what_is_left(trace):
    ask = trace.databases["shop"].execute
    counts = {table: ask(f"SELECT count(*) FROM {table}")[0][0] for table in ("orders", "bills")}
    read = trace.effects.name.value_counts().to_dict()
    return counts | {"cds left": ask("SELECT cds FROM stock")[0][0]} | read


# %% plain tags=["service"]
def serving(place, *tasks):
    async def main(app):
        await asyncio.gather(app.serve(partial(place, app)), *(task() for task in tasks))
    return main


def telling(bus, *listeners):
    for listener in listeners:
        bus.on("order placed", listener)

    async def place(app, order):
        await app.database.execute("INSERT INTO orders VALUES (?)", [order["order_id"]])
        await bus.publish("order placed", app, order)
        return "thank you"
    return serving(place)


async def slow_mail(app, order):
    await app.sleep(2)
    await mail(app, order)


async def broken_mail(app, order):
    raise ConnectionError("the mail server is down")


# %% slow-text [markdown]
# Tuesday, 11:30. A mail takes two seconds. But `place` only publishes now.

# %% guess-slow
predict("slow", "How many seconds does a customer wait for the thank-you?")

# %% run-slow
calls = run(shop(telling(PlainBus(), bill, slow_mail, stock))).calls
reveal("slow", round(max(calls.answered - calls.sent)))

# %% run-slow-proof tags=["claim"]
assert list(calls.outcome) == ["answered"] * 2
assert all(2 < wait < 2.01 for wait in calls.answered - calls.sent)

# %% slow-result [markdown]
# > **It looks as if** an event is sent off, and its sender goes on. `publish` is a loop that calls. `place` knows
# > nobody by name, and waits for everybody [P34]. `await` lets **other** customers go on meanwhile. Not this one.
#
# Wednesday. The mail server is down: `mail` raises at once. It listens second, between `bill` and `stock`.

# %% guess-raise
predict("raise", "What is left of an order?", kind="choice",
        choices=["order, bill, stock: only the mail is missing", "order and bill", "nothing: it is taken back"])

# %% run-raise
left = what_is_left(run(shop(telling(PlainBus(), bill, broken_mail, stock))))
reveal("raise", "order and bill" if left["bills"] and left["cds left"] == 4 else "nothing: it is taken back")
left

# %% run-raise-proof tags=["claim"]
assert left == {"orders": 2, "bills": 2, "cds left": 4, "an error": 2}

# %% raise-result [markdown]
# Two orders, two bills, no CD taken from the shelf, and two customers who read "an error" and are billed. Whoever
# listens behind `mail` never hears of it [P35]. Who began to listen first, in some other file, decides about stock.
#
# ### Exercise: five minutes
#
# Write `publish` again: one that raises robs nobody, and whoever publishes hears of every error. Python has an
# `ExceptionGroup(text, errors)` for that. `hint("02-raise")`, `solution("02-raise")`.

# %% exercise-raise tags=["exercise"]
async def publish(listeners, event, *facts):
    ...     # your code


check("02-raise", publish)

# %% together-text [markdown]
# Our `Bus` does that, too. It does not say what should become of the order; you must. There are 4 CDs, the first two
# orders take 3, and the third wants 2: `stock` objects. Then there should be no order, and no bill. A word you know: a
# transaction.

# %% together
def together(bus, *listeners):
    for listener in listeners:
        bus.on("order placed", listener)

    async def place(app, order):
        async with app.database.transaction():
            await app.database.execute("INSERT INTO orders VALUES (?)", [order["order_id"]])
            await bus.publish("order placed", app, order)
        return "thank you"
    return serving(place)


# %% guess-back
predict("back", "`bill`, `mail` and `stock` listen, in this order. What is left of the third order?",
        kind="choice", choices=["nothing", "a bill", "a mail", "a bill and a mail"])

# %% run-back
left = what_is_left(run(shop(together(Bus(), bill, mail, stock), count=3)))
reveal("back", "a mail" if left["mail"] > left["orders"] == left["bills"] else "nothing")
left

# %% run-back-proof tags=["claim"]
assert left == {"orders": 2, "bills": 2, "cds left": 1, "mail": 3, "thank you": 2, "an error": 1}
assert [row["value"]["cds"] for row in orders(3, rate=1)] == [2, 1, 2]

# %% back-result [markdown]
# That is the strength of a bus: what listeners write stands or falls with the order [P34]. No broker can do that for
# you. But the mail is out, about an order that does not exist. A transaction takes back rows, not mails.

# %% part-b [markdown]
# A good place to stop.
#
# # B · When is one process not enough?
#
# (You begin here? Run the cells of A first.)
#
# So there are two events: one before the COMMIT, "order coming", for those who may object; and one after it, "order
# placed", a fact. `mail` hears of the fact, and nobody should wait for it. `Bus` can put it aside: `later=True`, and a
# task of the same process, `bus.work()`, does what lies there.

# %% later tags=["service"]
def aside(bus):
    bus.on("order coming", bill)
    bus.on("order coming", stock)
    bus.on("order placed", slow_mail, later=True)

    async def place(app, order):
        async with app.database.transaction():
            await app.database.execute("INSERT INTO orders VALUES (?)", [order["order_id"]])
            await bus.publish("order coming", app, order)       # who may object
        await bus.publish("order placed", app, order)           # a fact
        return "thank you"
    return serving(place, bus.work)


def forgotten(trace):
    done = trace.effects.groupby("name").key.agg(set)
    return done["thank you"] - done.get("mail", set())


calls = run(shop(aside(Bus()))).calls
print(f"the longest wait: {max(calls.answered - calls.sent):.3f} s")

# %% later-proof tags=["claim"]
assert max(calls.answered - calls.sent) < 0.01

# %% later-result [markdown]
# Nobody waits. Ten customers, about one a second; a mail still takes two. At second 8 the shop is killed; a second
# later it is back.

# %% guess-dead
predict("dead", "How many customers are thanked, and never get their mail?")

# %% run-dead
killed = shop(aside(Bus()), count=10, cds=50, faults=[Crash("shop-0", at=8, restart_after=1)])
reveal("dead", len(forgotten(run(killed))))

# %% run-dead-proof tags=["claim"]
assert len(forgotten(run(killed))) == 4 == 1 + 3
assert not forgotten(run(shop(aside(Bus()), count=10, cds=50)))

# %% dead-result [markdown]
# One in hand, three aside: all in the memory of a process [P36]. No log has an error, and no customer writes that a
# mail did **not** come. Two more things that memory cannot do: a second instance of the shop has a bus of its own, and
# hears nothing of the first [P37]; and who subscribes on Thursday hears nothing of Monday [P38].
#
# Three times the same lack: the board hangs inside one program. Hang it up outside, and it is a *message broker*.
#
# ### Exercise: eight minutes
#
# Move the mail out of the shop. Kafka keeps the notes of one kind in a *topic*, here `orders`. `place` pins the order
# there: `await producer.send_and_wait(topic, value, key=...)` is back when Kafka has it. `post`, a program of its own,
# reads and mails, by the loop of lesson 00. `check` kills both at every moment: whoever was thanked gets a mail.
# `hint("02-mail")`, `solution("02-mail")`.

# %% exercise-mail tags=["exercise"]
async def place(app, producer, order):
    await app.database.execute("INSERT INTO orders VALUES (?)", [order["order_id"]])
    ...     # pin the order to the topic "orders"; the key is its order_id
    return "thank you"


async def post(app):
    ...     # read "orders" as group "post"; await app.effect("mail", order_id)


check("02-mail", place, post)

# %% topic-text [markdown]
# If yours passed, it does the same as this. Who reads the board is now a matter between the reader and Kafka:

# %% topic tags=["service"]
async def shop_with_topic(app):
    producer = app.producer()

    async def place(order):
        await app.database.execute("INSERT INTO orders VALUES (?)", [order["order_id"]])
        await producer.send_and_wait("orders", order, key=order["order_id"])
        return "thank you"
    await app.serve(place)


def reader(group, handle):
    async def main(app):
        consumer = app.consumer("orders", group_id=group, enable_auto_commit=False, auto_offset_reset="earliest")
        async for order in consumer:
            await handle(app, order.value)
            await consumer.commit()
    return main


# %% guess-topic-text [markdown]
# Again ten customers. `post` is killed at second 8, in the middle of a mail, and is back a second later. And analytics
# is new: it starts at second 60, when all orders are long placed.

# %% guess-topic
predict("post", "How many customers are thanked, and never get their mail?")
predict("late", "How many of the ten orders does analytics see?")

# %% run-topic
async def count(app, order):
    await app.effect("counted", order["order_id"])


readers = [Service("post", reader("post", slow_mail)), Service("analytics", reader("analytics", count), start=60)]
moved = shop(shop_with_topic, *readers, count=10, faults=[Crash("post-0", at=8, restart_after=1)])
trace = run(moved)
reveal("post", len(forgotten(trace)))
reveal("late", sum(trace.effects.name == "counted"))

# %% run-topic-proof tags=["claim"]
mails = trace.effects[trace.effects.name == "mail"]
assert not forgotten(trace) and sum(trace.effects.name == "counted") == 10 and len(mails) == 10
assert round(max(mails.time.diff()[1:])) == 47 == 45 + 2
assert trace.effects.time[trace.effects.name == "counted"].min() > 60
assert max(trace.calls.answered - trace.calls.sent) < 0.02

# %% run-topic-text [markdown]
# Nothing is forgotten: the orders lie with Kafka, and Kafka knows how far `post` had come. Analytics reads them all,
# from the oldest on [P38]. Neither had to ask the shop. The price: for 47 seconds no mail went out. Kafka waits 45
# until it gives a silent member up [K86], and the mail in hand takes its two once more.
#
# Drag the death of `post` to and fro. Is there a second at which a mail is lost?

# %% slider
def told(trace):
    mails = trace.effects.time[trace.effects.name == "mail"]
    return f"never mailed: {len(forgotten(trace))}; longest time without a mail: {max(mails.diff()[1:]):.0f} s"


sliders(moved, "faults.0.at", show=lambda trace: (told(trace), trace.plot.lag("post")))

# %% slider-proof tags=["claim"]
from simlib import replace

ends = [run(replace(moved, "faults.0.at", second)) for second in (0, 2, 5, 9, 15, 40)]
assert not any(forgotten(end) for end in ends)
last = [end.effects.time[end.effects.name == "mail"].max() for end in ends]
assert min(last[1:5]) > 60 > 30 > last[5]

# %% slider-text [markdown]
# None. They only come late.
#
# > **It looks as if** you should begin with Kafka, then. Count what the topic cost you: a broker to run, mails that are
# > late, and sometimes twice (lesson 06), and a gap between save and pin that swallows the event [P01] (lesson 07).
# > `bill` on the bus has none of these. Start with a bus. Move out who must.
#
# When you move somebody out: name the event by what has happened; choose a key (lesson 04); let the reader bear
# repeats (lesson 06); write event and order together (lesson 07); plan for what nobody can handle (lesson 12).
#
# ### Exercise: five minutes
#
# Four listen. `bill` must be right for every saved order. `stock` may say no, and then there is no order. `mail` takes
# two seconds today, and no customer who was thanked may miss it. `suggest` computes for a second what this customer may
# like next; if it is lost, the next order computes it. Nobody waits longer than half a second.
#
# Put `"now"` (in the transaction), `"later"` (aside, after it) or `"topic"` for each. `check` tries every death.
# `hint("02-where")`, `solution("02-where")`.

# %% exercise-where tags=["exercise"]
where = {"bill": ..., "stock": ..., "mail": ..., "suggest": ...}


check("02-where", where)

# %% close [markdown]
# | | use it when | do not |
# |---|---|---|
# | call it by name | there is one, it must answer, and you need the answer | the list grows with every wish |
# | bus, now | it may object, or must be true together with the order | it is slow, or leaves the database |
# | bus, later | it may be forgotten | somebody was promised something |
# | topic | it must not be forgotten, runs elsewhere, or comes later | nobody looks after a broker |
#
# **Five lines to keep**
# 1. Whoever publishes says what has happened, and knows nobody.
# 2. A bus calls: the publisher waits for all, and hears of every error.
# 3. What listeners write stands or falls with the transaction. What leaves the database does not.
# 4. Later, in memory, means perhaps never.
# 5. A broker remembers: for the dead, for the others, and for those who come late. You pay with delay and repeats.
#
# **Self-test**
#
# <details><summary>You publish "oder placed". What happens?</summary>
# Nothing, and no error: nobody listens to that. Give events their names in one place.</details>
# <details><summary>A listener for later subscribes to "order coming", inside the transaction. Stock objects. And
# now?</summary>
# It is done all the same: what was put aside knows nothing of the transaction [P36].</details>
# <details><summary>Each instance keeps prices in memory, and forgets them at "price changed" on its bus. What do
# customers see?</summary>
# The new price at one instance, the old one at the others [P37].</details>
#
# **Last exercise: three minutes.** Marketing asks for its line in `place`. Answer in a few sentences: who should know
# about an order, and how? Ours is in `solution("02-words")`.
#
# **Read on:** a [message bus](https://www.cosmicpython.com/book/chapter_08_events_and_message_bus.html) grown step by
# step in Python; what [Spring](https://docs.spring.io/spring-framework/reference/core/beans/context-introduction.html)
# promises of its events, and within a
# [transaction](https://docs.spring.io/spring-framework/reference/data-access/transaction/event.html).
#
# A good place to stop. Next: lesson 03. What belongs in an event?
