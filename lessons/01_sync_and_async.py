# %% header [raw] tags=["header"]
# minutes = 60
# question = "Why does one slow service stop the whole shop?"
# needs = ["event, consumer, commit, session timeout (lesson 00)", "async and await", "REST: a service calls another"]
# cut = "The waits side by side (A), who knows whom (C). Never the slow payment, never the two seconds."
# vote = "A: payment dead or payment slow, which is worse? B: two seconds of stillness, when are buyers served again?"
#
# [[episodes]]
# question = "A. Who waits for whom?"
# minutes = 16
#
# [[episodes]]
# question = "B. Two seconds. Why is it still down?"
# minutes = 16
#
# [[episodes]]
# question = "C. And if nobody had to wait?"
# minutes = 15
#
# [[episodes]]
# question = "D. What does it cost?"
# minutes = 13
#
# [[objectives]]
# do = "work out how many workers a slow neighbour holds, and choose a timeout"
# exercise = "01-limits"
#
# [[objectives]]
# do = "write a caller that does not turn a hiccup into an outage"
# exercise = "01-breaker"
#
# [[objectives]]
# do = "add a service to a running shop without touching the shop"
# exercise = "01-points"
#
# [[objectives]]
# do = "choose between a call and an event, and name the price"
# exercise = "01-choose"

# %% opening [markdown]
# # Why does one slow service stop the whole shop?
#
# **Lesson 01** · 60 minutes, four episodes · you know what an event is (lesson 00)
#
# Friday, 20:15. The bank is busy, and a payment takes ten seconds. Nothing is down; every light is green. At 20:16 the
# phone rings: *"I only want to look at a CD. Your shop does not open."*
#
# When you leave this page you can
# 1. work out how many workers a slow neighbour holds, and choose a timeout;
# 2. write a caller that does not turn a hiccup into an outage;
# 3. add a service to a running shop without touching the shop;
# 4. choose between a call and an event, and name the price.
#
# <details><summary>Do you have what you need? Three lines and two questions.</summary>
#
# An event is a fact on a notice board; the board is Kafka. Consumers read it and tick off ("commit").<br>
# Members of one group share the events; a killed one is missed after the session timeout, 45 seconds.<br>
# What was done after the last commit is done again.
#
# Who waits when a consumer is slow? *Nobody but the events.*<br>
# Does the producer know who reads? *No.* Surprised? Lesson 00 takes 20 minutes.
# </details>

# %% imports
from asyncio import gather

from simlib import Crash, Pause, Scenario, Service, Topic, replace, run, sliders
from simlib.course import check, hint, predict, reveal, solution, start
from simlib.data import orders

start("01")

# %% the-shop [markdown]
# # A · Who waits for whom?
#
# Four services. Three do one thing each with an order: payment charges, stock reserves, mail writes. `answers` puts it
# behind a door where others can knock. Think of REST: `app.serve` is the server, `app.call` the client.

# %% services tags=["service"]
def work(name, seconds):
    async def act(app, order):
        await app.sleep(seconds)
        await app.effect(name, order["order_id"])
    return act


def answers(act, **limits):
    async def main(app):
        async def handle(order):
            return await act(app, order)
        await app.serve(handle, **limits)
    return main


charge, reserve, mail = work("charge", 0.1), work("reserve", 0.05), work("mail", 0.15)
CHAIN = "payment", "stock", "mail"

# %% shop-text [markdown]
# The fourth is the shop. Who only looks gets a page at once. Who buys waits until the shop has asked all three. Ten
# requests at a time: ten *workers*, since each holds memory and a database connection.

# %% shop tags=["service"]
def asks(*names, **how):
    async def buy(app, order):
        for name in names:
            if await app.call(name, order, **how) == "refused":     # part D
                return "sorry"
        return "thank you"
    return buy


def shop(buy, **limits):
    async def main(app):
        async def page(request):
            return await buy(app, request) if request["page"] == "buy" else "a CD"
        await app.serve(page, **limits)
    return main

# %% customers tags=["service"]
def customers(page, rows):
    async def main(app):
        async def come(row):
            await app.sleep(row["at"])
            await app.call("shop", {"page": page, **row["value"]})
        await gather(*(come(row) for row in rows), return_exceptions=True)
    return main


