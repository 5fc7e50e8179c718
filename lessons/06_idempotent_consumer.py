# %% header [raw] tags=["header"]
# minutes = 60
# question = "Can twice equal once?"
# needs = ["consumer group, commit (lesson 00)", "what a kill loses and repeats (lesson 05A)",
#          "SQL: INSERT, UPDATE, transaction"]
# cut = "The slider, the replay and the addresses. Never the two instances, never the transaction around the bank."
# vote = "Two instances: does it hold? Hands up for each of the three answers; ask one of each for the unlucky moment."
#
# [[episodes]]
# question = "A. I remembered it. Why twice?"
# minutes = 25
#
# [[episodes]]
# question = "B. What holds?"
# minutes = 20
#
# [[episodes]]
# question = "C. And when the money is somewhere else?"
# minutes = 15
#
# [[objectives]]
# do = "name the moment at which a memory of orders loses one"
# exercise = "06-break"
#
# [[objectives]]
# do = "write a consumer for which twice equals once"
# exercise = "06-points"
#
# [[objectives]]
# do = "see when no memory is needed"
# exercise = "06-newest"
#
# [[objectives]]
# do = "choose the key that another service needs from you"
# exercise = "06-key"

# %% opening [markdown]
# # Can twice equal once?
#
# **Lesson 06** · 60 minutes, three episodes · you know what a kill repeats (lesson 05A)
#
# Monday, 09:10. A pull request of four lines: billing remembers the orders it has charged, and charges none of them
# again. Three approvals. Friday, 18:02, a power cut, and a mail: *"You took my money twice. Again."*
#
# When you leave this page you can
# 1. name the moment at which a memory of orders loses one;
# 2. write a consumer for which twice equals once;
# 3. see when no memory is needed;
# 4. choose the key that another service needs from you.
#
# <details><summary>Do you have what you need? Three lines and two questions.</summary>
#
# A consumer asks Kafka for orders and commits: "done up to here". After a kill it goes on at the last commit. What was
# done after that is done again.
#
# Charge, kill, commit: what happens to the order? *It is charged twice.*<br>
# Commit, kill, charge? *It is never charged.*<br>
# Surprised? Lesson 05A first: 45 minutes.
# </details>

# %% imports
from inspect import getsource

from simlib import Crash, Scenario, Service, Topic, explore, laws, replace, run, sliders
from simlib.course import check, hint, predict, reveal, solution, start
from simlib.data import orders
from simlib.patterns.idempotency import ANSWERS, INBOX, REMEMBER, answer_once, first_time

start("06")

# %% the-shop [markdown]
# # A · I remembered it. Why twice?
#
# Billing keeps an account for each customer, in a database of its own. To charge is to add.

# %% loop tags=["service"]
TABLES = """CREATE TABLE accounts (customer TEXT PRIMARY KEY, owes REAL DEFAULT 0);
            INSERT INTO accounts (customer) VALUES ('00001'), ('00004'), ('00005');
            CREATE TABLE done (order_id TEXT PRIMARY KEY);"""
CHARGE = "UPDATE accounts SET owes = owes + ? WHERE customer = ?"


async def charge(app, order):
    await app.database.execute(CHARGE, [order.value["amount"], order.value["customer"]])


def billing(handle, **more):
    async def main(app):
        consumer = app.consumer("orders", group_id="billing", enable_auto_commit=False,
                                auto_offset_reset="earliest", **more)
        # receive
        async for order in consumer:
            await handle(app, order)
            # commit
            await consumer.commit()
    return main


# %% naive-text [markdown]
# That loop stays as it is on this page. What changes is `handle`. First without any memory: all it does is charge.

# %% naive
def shop(handle, instances=1, inputs=orders(3)):
    return Scenario([Topic("orders")], inputs={"orders": inputs},
                    services=[Service("billing", billing(handle), instances, database=TABLES)])