def town(buy, pay=charge, **more):
    return Scenario([], duration=30, services=[
        Service("payment", answers(pay)), Service("stock", answers(reserve)), Service("mail", answers(mail)),
        Service("shop", shop(buy, workers=10)),
        Service("buyers", customers("buy", orders(200, rate=5))),
        Service("lookers", customers("look", orders(200, rate=5, seed=1)))], **more)

# %% calm-text [markdown]
# Five buyers and five lookers a second; the orders are real ones. Thirty calm seconds. Each dot is a customer, at the
# moment he came; the higher, the longer he waited.

# %% calm
calm = run(town(asks(*CHAIN)))
calm.plot.calls("shop")

# %% calm-proof tags=["claim"]
def waits(trace, who):
    calls = trace.calls[(trace.calls.caller == f"{who}-0") & (trace.calls.outcome == "answered")]
    return calls.answered - calls.sent


assert 0.30 < waits(calm, "buyers").median() < 0.32 and waits(calm, "lookers").max() < 0.01
assert calm.scenario.duration == 30 and round(0.1 + 0.05 + 0.15, 2) == 0.3

# %% calm-result [markdown]
# A buyer waits for the sum: 0.1 + 0.05 + 0.15 seconds, and a little for the network [T11]. Or all at once:

# %% side-by-side
async def together(app, order):
    await gather(*(app.call(name, order) for name in CHAIN))
    return "thank you"


print(run(town(together)).plot.calls("shop"))

# %% side-by-side-proof tags=["claim"]
assert 0.15 < waits(run(town(together)), "buyers").median() < 0.16

# %% slow-text [markdown]
# Then he waits for the slowest [T12]. (But the mail goes out even where payment says no.)
#
# Now Friday evening. **Before you run it, write down what you think.**

# %% guess-slow
NEITHER = "neither: they need no payment"
predict("worse", "A payment that is dead, or one that takes ten seconds: worse for whoever only looks?", kind="choice",
        choices=["dead", "slow", NEITHER])

# %% run-slow
def prompt(trace, who):     # the share that was served within a second
    calls = trace.calls[trace.calls.caller == f"{who}-0"]
    return ((calls.outcome == "answered") & (calls.answered - calls.sent < 1)).mean()


dead = run(town(asks(*CHAIN), faults=[Crash("payment-0", at=0)]))
slow = run(town(asks(*CHAIN), pay=work("charge", 10)))
print(f"looked within a second: dead {prompt(dead, 'lookers'):.0%}, slow {prompt(slow, 'lookers'):.0%}")
change = prompt(dead, "lookers") - prompt(slow, "lookers")
reveal("worse", "slow" if change > 0 else "dead" if change < 0 else NEITHER)
slow.plot.calls("shop")

# %% run-slow-proof tags=["claim"]
assert prompt(dead, "lookers") == 1 and 0 < prompt(slow, "lookers") < 0.1
refused = dead.calls[dead.calls.callee == "payment"]
assert (refused.outcome == "refused").all() and (refused.answered - refused.sent).max() < 0.01
first = slow.calls[(slow.calls.callee == "shop") & (slow.calls.answered - slow.calls.sent > 1)].sent.min()
assert first < 3

# %% slow-result [markdown]
# Where payment is dead, its machine refuses within milliseconds: buyers are turned away, and nobody else notices. (A
# dead machine says nothing: that is slow, too.) A slow payment takes a worker hostage with every buyer. Within three
# seconds all ten stand at its door, and behind them queue those who want no payment at all [P46]. (Rings were still
# waiting when the run ended.)
#
# > **It looks as if** `await` made it asynchronous. No thread is blocked: `await` frees the program. But the order
# > still waits for its answer, the worker for the order, the customer for the worker. That is *synchronous*: whoever
# > asks cannot go on without the answer. In this course *asynchronous* means between services: nobody waits for an
# > answer.
#
# The usual cure at 20:20: more instances of the shop, ten workers each.

# %% guess-instances
predict("instances", "How many instances, until lookers notice nothing?")

# %% slider-instances
def shops(number):
    return replace(slow.scenario, "services.shop.instances", number)


enough = next(number for number in range(1, 12) if prompt(run(shops(number)), "lookers") > 0.99)
reveal("instances", enough)
crowd = replace(shops(1), "duration", 20)
sliders(crowd, "services.shop.instances",
        show=lambda trace: (f"looked within a second: {prompt(trace, 'lookers'):.0%}", trace.plot.calls("shop")))

# %% slider-instances-proof tags=["claim"]
assert enough == 6 and 5 * 10 == 50 and prompt(run(shops(5)), "lookers") < 0.9

# %% instances-result [markdown]
# Five buyers a second, ten seconds each: 50 of them are inside at any moment, each with a worker [T01]. So five
# instances, and a sixth because buyers do not come like a clock.
#
# The other factor is cheaper: ten seconds. Nobody made the shop wait that long. A call without a `timeout` waits for
# 30 seconds here, and for ever in many HTTP clients.
#
# ### Exercise: six minutes
#
# One instance, room for 20 workers, customers as before. On an ordinary day a few payments take almost two seconds, and
# nobody may be turned away. On the bad day each takes ten: its buyers are lost, but 95 of 100 lookers must get their
# page within a second. `hint("01-limits")`, `solution("01-limits")`.

# %% exercise-limits tags=["exercise"]
workers = ...
timeout = ...


check("01-limits", workers=workers, timeout=timeout)

# %% limits-proof tags=["claim"]
def limits():
    from simlib.services.calls import DEFAULT_TIMEOUT

    assert DEFAULT_TIMEOUT == 30
    from simlib.course.exercises import worker_limits as judge

    return judge.MOST_WORKERS, judge.SHARE * 100


assert limits() == (20, 95) and 20 * 3 == 60

# %% part-b [markdown]
# A good place to stop.
#
# # B · Two seconds
#
# (You begin here? Run the cells of A first.)
#
# Another evening. Payment is quick, so the shop waits for one second at most; it has workers enough. And because a
# network sometimes loses a request, it tries three times, as everybody does:

# %% insists
def insists(tries):
    async def buy(app, order):
        for left in reversed(range(tries)):
            try:
                return await app.call("payment", order, timeout=1)
            except TimeoutError:
                if not left:
                    raise
    return buy


# %% evening-text [markdown]
# Payment has one worker and needs a tenth of a second: it can do ten a second, and five come. At second 20 it stands
# still for two seconds. Then it is well again.

# %% evening
def evening(buy, faults=(Pause("payment-0", at=20, duration=2),), **limits):
    return Scenario([], duration=80, faults=faults, services=[
        Service("payment", answers(charge, workers=1, **limits)), Service("shop", shop(buy)),
        Service("buyers", customers("buy", orders(420, rate=5)))])


predict("back", "How long after that are buyers served again?", kind="choice",
        choices=["at once", "after about two seconds more", "after about ten", "never"])

# %% run-evening
trace = run(evening(insists(3)))
served = trace.calls[(trace.calls.callee == "shop") & (trace.calls.outcome == "answered")]
reveal("back", "never" if served.sent.max() < 22 else f"after {served.sent[served.sent > 22].min() - 22:.0f} seconds")
trace.plot.calls("shop")

# %% run-evening-proof tags=["claim"]
assert served.sent.max() < 20 and evening(insists(3)).faults[0].at == 20
after = trace.calls[(trace.calls.callee == "payment") & trace.calls.sent.between(40, 80)]
assert 14 < len(after) / 40 < 18
charges = trace.effects.key.value_counts()
assert (charges == 3).any() and (charges[charges.index.isin(served.request.str.extract('(o-[0-9]+)')[0])] == 1).all()
once = run(evening(insists(1)))
bought = once.calls[once.calls.callee == "shop"]
turned_away = bought[bought.outcome == "raised"]
assert len(turned_away) == 11 and turned_away.sent.max() < 26
well = run(evening(insists(3), faults=()))
assert (well.calls.outcome != "timed out").all() and 3 * 5 == 15
again = run(evening(insists(3), (Pause("payment-0", at=20, duration=2), Crash("shop-0", at=40, restart_after=1))))
answered = again.calls[(again.calls.callee == "shop") & (again.calls.outcome == "answered")]
assert answered.sent.max() < 20

# %% evening-result [markdown]
# Never. And payment is well; look what it does:

# %% who-works
asked = trace.calls[(trace.calls.callee == "payment") & (trace.calls.sent > 40)]
print(f"asked {len(asked) / 40:.0f} times a second; in time: {(asked.outcome == 'answered').sum()}")
print(f"charged again: {(trace.effects.occurrence > 1).sum()}")