# %% rule-text [markdown]
# Three orders of three customers, and one rule: whatever happens, the accounts end as if nothing had happened.
# `explore` runs this shop again and again. Each time it kills billing at another moment, or loses another message, and
# compares the accounts with those of a calm run.

# %% rule
ACCOUNTS = "SELECT customer, owes FROM accounts"
as_if_nothing = laws.as_calm(ACCOUNTS)
explore(shop(charge), as_if_nothing)

# %% rule-proof tags=["claim"]
def accounts(trace):
    return dict(trace.databases["billing"].execute(ACCOUNTS))


assert sorted(accounts(run(shop(charge)))) == sorted(order["key"] for order in orders(3))
found = explore(shop(charge), as_if_nothing, progress=False)
assert found.broken == 3 and found.counterexample.schedule == "crash-after:billing-0.0/execute#1"

# %% check-text [markdown]
# Each row is one run. Three break the rule, one for each order, and above the table stands the shortest story, with its
# id: in the first life of `billing-0`, killed right after the first statement it executed. That is the window you
# know from lesson 05, between charge and commit [P10].
#
# The first cure that comes to mind is a set.

# %% in-memory
seen = set()


async def in_memory(app, order):
    # remember
    if order.value["order_id"] not in seen:
        # charge
        await charge(app, order)
        seen.add(order.value["order_id"])


print(explore(shop(in_memory), as_if_nothing).headline)

# %% in-memory-proof tags=["claim"]
assert explore(shop(in_memory), as_if_nothing, progress=False).broken == 3

# %% pull-request [markdown]
# Broken by the same three: a killed program forgets its variables, and a second instance has a set of its own [C01].
# Now the pull request. Its memory survives: a table `done` with a row for every order that was charged.

# %% check-first tags=["service"]
LOOK = "SELECT order_id FROM done WHERE order_id = ?"
MARK = "INSERT OR IGNORE INTO done VALUES (?) RETURNING order_id"       # gives a row if it is new


async def check_first(app, order):
    # remember: was it charged before?
    if await app.database.execute(LOOK, [order.value["order_id"]]):
        return
    # charge
    await charge(app, order)
    # remember: it is charged now
    await app.database.execute(MARK, [order.value["order_id"]])


# %% guess-check
predict("check", "The same kills, the same losses. What can still happen?", kind="choice",
        choices=["nothing: each once", "an order is charged twice", "an order is never charged"])

# %% check
result = explore(shop(check_first), as_if_nothing)
reveal("check", "nothing: each once" if result else "an order is charged twice")
result.counterexample.trace.plot.sequence()

# %% check-proof tags=["claim"]
def how(handle, instances=1, **more):
    """What the counter-examples do to the accounts: twice, never."""
    result = explore(shop(handle, instances), as_if_nothing, progress=False, **more)
    broken = result.table[result.table.verdict == "broken"].schedule
    calm = accounts(result.calm)
    ends = [accounts(run(shop(handle, instances), schedule=id)) for id in broken]
    return {"twice" if end[who] > calm[who] else "never" for end in ends for who in calm if end[who] != calm[who]}


assert how(charge) == how(check_first) == {"twice"}

# %% check-result [markdown]
# > **It looks as if** the table knows what was charged. It knows what was charged **and** written down. Before, the
# > window lay between charge and commit. Now it lies between charge and mark.
#
# Then the other way round: first remember, then charge. Now nothing can slip through twice.

# %% mark-first
async def mark_first(app, order):
    # remember
    if not await app.database.execute(MARK, [order.value["order_id"]]):
        return
    # charge
    await charge(app, order)


explore(shop(mark_first), as_if_nothing).counterexample

# %% mark-first-proof tags=["claim"]
assert how(mark_first) == {"never"}