# %% who-works-proof tags=["claim"]
assert (asked.outcome == "answered").sum() == 0 and (trace.effects.occurrence > 1).sum() > 300

# %% who-works-result [markdown]
# It works without a pause, for people who have gone. In two seconds a queue grew that takes longer than a second to
# work off. So everybody gave up and asked again: fifteen questions a second and more, for a door that does ten. The
# queue never gets shorter. This is a *retry storm*. Restarting the shop is no help: the queue is payment's. (It charges
# orders again and again, too [P45]: lesson 06.) With a single try the same two seconds cost eleven buyers [T08].
#
# Two cures. The door's: a queue with an end. Eight may wait: eight tenths of a second, so all are served in time.
# Whoever finds it full is told at once, and does not ask again: `Overloaded` is no `TimeoutError`.

# %% queue
short = run(evening(insists(3), queue=8))
print(short.plot.calls("shop"))

# %% queue-proof tags=["claim"]
asked = short.calls[short.calls.callee == "shop"]
assert (asked.outcome == "raised").sum() == 10 and asked.sent[asked.outcome == "raised"].max() < 24
assert (short.effects.occurrence > 1).sum() < 10 and 8 * 0.1 + 0.1 < 1
longer = run(evening(insists(3), queue=20))
assert longer.calls[(longer.calls.callee == "shop") & (longer.calls.outcome == "answered")].sent.max() < 20

# %% breaker-text [markdown]
# Ten buyers are turned away, and that was all. Let 20 wait, and the storm is back.
#
# ### Exercise: ten minutes
#
# The caller's cure is a *circuit breaker*: after a few timeouts in a row do not ask at all for a while. Write `pay`; an
# error that leaves it turns the buyer away: the `TimeoutError`, or at once your own `ConnectionError`. `app.now` is the
# time in seconds. `memory` is one dictionary for all buyers: `{"failed": 0, "until": 0}`. `check` lets payment stand
# still for ten seconds: ten more, and buyers must be served again. On another day it loses six answers, far apart: no
# reason to stop asking. `hint("01-breaker")`, `solution("01-breaker")`.

# %% exercise-breaker tags=["exercise"]
async def pay(app, order, memory):
    ...     # your code
    await app.call("payment", order, timeout=1)


check("01-breaker", pay)

# %% part-c [markdown]
# A good place to stop.
#
# # C · And if nobody had to wait?
#
# (You begin here? Run the cells of A first.)
#
# Does a buyer have to wait for payment? He waits because the shop asks. Let it pin a note to the board instead:
# "order placed". Kafka keeps such notes in a *topic*, here `orders`. Payment, stock and mail read it, each in a group
# of its own, so each gets every order [K85]. What they do stays the same; only the door has changed.

# %% events tags=["service"]
def reads(act, group):
    async def main(app):
        consumer = app.consumer("orders", group_id=group, enable_auto_commit=False,
                                auto_offset_reset="earliest")
        async for order in consumer:
            await act(app, order.value)
            await consumer.commit()
    return main


async def announces(app):
    producer = app.producer()

    async def page(order):
        await producer.send_and_wait("orders", order, key=order["order_id"])
        return "thank you"
    await app.serve(page, workers=10)


# %% board
def board(pay=charge, faults=()):
    return Scenario([Topic("orders")], duration=90, faults=faults, services=[
        Service("shop", announces), Service("payment", reads(pay, "payment")),
        Service("stock", reads(reserve, "stock")), Service("mail", reads(mail, "mail")),
        Service("buyers", customers("buy", orders(200, rate=5)))])


friday = run(board(pay=work("charge", 10)))
print(friday.plot.calls("shop"), friday.plot.lag("payment"), sep="\n")

# %% board-proof tags=["claim"]
assert (friday.calls.outcome == "answered").all() and waits(friday, "buyers").max() < 0.1
assert friday.lag[friday.lag.group == "payment"].lag.max() > 150
again_well = run(replace(board(), "faults", [Pause("payment-0", at=5, duration=25)]))
behind = again_well.lag[again_well.lag.group == "payment"].set_index("time").lag
assert 4 < (behind.loc[:30].iloc[-1] - behind.loc[:40].iloc[-1]) / 10 < 6 and behind.iloc[-1] == 0
everyone = run(board())
assert everyone.effects.groupby("name", observed=True).key.nunique().to_dict() == {
    "charge": 200, "reserve": 200, "mail": 200}