# %% redis-text [markdown]
# Nothing twice, and it loses. Killed between mark and charge, billing comes back, finds the mark, and nobody ever
# charges that order [P10]. Nobody writes a mail about it, either.
#
# So a mark must not last for ever. That is the cure you will find most often. Redis is a store beside your database,
# and it does this in one line: set a key, only if there is none (`nx`), and forget it after so many seconds (`ex`).

# %% redis
def redis_first(ex):
    async def handle(app, order):
        # remember
        if not await app.redis.set(order.value["order_id"], "done", nx=True, ex=ex):
            return
        # charge
        await charge(app, order)
    return handle


# %% guess-redis
predict("ex", "Which `ex` survives both kills: just before the charge, and just after it?", kind="choice",
        choices=["a short one: ten seconds", "a long one: a day", "both", "neither"])

# %% redis-run
def killed(ex, when, away=1):
    kill = Crash("billing-0", nth=2, restart_after=away, **{when: "execute"})
    return replace(shop(redis_first(ex)), "faults", [kill])


def owes(trace):
    return dict(trace.databases["billing"].execute(ACCOUNTS))["00001"]


for ex in (10, 86_400):
    print(f"ex={ex:5}   killed before the charge: {owes(run(killed(ex, 'before')))}"
          f"   after: {owes(run(killed(ex, 'after')))}")
reveal("ex", "neither")

# %% redis-proof tags=["claim"]
price = orders(3)[1]["value"]["amount"]
assert orders(3)[1]["key"] == "00001"
ends = {(ex, when): accounts(run(killed(ex, when)))["00001"] for ex in (10, 86_400) for when in ("before", "after")}
assert ends == {(10, "before"): price, (10, "after"): 2 * price, (86_400, "before"): 0, (86_400, "after"): price}

# %% redis-result [markdown]
# Customer 00001 bought for 11.77. A killed member is missed after 45 seconds [K86]; then the order comes again. By then
# the short mark is gone, and nobody remembers the charge. The long one is still there, and nobody charges [P12].
#
# Something between, then: `ex=50`. The machine dies just before the charge of 00001.

# %% guess-away
predict("away", "How many seconds must the machine be away, so that 00001 is charged after all?")

# %% slider-away
away = killed(50, "before")
healed = next(s for s in range(1, 61) if owes(run(killed(50, "before", away=s))))
reveal("away", healed)
sliders(away, "faults.0.restart_after",
        show=lambda trace: (f"00001 owes {owes(trace)}", trace.plot.lag()))

# %% slider-away-proof tags=["claim"]
from simlib.scenario.settings import resolve_broker, resolve_consumer

assert price == 11.77 and healed == 47 == 50 - 3
assert resolve_broker({}).group_initial_rebalance_delay_ms == 3_000
assert resolve_consumer("kafka-python", {}).session_timeout_ms / 1000 == 45
assert [owes(run(killed(50, "after", away=seconds))) for seconds in (46, 47)] == [price, 2 * price]

# %% slider-away-result [markdown]
# 47, and three more in which an empty group waits for members: then the mark is gone. The longer the outage, the better
# for 00001. And the worse for everybody who was killed just **after** the charge: the same 47 seconds charge them
# twice. You set a number against a length of time that nobody knows.

# %% replay-text [markdown]
# And the next day somebody replays an order by hand. A memory must last longer than the longest way an order can take
# back to you [P13].

# %% replay
again = orders(3)[1] | {"at": 90_000}       # seconds: 25 hours
tomorrow = shop(redis_first(86_400), inputs=[*orders(3), again])
owes(run(replace(tomorrow, "duration", 100_000)))

# %% replay-proof tags=["claim"]
tomorrow = replace(tomorrow, "duration", 100_000)
assert owes(run(tomorrow)) == 2 * price and again["at"] == 25 * 3600
assert owes(run(replace(tomorrow, "inputs.orders", [*orders(3), again | {"at": 80_000}]))) == price

# %% break-text [markdown]
# ### Break it: six minutes
#
# A colleague mends the long one. After an error the mark is taken away again:

# %% forgiving
async def forgiving(app, order):
    # remember
    if not await app.redis.set(order.value["order_id"], "done", nx=True, ex=86_400):
        return
    try:
        # charge
        await charge(app, order)
    except Exception:
        await app.redis.delete(order.value["order_id"])
        raise

# %% break-task [markdown]
# Give `check` the id of one run after which an order is never charged. Ids stand above the stories; the steps of this
# handler are called `receive`, `redis`, `execute` and `commit`. Stuck? `hint("06-break")`. Had enough?
# `solution("06-break")`.

# %% exercise-break tags=["exercise"]
schedule = ...


check("06-break", schedule)

# %% part-b [markdown]
# A good place to stop.
#
# # B · What holds?
#
# (You begin here? Run the cells of A first.)
#
# Charge and mark must happen together, or not at all. Your database has a word for that:

# %% together tags=["service"]
async def together(app, order):
    # remember: was it charged before?
    if await app.database.execute(LOOK, [order.value["order_id"]]):
        return
    async with app.database.transaction():
        # charge
        await charge(app, order)
        # remember: it is charged now
        await app.database.execute(MARK, [order.value["order_id"]])


print(explore(shop(together), as_if_nothing).headline)

# %% together-proof tags=["claim"]
found = explore(shop(together), as_if_nothing, progress=False)
assert found.holds and found.tried == 25

# %% twins-text [markdown]
# It survives every death and every lost message: each of its 25 runs. (There are two commits now. The database's makes
# rows stay; Kafka's says "done up to here".) Merge it?
#
# In production there are two instances. The topic has one partition, and Kafka gives it to one of them at a time.
# With two, `explore` also tries a third kind of accident: an instance stands still for a minute, and goes on.

# %% guess-twins
predict("twins", "The same handler, two instances. Does it hold?", kind="choice",
        choices=["yes: one partition, one reader", "no: charged twice", "no: never charged"])

# %% twins
result = explore(shop(together, instances=2), as_if_nothing)
reveal("twins", "yes: one partition, one reader" if result else "no: charged twice")
result.counterexample.trace.plot.sequence()

# %% twins-proof tags=["claim"]
assert how(together, 2) == {"twice"} and result.counterexample.schedule.startswith("stall")
assert result.broken == 3 and result.tried == 44

# %% twins-result [markdown]
# > **It looks as if** one partition means one worker. It means one owner. `billing-0` looked, found no mark, and
# > stood still. The group gave it up, and its twin did the order. Then `billing-0` woke up and went on where it
# > was: after the look [P11]. Kafka refused its commit [K97], and it ended by that error. Too late.
#
# Three runs of 44, one for each order; no test that anybody would write. The look belongs in the transaction, too.
# Best, look and mark are one statement: insert, and see whether it was new. That is `first_time`. Here is the whole
# handler, as it should be:

# %% once
async def once(app, order):
    async with app.database.transaction():
        # remember
        if await first_time(app.database, "billing", order.value["order_id"]):
            # charge
            await charge(app, order)


TABLES += INBOX     # the table of first_time
twins = explore(shop(once, instances=2), as_if_nothing)
pairs = explore(shop(once), as_if_nothing, faults=2)
print(f"two instances: {twins.broken} of {twins.tried} broken")
print(f"any two accidents: {pairs.broken} of {pairs.tried} broken")

# %% once-proof tags=["claim"]
assert twins.holds and pairs.holds and pairs.tried > 200

# %% inbox-text [markdown]
# The accounts are right in all of them. This is called an *inbox*, and it is no more than this:

# %% inbox-file
print(REMEMBER)
print(getsource(first_time))