# %% guess-late [markdown]
# Friday evening once more, ten seconds a payment. (Lookers are left out: they never wait.) Every buyer is thanked
# within milliseconds. What grows is the lag: slow has become late. When the bank is well again, payment works it off,
# five orders a second on top of those that come [T08].
#
# And dead? Payment is killed at second 10 and is back at second 30. In the shop of calls whoever buys meanwhile is
# turned away. In this one nobody is.

# %% guess-late-form
predict("late", "Events, payment away for 20 seconds: how long does the unluckiest order wait for its charge?")

# %% run-late
def delays(trace):
    placed = {row["value"]["order_id"]: row["at"] for row in orders(200, rate=5)}
    charges = trace.effects[trace.effects.name == "charge"]
    return charges.time - charges.key.map(placed)


away = board(faults=[Crash("payment-0", at=10, restart_after=20)])
trace = run(away)
reveal("late", round(delays(trace).max()))
print(trace.plot.calls("shop"))
trace.plot.lag("payment")

# %% run-late-proof tags=["claim"]
assert (trace.calls.outcome == "answered").all() and len(trace.calls) == 200
assert trace.effects[trace.effects.name == "charge"].key.nunique() == 200
assert waits(trace, "buyers").max() < 0.1
assert away.faults[0].at == 10 and away.faults[0].at + away.faults[0].restart_after == 30
assert 44 < delays(trace).max() < 48 and round(delays(trace).max()) == 45
with_calls = run(town(asks(*CHAIN), faults=[Crash("payment-0", at=10, restart_after=10)]))
assert (with_calls.calls[with_calls.calls.caller == "buyers-0"].outcome == "raised").sum() > 40

# %% late-result [markdown]
# Every order is charged. But late: payment was back after twenty seconds, and its orders went on waiting until the
# session of the dead one was over [K91]. Make the outage shorter: the wait has a floor.

# %% slider-late
def told(trace):
    return f"turned away: {sum(trace.calls.outcome != 'answered')}, latest charge after {delays(trace).max():.0f} s"


small = replace(away, {"services.buyers.main": customers("buy", orders(60, rate=3)), "faults.0.at": 5})
sliders(small, "faults.0.restart_after", show=lambda trace: (told(trace), trace.plot.lag("payment")))

# %% up-text [markdown]
# Who must be up, so that somebody can buy? We kill one process after the other, in both shops.

# %% guess-up
predict("up", "In the shop of events: whose death turns buyers away?", kind="choice",
        choices=["nobody's", "payment's", "the shop's", "the shop's and Kafka's", "everybody's"])

# %% run-up
def bought(scenario, victim):
    few = {"duration": 20, "services.buyers.main": customers("buy", orders(60, rate=5))}
    return prompt(run(replace(scenario, few | {"faults": [Crash(victim, at=0)]})), "buyers")


both = replace(town(asks(*CHAIN)), "topics", [Topic("orders")])     # brings a broker that nobody uses
fatal = []
whose = {"payment-0": "payment's", "stock-0": "stock's", "mail-0": "mail's",
         "shop-0": "the shop's", "broker-0": "Kafka's"}
for victim, name in whose.items():
    by_calls, by_events = bought(both, victim), bought(board(), victim)
    print(f"{victim:10} dead. Served by calls: {by_calls:4.0%}, by events: {by_events:4.0%}")
    fatal += [name] if by_events < 1 else []
reveal("up", "everybody's" if len(fatal) == len(whose) else " and ".join(fatal) or "nobody's")

# %% run-up-proof tags=["claim"]
table = {victim: (bought(both, victim), bought(board(), victim))
         for victim in ("payment-0", "stock-0", "mail-0", "shop-0", "broker-0")}
assert table == {"payment-0": (0, 1), "stock-0": (0, 1), "mail-0": (0, 1), "shop-0": (0, 0), "broker-0": (1, 0)}
assert fatal == ["the shop's", "Kafka's"]


def sometimes(act):
    async def flaky(app, order):
        if app.random.random() < 0.01:
            raise ValueError("not well")
        await act(app, order)
    return flaky