# %% inbox-result [markdown]
# Whoever comes second waits until the first has committed, and then sees that it is done. If the first dies, its
# transaction is undone, and the second does the work [P09]. Kafka's commit comes after; killed before it, billing gets
# the order once more, and does nothing.
#
# That is *idempotency*. Press the lift's button twice: one lift comes.
#
# ### Exercise: eight minutes
#
# The shop gives points: one for each CD of an order, `order.value["cds"]`. Write `give_points`; the loop and the tables
# `points` and `inbox` are there. Two instances run it. One customer buys twice, and the checkout, short of patience,
# has sent one order twice. `check` tries every accident. `hint("06-points")`, `solution("06-points")`.

# %% exercise-points tags=["exercise"]
from simlib.patterns.idempotency import first_time

ADD = "UPDATE points SET points = points + ? WHERE customer = ?"


async def give_points(app, order):
    ...     # your code


check("06-points", give_points)

# %% newest-text [markdown]
# ### No memory at all: seven minutes
#
# You need an inbox because `owes + 11.77` is another number each time. Some events do not add. They say what is so: Ada
# lives in Cologne. Hear it twice, and nothing changes [P14] - unless you heard something newer in between.
#
# The table is `addresses (customer PRIMARY KEY, city, version)`. Write the one SQL statement for every event, with a
# `?` for each column in this order. Ada's second move lay in the post, and comes after her third.
# `hint("06-newest")`, `solution("06-newest")`.

# %% exercise-newest tags=["exercise"]
MOVE = ...


check("06-newest", MOVE)

# %% part-c [markdown]
# A good place to stop.
#
# # C · And when the money is somewhere else?
#
# (You begin here? Run the cells of A and B first.)
#
# A card is not in your database. The bank has it, and you ask the bank: `app.call` asks and waits, `app.serve` answers.
# Around the call stands the handler that holds.

# %% bank tags=["service"]
async def bank(app):
    async def pay(request):
        await app.database.execute("INSERT INTO payments VALUES (?)", [request["order_id"]])
        return "paid"
    await app.serve(pay)


async def ask_the_bank(app, order):
    await app.call("bank", {"order_id": order.value["order_id"]}, timeout=5)


async def at_the_bank(app, order):
    async with app.database.transaction():
        # remember
        if await first_time(app.database, "billing", order.value["order_id"]):
            # charge
            await ask_the_bank(app, order)


# %% bank-shop
def town(bank, handle):
    desk = Service("bank", bank, database="CREATE TABLE payments (order_id TEXT);" + ANSWERS)
    return replace(shop(handle), "services", [*shop(handle).services, desk])


paid_once = laws.as_calm(("bank", "SELECT order_id, count(*) FROM payments GROUP BY order_id"))
predict("bank", "What can happen to an order now?", kind="choice",
        choices=["nothing: each once", "an order is paid twice", "an order is never paid"])

# %% bank-run
result = explore(town(bank, at_the_bank), paid_once)
reveal("bank", "nothing: each once" if result else "an order is paid twice")
result.counterexample.trace.plot.sequence()

# %% bank-proof tags=["claim"]
def payments(handle, desk, **more):
    """How often an order is paid in the counter-examples."""
    result = explore(town(desk, handle), paid_once, progress=False, **more)
    broken = result.table[result.table.verdict == "broken"].schedule
    paid = [run(town(desk, handle), schedule=id).databases["bank"].execute(
        "SELECT count(*) FROM payments GROUP BY order_id") for id in broken]
    return {row[0] for rows in paid for row in rows} - {1} | {0 for rows in paid if len(rows) < 3}


assert payments(at_the_bank, bank) == {2}

# %% bank-result [markdown]
# A transaction undoes rows. It does not undo a bank: killed after the call and before its own commit, billing forgets
# the order, and the bank does not [P10]. (You could mark first, and lose instead. You have been there.)
#
# > **It looks as if** Kafka's *"exactly once"* was made for this. Its consumer's half is a setting, and billing can
# > have it:

# %% kafka-once
settled = replace(town(bank, at_the_bank), "services.billing.main",
                  billing(at_the_bank, isolation_level="read_committed"))
print(explore(settled, paid_once).headline)

# %% kafka-once-proof tags=["claim"]
assert not explore(settled, paid_once, progress=False)

# %% kafka-once-result [markdown]
# > It does not hold. Kafka can take back what was written to Kafka. It has never met your bank.
#
# Who does the work must keep the memory. So tell the bank which payment this is, by an *idempotency key*: a text that
# is the same at every attempt. If the bank knows it, it does nothing, and gives the answer that it gave before.
# Billing then needs no memory at all, and only asks:

# %% careful-bank tags=["service"]
async def careful_bank(app):
    async def pay(request):
        async def book():
            await app.database.execute("INSERT INTO payments VALUES (?)", [request["order_id"]])
            return "paid"
        return await answer_once(app.database, request["order_id"], request, book)
    await app.serve(pay)


print(explore(town(careful_bank, ask_the_bank), paid_once).headline)

# %% careful-proof tags=["claim"]
assert explore(town(careful_bank, ask_the_bank), paid_once, progress=False).holds

# %% lease-proof tags=["claim"]
def lease_seconds():
    from inspect import signature

    from simlib.patterns.broken_idempotency import redis_lease

    return signature(redis_lease).parameters["lease"].default


assert lease_seconds() == 30

# %% key-text [markdown]
# It holds. (`answer_once` stands in the same file as `first_time`: an inbox that keeps the answer as well.)
#
# ### Exercise: six minutes
#
# Which key would you send? Write `key(app, order)`. The bank knows customers and amounts, and refuses a key that comes
# again with another request. One customer buys again, even the same for the same price, and one order is sent twice.
# `hint("06-key")`, `solution("06-key")`.

# %% exercise-key tags=["exercise"]
def key(app, order):
    ...     # your code


check("06-key", key)

# %% close [markdown]
# | | use it when | do not |
# |---|---|---|
# | say what is so | the event carries the whole value and a version | it adds: money, stock, points |
# | inbox | the work is in your own database | the work is elsewhere |
# | idempotency key | you call somebody who keeps keys | they forget it before you stop asking |
# | Redis, `nx` and `ex` | a second time only costs time: a cache, a thumbnail | a loss or a repeat costs money |
#
# An inbox needs a row for every order, for as long as an order may come again, by whatever way [P13].
#
# **Five lines to keep**
# 1. Twice will come. Make it equal once.
# 2. A memory in a second step moves the window. It does not close it.
# 3. Mark and work in one transaction; look and mark in one statement.
# 4. Remember what happened, not where it lay [P15] and not who did it.
# 5. Who does the work must keep the memory.
#
# **Self-test**
#
# <details><summary>Both billing and points keep their inbox in one database. What must the key contain?</summary>
# Who remembers: <code>first_time(db, "billing", ...)</code>. Otherwise whoever comes second does nothing.</details>
# <details><summary>Killed after the database's commit, before Kafka's. What happens?</summary>
# The order comes again, the inbox knows it, and all that is done is Kafka's commit [P09].</details>
# <details><summary>Why is the bank's key not a random number made by billing?</summary>
# A killed billing makes another one. It would have to remember the number before it calls.</details>
# <details><summary>Redis: mark "in work" for 30 seconds, work, then mark "done" for ever. What is lost, what
# repeats?</summary>
# Nothing is lost. Killed before "done", it repeats [C02].</details>
#
# **Last exercise.** Answer the mail of Friday, 18:02. Ours is in `solution("06-mail")`.
#
# **Read on:** [the pattern](https://microservices.io/patterns/communication-style/idempotent-consumer.html) and its
# names; [what a bank does with a key](https://docs.stripe.com/api/idempotent_requests); [why two instances are
# enough](https://martin.kleppmann.com/2016/02/08/how-to-do-distributed-locking.html), told about locks.
#
# A good place to stop. Next: lesson 07, the outbox: billing has charged, and must tell somebody.