flaky = replace(town(asks(*CHAIN)), {
    "duration": 450, "services.buyers.main": customers("buy", orders(2_000, rate=5)),
    "services.lookers.main": customers("look", []), "seed": 3,
    "services.payment.main": answers(sometimes(charge)), "services.stock.main": answers(sometimes(reserve)),
    "services.mail.main": answers(sometimes(mail))})
chance = 0.99 ** 3
share = prompt(run(flaky), "buyers")
assert abs(share - chance) < 2.58 * (chance * (1 - chance) / 2_000) ** 0.5 and round(chance * 100) == 97
assert round(0.99 ** 10 * 100) == 90 and 0.01 == round(1 - 99 / 100, 2) and round(0.99 ** 5 * 100) == 95


def replicated(brokers):
    scenario = replace(board(), "topics", [Topic("orders", replication_factor=brokers)])
    trace = run(replace(scenario, "faults", [Crash("broker-0", at=10)]))
    return (trace.calls.outcome == "answered").mean()


assert replicated(1) < 0.5 and replicated(3) == 1

# %% up-result [markdown]
# In a chain everybody must be up, so chances multiply: three services, each well 99 times of 100, serve 97; ten serve
# 90 [T10]. In the other shop there are two: the shop and Kafka, one more thing to run, to watch and to pay for. (With
# copies on three brokers one may die: lesson 05.) And who knows whom? That is *coupling*, and the trace has the list:

# %% who-knows
for trace in (calm, run(board())):
    print(*dict.fromkeys(trace.calls.caller.astype(str) + " asks " + trace.calls.callee.astype(str)), sep=", ")

# %% who-knows-proof tags=["claim"]
def knows(trace):
    return {caller: set(calls.callee) for caller, calls in trace.calls.groupby("caller", observed=True)}


assert knows(calm)["shop-0"] == set(CHAIN) and "shop-0" not in knows(run(board()))
fourth = town(asks(*CHAIN, "points"))
fourth = replace(fourth, "services", [*fourth.services, Service("points", answers(work("points", 0.05)))])
assert 0.05 <= waits(run(fourth), "buyers").median() - waits(calm, "buyers").median() < 0.06

# %% points-text [markdown]
# The first shop knows three names, the second none. (All know the topic, and what a note in it looks like. Changing
# that is lesson 14.)
#
# ### Exercise: six minutes
#
# In December the shop gives points. In the first shop that is a fourth name in its code, a fourth wait, a fourth that
# must be up. In the second, write `points`: `app.effect("points", <order id>)` for each order of the topic. It starts
# when all have been placed; they count, too. `check` kills everybody everywhere, and no order may go without its
# points. (Points twice after a kill are lesson 06.) `hint("01-points")`, `solution("01-points")`.

# %% exercise-points tags=["exercise"]
async def points(app):
    ...     # your code


check("01-points", points)

# %% part-d [markdown]
# A good place to stop.
#
# # D · What does it cost?
#
# (You begin here? Run the cells of A and C first.)
#
# A call brings an answer. An event brings none. So far every card was good; now payment refuses what is above 40
# dollars, one order in four.

# %% refuses
async def careful(app, order):
    if order["amount"] > 40:
        return "refused"
    await charge(app, order)


predict("vain", "Of those who are refused, how many read \"thank you\"?", kind="choice", choices=[
    "by calls none, by events none", "by calls none, by events about half", "by calls none, by events all"])

# %% run-refuses
def in_vain(trace):     # of those who were never charged: how many were thanked
    buys = trace.calls[trace.calls.caller == "buyers-0"]
    charged = trace.effects[trace.effects.name == "charge"].key
    refused = buys[~buys.request.str.extract('"(o-[0-9]+)"')[0].isin(charged)]
    return len(refused), sum(refused.answer == '"thank you"')     # answers travel as JSON


found = {"calls": in_vain(run(replace(town(asks(*CHAIN), careful), "duration", 60))),
         "events": in_vain(run(board(careful)))}
for way, (refused, thanked) in found.items():
    print(f"by {way}: {refused} refused, {thanked} of them thanked")
said = [("none", "about half", "all")[round(2 * thanked / max(refused, 1))] for refused, thanked in found.values()]
reveal("vain", "by calls {}, by events {}".format(*said))

# %% run-refuses-proof tags=["claim"]
refused = sum(row["value"]["amount"] > 40 for row in orders(200, rate=5))
assert found == {"calls": (refused, 0), "events": (refused, refused)} and 0.2 < refused / 200 < 0.3

# %% vain-text [markdown]
# All of them. The shop said "thank you" before anybody had looked at the card. It can say "noted" instead, and write a
# mail later; what it cannot do is know now. And "is it paid?" a moment after the thanks?

# %% unpaid
trace = run(board())
print(f"half are charged within {delays(trace).median():.2f} s of the click, all within {delays(trace).max():.2f} s; "
      f"thanked within {(trace.calls.answered - trace.calls.sent).max():.3f} s")

# %% unpaid-proof tags=["claim"]
thanked = trace.calls.set_index(trace.calls.request.str.extract('(o-[0-9]+)')[0]).answered
charges = trace.effects[trace.effects.name == "charge"].set_index("key").time
assert (charges > thanked[charges.index]).all() and 0.1 < delays(trace).median() < 0.5
first = delays(trace)[delays(trace) > 1].index
assert trace.effects.time[first].max() < 10

# %% choose-text [markdown]
# Not one was paid when its buyer was thanked. On a calm day most are a moment later (the first wait until the group has
# formed); after a kill, 45 seconds later. And the shop cannot answer at all: it does not know. You ask payment (a
# call), or listen to what payment announces (a copy, a little old). Lesson 10 lives there.
#
# > **It looks as if** events make the shop faster. All work still takes as long as it takes. They decide who waits for
# > it.
#
# ### Exercise: five minutes
#
# Four things happen with an order. `reserve` can find the box sold out, `charge` the card too small; whoever gets a
# "thank you" must get his CD. Mail and points may be away for a while, and nobody may be turned away for that. What is
# a `"call"`, what an `"event"`? `hint("01-choose")`, `solution("01-choose")`.

# %% exercise-choose tags=["exercise"]
by = {"reserve": ..., "charge": ..., "mail": ..., "points": ...}


check("01-choose", by)

# %% close [markdown]
# | | a call | an event |
# |---|---|---|
# | **use it when** | you cannot go on without the answer | it has happened, and others may want to know |
# | **do not** | the other may be slow or away, and you need not know | somebody must hear "no" now |
# | who must be up | both, now | the broker now, the reader some time |
# | who knows whom | the caller the callee | the reader the topic |
# | when it goes wrong | you see an error | you see a lag, if you look |
# | you need | timeouts, an end to every queue, a breaker | Kafka, and readers who bear repeats (lesson 06) |
#
# **Five lines to keep**
# 1. Slow is worse than dead: it holds whoever asks.
# 2. Workers held = requests a second × seconds each. Give every call a timeout.
# 3. Retries multiply the load on who is already late. Every queue needs an end.
# 4. In a chain waits add up and chances multiply.
# 5. An event turns down into late, and an answer into a promise.
#
# **Self-test**
#
# <details><summary>Five services, one after the other, each well 99 times of 100. How many of 100 buyers are
# served?</summary>
# 0.99 to the fifth: 95 [T10].</details>
# <details><summary>20 requests a second, a timeout of three seconds, and the callee hangs. How many workers are
# held?</summary>
# 60.</details>
# <details><summary>Three services call one another in a row, and each tries three times. How often is the last one
# asked, at most, for one buyer?</summary>
# Each of the two calls multiplies by three: nine times. Retry in one place.</details>
# <details><summary>Is a shop of <code>async def</code> and <code>await</code> asynchronous?</summary>
# Not between services: the buyer waits for every answer.</details>
#
# **Last exercise.** Answer the call of 20:16 in three sentences. Ours is in `solution("01-words")`.
#
# **Read on:** [cascading failures](https://sre.google/sre-book/addressing-cascading-failures/); [timeouts and
# retries](https://aws.amazon.com/builders-library/timeouts-retries-and-backoff-with-jitter/); [the circuit
# breaker](https://martinfowler.com/bliki/CircuitBreaker.html); [what an event may
# mean](https://martinfowler.com/articles/201701-event-driven.html).
#
# A good place to stop. Next: lesson 02, the smallest notice board there is: inside one program.
