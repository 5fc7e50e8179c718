# %% header [raw] tags=["header"]
# minutes = 90
# question = "Was my order charged twice?"
# needs = ["consumer group, commit, lag (lesson 00)", "partition (lesson 04)", "async and await"]
# cut = "In A the frozen twin and the backlog; in B the unclean election. Never the swap of two lines."
# vote = "A: commit first, the same kill: twice, never, once? B: Kafka's defaults, two of three brokers down: yes?"
#
# [[episodes]]
# question = "A1. Was my order charged twice?"
# minutes = 25
#
# [[episodes]]
# question = "A2. Nobody wrote commit: how many repeat?"
# minutes = 20
#
# [[episodes]]
# question = "B1. Kafka said yes: where is the order?"
# minutes = 25
#
# [[episodes]]
# question = "B2. Kafka said nothing: send again?"
# minutes = 20
#
# [[objectives]]
# do = "put the steps of a consumer in an order, and say what a kill then loses or repeats"
# exercise = "05-order"
#
# [[objectives]]
# do = "say how many orders repeat at worst"
# exercise = "05-tens"
#
# [[objectives]]
# do = "choose acks, copies and min_insync_replicas, and defend the choice"
# exercise = "05-safe"
#
# [[objectives]]
# do = "name the accident that no setting survives"
# exercise = "05-break"
#
# [[objectives]]
# do = "send so that silence neither loses an order nor doubles it"
# exercise = "05-again"

# %% opening [markdown]
# # Was my order charged twice?
#
# **Lesson 05** · part A and part B, 45 minutes each · you know what a consumer group is (lesson 00)
#
# Friday, 18:02. A customer writes: *"You took my money twice."* No log has an error. Nothing was deployed. One machine
# was restarted at 17:58.
#
# When you leave this page you can
# 1. put a consumer's steps in order, and say what a kill **loses** and what it **repeats**;
# 2. say how many orders repeat at worst;
# 3. choose `acks`, copies and `min_insync_replicas`, and defend the choice;
# 4. name the accident that no setting survives;
# 5. send so that silence neither loses an order nor doubles it.
#
# You need three things. Events stay with the broker; a consumer asks for them. The members of a *consumer group* share
# the work, and each *partition* has one reader. A dead member is missed after its *session timeout*: 45 seconds [K86].
# (A mark like [K86] names a statement. `import simlib; simlib.statement("K86")` shows its source and how it was
# tested.)
#
# <details><summary>Do you have what you need? Two questions.</summary>
#
# Two members, one partition: what does the second one do? *It waits until the first is gone.*<br>
# What does a killed program do with its variables? *They are gone. No `finally` runs.*<br>
# Not sure? Lesson 00 takes 20 minutes.
# </details>

# %% imports
from simlib import ConsumerGroup, Crash, Pause, Producer, Scenario, Service, Topic, explore, laws, replace, run, sliders
from simlib.course import check, hint, predict, reveal, solution, start
from simlib.data import orders
from simlib.scenario import LoseReply, LoseRequest, NetworkCut, PowerLoss, SlowLink

start("05")

# %% opening-proof tags=["claim"]
def session_timeout():
    from simlib.scenario.settings import resolve_consumer

    return resolve_consumer("kafka-python", {}).session_timeout_ms / 1000


assert session_timeout() == 45

# %% the-loop [markdown]
# # A · The consumer dies
#
# ## The loop everybody writes
#
# Take one, do it, tick it off: you know this loop from every list of jobs. In Kafka the tick is called *commit*.

# %% billing tags=["service"]
async def billing(app):
    consumer = app.consumer(
        "orders", group_id="billing",
        enable_auto_commit=False,       # I tick off myself
        auto_offset_reset="earliest")   # a new group starts at the oldest
    async for order in consumer:
        # charge: the bank takes the money
        await app.effect("charge", order.value["order_id"])
        # commit: done, next one please
        await consumer.commit()


# %% before-the-kill [markdown]
# Two hundred orders that people really placed. The machine dies right after the bank took the money for the 118th.
# After 40 seconds it is back. **Before you run it, write down what you think.**

# %% guess-twice
predict("twice", "How many of the 200 orders are charged twice?")

# %% first-run
def twice(trace):
    return int((trace.effects.occurrence > 1).sum())


shop = Scenario([Topic("orders")], inputs={"orders": orders(200, rate=10)},
                services=[Service("billing", billing)],
                faults=[Crash("billing-0", after="charge", nth=118, restart_after=40)])
trace = run(shop)
reveal("twice", twice(trace))
trace.plot.sequence(records=3)

# %% first-run-proof tags=["claim"]
assert len(trace.records) == 200 and twice(trace) == 1 and trace.effects.key.nunique() == 200
assert shop.faults[0].nth == 118 and shop.faults[0].restart_after == 40

# %% sent-again [markdown]
# One. Not none, and not two hundred. Why one?
#
# > **It looks as if** Kafka noticed that nobody had confirmed order 118, and sent it again. Ask for all that Kafka
# > knows about billing, and watch that night beside a calm one:

# %% one-number
print(trace.commits[["time", "group", "offset"]].iloc[115:119].round(1).to_string(index=False))
calm = run(replace(shop, "faults", []))
calm.play(trace, start=12, titles=("calm", "killed"))  # click into it: Space plays, arrows step, N finds trouble

# %% one-number-proof tags=["claim"]
assert trace.commits.offset.iloc[115:119].tolist() == [116, 117, 118, 119]
assert 44 < trace.commits.time.iloc[117] - trace.commits.time.iloc[116] < 46
assert trace.effects.message[trace.effects.occurrence > 1].tolist() == ["inputs:117"]
times = {kind: trace.control.time[trace.control.kind == kind].iloc[-1] for kind in ("restarted", "evicted", "assigned")}
assert round(times["restarted"], 1) == 52.6 and round(times["assigned"], 1) == round(times["evicted"], 1) == 57.5
assert round(times["evicted"] - trace.commits.time.iloc[116], 1) == 45

# %% one-number-text [markdown]
# > Nothing was sent again: consumers ask. Kafka has no list of who got what. It has one number for your group in
# > each partition, the *offset* to read next [K72]. 117 orders were done, so it stood at 117. The new `billing-0` asked
# > where it had been, and began there [K74] (counted from 0, so 117 is the 118th).
# >
# > Why the gap in the times? The machine is back at 52.6 and works at 57.5: it first waits until its old self is
# > missed, 45 seconds after its last sign of life [K86].
#
# ## Move one line
#
# Commit first, then charge. The same orders, the same kill.

# %% billing-first tags=["service"]
async def billing_first(app):
    consumer = app.consumer("orders", group_id="billing",
                            enable_auto_commit=False, auto_offset_reset="earliest")
    async for order in consumer:
        # commit
        await consumer.commit()
        # charge
        await app.effect("charge", order.value["order_id"])


# %% guess-first
predict("first", "Commit first, killed right after the same charge. What now?", kind="choice",
        choices=["one order is charged twice", "one order is never charged", "every order is charged once"])

# %% run-first
def outcome(trace):
    missing = len(trace.records) - trace.effects.key.nunique()
    wrong = [f"{twice(trace)} twice"] * (twice(trace) > 0) + [f"{missing} never"] * (missing > 0)
    return ", ".join(wrong) or "each once"


trace = run(replace(shop, "services.billing.main", billing_first))
reveal("first", "every order is charged once" if outcome(trace) == "each once" else outcome(trace))

# %% run-first-proof tags=["claim"]
assert outcome(trace) == "each once" and len(trace.effects) == 200

# %% was-that-luck [markdown]
# ## Was that luck?
#
# Each order once. Is that the cure? We aimed; a power cut does not. Three orders are enough to try every moment at
# which this loop can die. The rule: each order is charged exactly once. `explore` looks for runs that break it. (Each
# run has one accident, and is called a schedule. `commit orders-0: 1` says: in partition 0, the next to read is 1.)

# %% every-death
def tried(main, **which):
    three = replace(shop, {"inputs.orders": orders(3), "services.billing.main": main})
    return explore(three, laws.exactly_once("charge"), **which)


tried(billing_first, only="crash")

# %% every-death-proof tags=["claim"]
first = tried(billing_first, only="crash", progress=False)
assert first.broken == 3 and set(first.table.outcome[first.table.verdict == "broken"]) == {"charge: 1 never"}
assert first.table.hit[first.table.verdict == "broken"].str.contains("right after commit").all()

# %% every-death-text [markdown]
# Find the broken rows. Each says the same: dies right after commit, and a charge never comes. Our kill had hit another
# moment. Nobody writes a mail about that one.
#
# Now the loop of the beginning, and more than deaths: without `only`, each request and each answer gets lost, too, one
# in each run.

# %% every-accident
tried(billing)

# %% every-accident-proof tags=["claim"]
after = tried(billing, progress=False)
broken = after.table[after.table.verdict == "broken"]
assert after.broken == 6 and set(broken.outcome) == {"charge: 1 again"}
assert broken.hit.str.contains("right after charge|the answer to charge", regex=True).all()
assert broken.hit.str.contains("the answer to charge").sum() == 3
answer_lost = run(after.calm.scenario, schedule="lose-reply:billing-0.0/charge#1")
gave_up = answer_lost.control.time[answer_lost.control.kind == "exception"].iloc[0]
assert round(gave_up - answer_lost.effects.time.iloc[0]) == 30

# %% the-window [markdown]
# Right after charge, too. And three without any death: the bank took the money, and its answer got lost. `billing`
# waits 30 seconds, gives up with an error, is started again, and charges again.
#
# Each loop has one window: between its two steps. Charge first and an accident repeats: *at least once* [K74]. Commit
# first and it loses: *at most once* [K73].
#
# ### Exercise: eight minutes
#
# Billing also mails a receipt. A second charge the bank takes back; a second mail brings angry calls. **Every order
# must be charged, nobody may get two mails.** Put `"charge"`, `"commit"` and `"mail"` in order. Stuck?
# `hint("05-order")`. Had enough? `solution("05-order")`.

# %% exercise-order tags=["exercise"]
first = ...
second = ...
third = ...


check("05-order", first=first, second=second, third=third)

# %% nobody-dies [markdown]
# ## Nobody dies
#
# Two programs now. At second 10 `billing-0` freezes for a minute: its machine is crowded. Its twin takes over. Then
# `billing-0` wakes up, and has an order in its hands.

# %% guess-frozen
predict("frozen", "`billing-0` wakes up. How many orders are charged twice?")

# %% frozen
twins = replace(shop, "services.billing.instances", 2)
frozen = replace(twins, "faults", [Pause("billing-0", at=10, duration=60)])
trace = run(frozen)
reveal("frozen", twice(trace))
charged_twice = "charge " + trace.effects.key[trace.effects.occurrence > 1].item()
told = trace.events.kind.isin(["paused", "evicted", "resumed", "commit_failed"])
story = trace.events[told | (trace.events.detail == charged_twice)]
story[["time", "process", "kind", "detail"]].round(4).set_index("time")

# %% frozen-proof tags=["claim"]
assert twice(trace) == 1 and frozen.faults[0].at == 10
assert {"paused", "evicted", "resumed", "commit_failed"} <= set(trace.control.kind)
again = trace.effects[trace.effects.key == trace.effects.key[trace.effects.occurrence > 1].iloc[0]]
assert again.process.tolist() == ["billing-1", "billing-0"]
refused = trace.control.time[trace.control.kind == "commit_failed"].iloc[0]
assert again.time.iloc[1] < refused
assert len(story) == 6 and story.kind.tolist()[-2:] == ["effect", "commit_failed"]
after = trace.control[(trace.control.time >= refused) & (trace.control.process == "billing-0")].kind.tolist()
assert after[:5] == ["commit_failed", "exception", "crashed", "restarted", "joined"]

# %% frozen-text [markdown]
# > **It looks as if** Kafka protects you: each partition has one owner, and the frozen one's commit was refused. True
# > [K97]. But read the last two lines: charge, then commit. The bank had paid before anybody asked Kafka. Only one
# > order was charged twice: the refused commit raises an error, so `billing-0` stops, starts again and joins as a new
# > member.
#
# A program that goes on after it was given up is a *zombie*. Not every freeze makes one.

# %% guess-freeze
predict("freeze", "How many seconds must `billing-0` freeze until an order is charged twice?")

# %% slider-frozen
harmful = next(s for s in range(5, 70, 5) if twice(run(replace(frozen, "faults.0.duration", s))))
reveal("freeze", harmful)
sliders(frozen, "faults.0.duration",
        show=lambda trace: (f"charged twice: {twice(trace)}", trace.plot.lag()))

# %% slider-frozen-proof tags=["claim"]
assert [twice(run(replace(frozen, "faults.0.duration", seconds))) for seconds in (10, 40, 50, 120)] == [0, 0, 1, 1]
assert 44 <= harmful <= 48

# %% stop-a1 [markdown]
# Shorter than the session timeout, and nobody took over: nothing is wrong. Longer, and one order is charged twice.
#
# A good place to stop.
#
# ## Nobody wrote commit
#
# Most programs never commit. They leave the setting out, and the default, `enable_auto_commit=True`, commits by itself.

# %% billing-auto tags=["service"]
async def billing_auto(app):
    consumer = app.consumer("orders", group_id="billing", auto_offset_reset="earliest")
    async for order in consumer:
        # charge
        await app.effect("charge", order.value["order_id"])


# %% guess-auto
predict("auto", "No commit in sight, killed right after charge 118. How many orders are charged twice?")

# %% run-auto
trace = run(replace(shop, "services.billing.main", billing_auto))
reveal("auto", twice(trace))
trace.commits[["time", "offset", "auto"]].round(2)

# %% run-auto-proof tags=["claim"]
assert twice(trace) == 42 == 118 - 76 and trace.commits.offset.iloc[0] == 76 and trace.effects.key.nunique() == 200
assert trace.commits.auto.all() and len(trace.commits) == 2
moments = [trace.control.time[trace.control.kind == kind].iloc[0] for kind in ("assigned", "crashed")]
assert round(moments[0]) == 3 and round(trace.commits.time.iloc[0]) == 3 + 5 < moments[1] < 3 + 5 + 5

# %% auto-text [markdown]
# > **It looks as if** auto-commit ticks each order. A consumer fetches several at once: a *poll*. Every five seconds
# > the next poll commits what earlier polls handed over [K75]. `billing-0` got its partition at second 3, so the first
# > commit was out five seconds later, at offset 76. The kill came before the next. 118 were charged; 42 repeat.
# >
# > **It looks as if** auto-commit loses orders. Not in this loop: what it commits is done. All 200 were charged.
#
# So how many, if you cannot aim? Ten orders a second, a commit every five seconds, a kill at any moment.

# %% guess-average
predict("average", "How many orders repeat on average?")

# %% average
steady = Scenario([Topic("orders")], producers=[Producer("shop", topic="orders", rate=10, stop=50)],
                  groups=[ConsumerGroup("billing", topic="orders", auto_commit_interval_ms=5_000)],
                  faults=[Crash("billing-0", at=30, restart_after=40)], duration=90)
repeats = [len(run(replace(steady, "faults.0.at", 30 + half / 2)).duplicates) for half in range(10)]
print("repeated:", *repeats)
reveal("average", round(sum(repeats) / 10))
sliders(steady, "groups.billing.auto_commit_interval_ms", "faults.0.at",
        show=lambda trace: (f"handed over twice: {len(trace.duplicates)}", trace.plot.duplicates()))

# %% average-proof tags=["claim"]
assert abs(sum(repeats) / 10 - 10 * 5 / 2) < 1 and 10 * 5 / 2 == 25
assert max(repeats) < 50 == 10 * 5

# %% average-text [markdown]
# Rate times interval, halved: 25, and ten moments come close. At worst all of it: 50. Move both sliders; the picture
# shows what was handed over again.

# %% slider-interval-proof tags=["claim"]
quick = run(replace(steady, "groups.billing.auto_commit_interval_ms", 500))
slow = run(replace(steady, "groups.billing.auto_commit_interval_ms", 20_000))
assert len(quick.duplicates) <= 5 < len(run(steady).duplicates) < len(slow.duplicates) <= 200

# %% backlog-text [markdown]
# Does the rule always hold? Monday morning: two thousand orders wait, and billing works off 50 a second. The rule
# says 125.

# %% guess-backlog
predict("backlog", "Ten kills, ten seconds in a row: how many orders repeat on average?")

# %% backlog
monday = Scenario([Topic("orders")], producers=[Producer("shop", topic="orders", rate=2000, stop=1)],
                  groups=[ConsumerGroup("billing", topic="orders", service_time=0.02)],
                  faults=[Crash("billing-0", at=20, restart_after=40)], duration=90)
repeats = [len(run(replace(monday, "faults.0.at", 15 + second)).duplicates) for second in range(10)]
reveal("backlog", round(sum(repeats) / 10))

# %% backlog-proof tags=["claim"]
assert 50 * 5 / 2 == 125 and len(run(monday).records) == 2_000 and 1 / 0.02 == 50
assert abs(sum(repeats) / 10 - 500 / 2) < 10
assert max(repeats) > 400 and 500 * 0.02 == 10

# %% backlog-result [markdown]
# Twice the rule. A poll brings up to 500 orders [K101]; they take ten seconds, and no commit goes out between polls
# [K75]. The interval you set is the shortest, not the true one.
#
# ## The polite end
#
# Good code closes what it opens. Five hundred orders wait; number 382 has an amount of 0, and the code raises an
# error. It closes, is started again, and goes on. Two clients run it: kafka-python, and Kafka's own for Java.

# %% polite tags=["service"]
async def billing_polite(app):
    async with app.consumer("orders", group_id="billing", auto_offset_reset="earliest") as consumer:
        async for order in consumer:
            if order.value["amount"] == 0:
                raise ValueError("nothing to charge")
            # charge
            await app.effect("charge", order.value["order_id"])


# %% guess-polite
predict("polite", "With Java's client: how many of the 500 orders are never charged?")

# %% run-polite
waiting = [{"key": order["key"], "value": order["value"]} for order in orders(500)]
for client in ("kafka-python", "java"):
    trace = run(Scenario([Topic("orders")], inputs={"orders": waiting}, client=client,
                         services=[Service("billing", billing_polite)]))
    print(f"{client:12} never charged: {500 - trace.effects.key.nunique()}")
reveal("polite", 500 - trace.effects.key.nunique())

# %% run-polite-proof tags=["claim"]
assert waiting[381]["value"]["amount"] == 0 and all(row["value"]["amount"] for row in waiting[:381])
assert 382 - 1 == trace.effects.key.nunique() and 500 - 381 == 119
python = run(replace(trace.scenario, "client", "kafka-python"))
assert 500 - python.effects.key.nunique() == 1 and twice(trace) == twice(python) == 0
uncharged = [row["value"] for row in waiting if row["value"]["order_id"] not in set(trace.effects.key)]
assert len(uncharged) == 119 and sum(order["amount"] > 0 for order in uncharged) == 118
assert waiting[381]["value"]["order_id"] not in set(python.effects.key)

# %% polite-text [markdown]
# > **It looks as if** a clean end is safer than a kill. Closing commits once more: the position, not the work. Java's
# > client commits the whole batch it had fetched [K77]: 119 orders, the failing one and 118 good ones. kafka-python
# > hands over one by one, so it skips the failing one only [K78]. That one has nothing to charge: no money is lost.
# >
# > A kill at that place loses none [K74]. But the restarted program meets the same order again.
#
# ### Exercise: ten minutes
#
# Write `billing_in_tens`: the loop of the beginning, with a commit after every tenth charge. And `worst`: how many
# orders can one kill charge twice? There are 13 orders. `hint("05-tens")`, `solution("05-tens")`.

# %% exercise-tens tags=["exercise"]
async def billing_in_tens(app):
    ...     # your code


worst = ...


check("05-tens", billing_in_tens, worst=worst)

# %% exercise-tens-proof tags=["claim"]
def orders_in_tens():
    from simlib.course.exercises.consumer_dies import ORDERS_IN_TENS

    return ORDERS_IN_TENS


assert orders_in_tens() == 13

# %% close-a [markdown]
# **Answer the mail of 18:02** in two sentences. Ours is in `solution("05-mail")`.
#
# | | use it when | do not |
# |---|---|---|
# | commit after | repeating does no harm, or somebody checks a key (lesson 06) | twice does harm, and nobody checks |
# | commit before | losing one is cheap: a reminder, a statistic | money, stock |
# | auto-commit | as commit after, and seconds of repeats are fine | the code can raise, and closes politely [K77] |
#
# Nor auto-commit where the loop only hands orders to another task: they are committed before they are done [K76].
#
# <details><summary>Ten orders a second. Commits come at random moments, five seconds apart on average. How many
# repeat?</summary>
# 50, not 25: a kill is more likely to meet a long gap than a short one.</details>
# <details><summary>You commit the offset of the order you did, not the next one. What happens?</summary>
# Each restart repeats one order more [K72].</details>
#
# A good place to stop.

# %% random-gaps-proof tags=["claim"]
def repeats_with_random_gaps():
    from simlib import Exponential
    from simlib.scenario.draws import Stream

    commits = Exponential(5).scaled(Stream(0, "commits").block(0, 20_000)).cumsum()
    kills = commits[0] + Stream(0, "kills").block(0, 20_000) * (commits[-1] - commits[0])
    return 10 * (kills - commits[commits.searchsorted(kills) - 1]).mean()


assert abs(repeats_with_random_gaps() - 50) < 2


async def billing_the_one_done(app):
    from simlib import TopicPartition

    consumer = app.consumer("orders", group_id="billing", enable_auto_commit=False, auto_offset_reset="earliest")
    async for order in consumer:
        await app.effect("charge", order.value["order_id"])
        await consumer.commit({TopicPartition("orders", 0): order.offset})


assert twice(run(replace(shop, "services.billing.main", billing_the_one_done))) == 1 + twice(run(shop))

# %% part-b [markdown]
# # B · The broker dies
#
# ## Kafka said yes
#
# (You begin here? Run the first cell of this page.)
#
# Friday, 18:02, the next mail: *"You thanked me for my order. Now nobody knows it."* The shop thanks when Kafka says
# yes.
#
# A topic can keep copies: `replication_factor=3`. `broker-0` is the *leader* and takes the orders. Two *followers* copy
# from it: they ask for more, and ask again. Ours stand in another building, 50 milliseconds away, one way. 50 orders a
# second come. `acks=1` means: the leader's word is enough.

# %% guess-gone
far = SlowLink("broker-0", ("broker-1", "broker-2"), at=0, duration=60, latency=0.05)
checkout = Scenario([Topic("orders", replication_factor=3)],
                    producers=[Producer("checkout", topic="orders", rate=50, acks=1)],
                    groups=[ConsumerGroup("billing", topic="orders")],
                    faults=[Crash("broker-0", at=30, restart_after=15), far], duration=60)
predict("gone", "`broker-0` is killed and is back 15 seconds later. How many orders got a yes and are gone?")

# %% gone
trace = run(checkout)
reveal("gone", len(trace.lost))
trace.lost[["message", "offset", "acked", "reason"]].round(3)

# %% gone-proof tags=["claim"]
assert len(trace.lost) == 5 and set(trace.lost.reason) == {"acknowledged, then discarded"}
assert far.latency * 1000 == 50 == checkout.producers[0].rate and checkout.faults[0].restart_after == 15
assert 2 * far.latency * checkout.producers[0].rate == 5
moments = [len(run(replace(checkout, "faults.0.at", 30 + tick / 50)).lost) for tick in range(6)]
assert max(moments) == 5 and min(moments) == 1

# %% disk-text [markdown]
# > **It looks as if** the disk of `broker-0` lost them. A killed program leaves its files behind [K59], and `broker-0`
# > came back with all five. Watch the log lose its end. Who stands at their places now?

# %% same-offset
same = trace.records[trace.records.offset.isin([1495, 1496])]
shown = same[["message", "offset", "created", "acked", "copies"]].round(2)
print(shown.rename(columns={"copies": "in_log"}).to_string(index=False))
trace.play(start=29.5)  # click into it: N finds the next trouble, arrows step; click an order for its life

# %% same-offset-proof tags=["claim"]
assert trace.lost.offset.iloc[0] == 1495
assert trace.records[trace.records.offset == 1495].copies.tolist() == [0, 1]

# %% same-offset-text [markdown]
# > Others (`in_log` counts how often an order is in the log: 0 is gone). `broker-1` had not copied the five when it was
# > elected. It gave their offsets to the next orders [K02], and `broker-0`, a follower now, threw its own away [K56].
# >
# > Why five? A follower asks, and the answer travels back: 50 + 50 milliseconds, in which five orders come. Had the
# > kill come just after an answer, it would have been one.
#
# With `acks="all"` the yes waits for the followers. The same kill:

# %% acks
for acks in (1, "all"):
    trace = run(replace(checkout, "producers.checkout.acks", acks))
    yes = (trace.records.acked - trace.records.created).median()
    print(f"acks={acks!r:6} gone: {len(trace.lost)}   a yes takes {1000 * yes:3.0f} ms")

# %% acks-proof tags=["claim"]
assert len(trace.lost) == 0 and abs(1000 * yes - 290) < 10
way = trace.records[(trace.records.created > 10) & (trace.records.created < 25)]
assert abs(1000 * (way.acked - way.appended).median() - 200) < 1 and 2 * 2 * far.latency * 1000 == 200 == 2 * 100
assert abs(1000 * (way.appended - way.created).mean() - 90) < 5 and way.appended.nunique() < len(way) / 9

# %% acks-text [markdown]
# None, for a slower yes. Why about 290 milliseconds, and not 100? A follower gets an order in answer to one question,
# and the leader learns that it has it only from its next question. Two rounds: 200. And before it leaves, an order
# waits, 90 on average: the producer packs orders into parcels, and sends the next one when the last has its yes [K28].
#
# ## All of whom?
#
# Three copies again, and otherwise Kafka's defaults. At second 10 `broker-1` and `broker-2` die, until second 90. Ten
# orders a second come, with `acks="all"`.

# %% guess-all
predict("all", "The topic has Kafka's defaults. Two of three brokers are down. What does Kafka say?", kind="choice",
        choices=["yes, soon", "no: all copies are needed", "nothing until one is back"])

# %% all
down = [Crash("broker-1", at=10, restart_after=80), Crash("broker-2", at=10, restart_after=80)]
night = Scenario([Topic("orders", replication_factor=3, config={"min_insync_replicas": 1})],
                 producers=[Producer("checkout", topic="orders", rate=10, stop=40, acks="all")],
                 groups=[ConsumerGroup("billing", topic="orders")],
                 faults=[*down, PowerLoss("broker-0", at=40, restart_after=5)], duration=150)
trace = run(night)
reveal("all", "yes, soon" if (trace.records.acked < 40).all() else "nothing until one is back")
print(f"a yes for {(trace.records.acked < 40).sum()} orders; then broker-0 loses power, gone: {len(trace.lost)}")

# %% all-proof tags=["claim"]
assert (trace.records.acked < 40).sum() == 400 and len(trace.lost) == 300
assert night.faults[0].at == 10 and night.faults[0].at + night.faults[0].restart_after == 90
assert (trace.records.acked - trace.records.created).max() < 9 and trace.lost.created.min() == 10
waited = trace.records[(trace.records.created >= 10) & (trace.records.created < 17)]
assert len(waited) == 70 and set(waited.acked.round(2)) == {17.0} and 40 - 30 == 10


def unset():
    from simlib.scenario.settings import resolve_broker, resolve_topic

    return resolve_topic({}, resolve_broker({})).min_insync_replicas


assert unset() == 1

# %% all-text [markdown]
# > **It looks as if** `acks="all"` means three copies. It means all that keep up, and a dead follower is taken off that
# > list, the *in-sync replicas* or ISR [K03]. That takes up to nine seconds [K49]: the orders of second 10 waited for
# > both followers, and got their yes at 17. From then on all were one.
# >
# > `broker-0` said yes 400 times. At 40 it lost power: gone is what the machine had not yet written to its disk [K59],
# > here the last 30 seconds. Those are the 300 orders that only it had.
#
# How many must be in sync is a setting of the topic, `min_insync_replicas`: one, if nobody says otherwise. So there
# are three dials: `acks` at `"all"`, copies (`replication_factor`) at 3, how many in sync (`min_insync_replicas`) at 1.
# And 300 orders are gone.

# %% guess-dial
predict("dial", "You may turn one dial, and only one. Which one saves the 300 orders?", kind="choice",
        choices=["acks", "copies", "how many in sync", "none alone"])

# %% dial
dials = {"acks": ("producers.checkout.acks", 1),
         "copies": ("topics.orders.replication_factor", 2),
         "how many in sync": ("topics.orders.config.min_insync_replicas", 2)}


def before_and_after(trace):
    yes, read = (trace.records.acked < 40).sum(), (trace.deliveries.time < 40).sum()
    return f"by second 40: {yes} got a yes, billing read {read}; then gone: {len(trace.lost)}", trace.plot.timeline()


saving = [name for name, turned in dials.items() if run(replace(night, *turned)).lost.empty]
reveal("dial", " or ".join(saving) or "none alone")
sliders(night, *[path for path, _ in dials.values()], show=before_and_after)

# %% dial-proof tags=["claim"]
def counts(acks, needed, copies=3):
    trace = run(replace(night, {"producers.checkout.acks": acks, "topics.orders.replication_factor": copies,
                                "topics.orders.config.min_insync_replicas": needed}))
    return (trace.records.acked < 40).sum(), (trace.deliveries.time < 40).sum(), len(trace.lost)


assert saving == ["how many in sync"] and counts(0, 1)[0] == 0
assert counts(1, 2) == (400, 100, 300) and counts("all", 2) == counts("all", 2, 2) == (100, 100, 0)
assert {counts("all", 1, copies)[2] for copies in (1, 2, 3)} == {counts("all", 2, 1)[2]} == {300}
dark = run(replace(night, "topics.orders.config.min_insync_replicas", 2)).records
assert dark.acked.notna().all() and 90 < dark.acked[dark.created >= 10].min()

# %% dial-text [markdown]
# Copies save nothing while none of them is needed: 300 are gone with one copy, with two, with three. With two needed,
# the first orders wait until the dead are missed, and then Kafka refuses before it writes [K04]. The producer keeps
# them and tries again. At second 90 all get their yes, and nothing is gone.
#
# Now turn `acks` to 1. 400 get their yes all the same [K05]; billing saw 100 of them, because readers get what enough
# copies have [K06]; and 300 are gone. The third dial only holds beside `acks="all"`. And with `acks=0` nobody gets a
# yes: the producer waits for none, sends nothing twice, and never hears what became of an order [K01].
#
# ## Wait or forget
#
# The last broker with all orders stays away. At second 90 the other two are back, without the 300 orders between.

# %% guess-unclean
predict("unclean", "broker-1 and broker-2 are back, broker-0 is not. What does Kafka do?", kind="choice",
        choices=["elects one of the two", "waits for broker-0"])

# %% unclean
away = replace(night, "faults", [*down, Crash("broker-0", at=40, restart_after=100)])
unclean = replace(away, "topics.orders.config.unclean_leader_election_enable", True)
leaders = []
for trace in (run(away), run(unclean)):
    control = trace.control[trace.control.topic == "orders"]
    elected = control[control.kind == "elected"].iloc[-1]
    leaders.append(elected.process)
    print(f"{elected.process} leads from second {elected.time:.0f} on, gone: {len(trace.lost)}")
reveal("unclean", "waits for broker-0" if leaders[0] == "broker-0" else "elects one of the two")

# %% unclean-proof tags=["claim"]
assert leaders == ["broker-0", "broker-1"] and round(elected.time) == 90 and len(trace.lost) == 300
waited = run(away)
assert len(waited.lost) == 0
back = waited.control[(waited.control.kind == "elected") & (waited.control.topic == "orders")]
assert round(back.time.iloc[-1]) == 140
listed = waited.control[(waited.control.kind == "isr") & (waited.control.topic == "orders")]
listed = listed[listed.time < 40]
assert listed.detail.iloc[-1] == "broker-0"

# %% unclean-text [markdown]
# Only a broker on the in-sync list may be elected, and `broker-0` is alone on it. So Kafka waits, to second 140 [K52].
# The second line is the same night with `unclean_leader_election_enable=True`: the shop goes on at second 90, without
# 300 orders [K53]. Clicks may be forgotten. Orders may not.
#
# ### Exercise: eight minutes
#
# Choose `acks`, the copies (`replication_factor`) and how many are needed (`min_insync_replicas`). `check` lets five
# accidents happen. No order may be gone, and with one broker down the shop must go on. `hint("05-safe")`,
# `solution("05-safe")`.

# %% exercise-safe tags=["exercise"]
acks = ...
copies = ...
needed = ...


check("05-safe", acks=acks, copies=copies, needed=needed)

# %% break-text [markdown]
# ### Break it: four minutes
#
# Now against yourself. The safest settings, 40 seconds of orders, **one** fault of your choice that makes Kafka forget
# what it said yes to. You have met `Crash`, `Pause`, `SlowLink` and `PowerLoss`; there are `NetworkCut(a, b, at,
# duration)` and `LoseRequest("checkout", "produce", nth=50)`, too. A `PowerLoss` may name several: `("broker-0",
# "broker-1")`.

# %% exercise-break tags=["exercise"]
fault = ...


check("05-break", fault=fault)

# %% break-proof tags=["claim"]
def seconds_of_orders():
    from simlib.course.exercises.broker_dies import checkout as judged

    return judged("all", 3, 2).producers[0].stop


assert seconds_of_orders() == 40

# %% silence-text [markdown]
# A good place to stop.
#
# ## Kafka said nothing
#
# Back to the far building. `broker-0` is killed, and two healthy followers stand by.

# %% guess-silence
predict("silence", "How many seconds does the unluckiest order wait for its yes?")

# %% silence
def longest(trace):
    return (trace.records.acked - trace.records.created).max()


reveal("silence", round(longest(run(checkout)), 1))
quiet = replace(checkout, "producers.checkout.rate", 3)     # fewer orders, a quicker slider
sliders(quiet, "faults.0.at", "faults.1.latency",
        show=lambda trace: (f"longest wait: {longest(trace):.1f} s, gone: {len(trace.lost)}", trace.plot.timeline()))

# %% silence-proof tags=["claim"]
waits = [longest(run(replace(checkout, "faults.0.at", at))) for at in (30, 30.5, 31, 31.5, 32)]
assert min(waits) > 7 and max(waits) < 9.1
near, far_away = (run(replace(quiet, "faults.1.latency", latency)) for latency in (0.001, 0.5))
assert len(near.lost) < len(far_away.lost) and 7 <= longest(near) and longest(far_away) < 9.5

# %% silence-result [markdown]
# Seven to nine seconds, whenever you strike and wherever the copies stand: brokers report every two seconds, and who is
# silent for nine is given up [K49]. (The farther the copies, the more orders are gone.) Would your shop wait that long?
# Most send again.
#
# The smallest silence is one answer lost on its way back. The order is written; the producer cannot know. It sends
# again by itself.

# %% reply
for idempotence in (False, True):
    shopfront = Producer("checkout", "orders", rate=10, enable_idempotence=idempotence)
    trace = run(Scenario([Topic("orders")], producers=[shopfront], duration=60,
                         faults=[LoseReply("checkout", "produce", nth=30)]))
    print(f"enable_idempotence={idempotence!s:5}  in the log: {trace.records.copies.max()}")

# %% reply-proof tags=["claim"]
assert trace.records.copies.max() == 1
without = run(replace(trace.scenario, "producers.checkout.enable_idempotence", False))
assert without.records.copies.max() == 2 and (without.records.copies > 1).sum() == 1

# %% reply-text [markdown]
# Twice, or once. The *idempotent producer*, today's default, numbers its records; the broker sees a number again and
# keeps one [K17]. Without it, it keeps both [K09].
#
# So this shop is safe? It loses patience after three seconds and sends again itself:

# %% impatient tags=["service"]
async def checkout_impatient(app):
    producer = app.producer(enable_idempotence=True,
                            request_timeout_ms=1_000, delivery_timeout_ms=3_000)
    for order in orders(60):
        while True:
            try:
                # send
                await producer.send_and_wait("orders", order["value"], key=order["key"])
                break
            except Exception:
                pass    # no answer: send it again


# %% guess-impatient
predict("impatient", "Three answers in a row are lost. How often does that order stand in the log?")

# %% run-impatient
lost_answers = [LoseReply("checkout-0", "produce", nth=nth) for nth in (30, 31, 32)]
trace = run(Scenario([Topic("orders")], services=[Service("checkout", checkout_impatient)],
                     faults=lost_answers))
ids = trace.records.value.map(lambda value: value["order_id"])
reveal("impatient", ids.value_counts().max())
again = trace.records[ids.duplicated(keep=False)]
again[["message", "offset", "created", "acked", "outcome"]].round(2)

# %% run-impatient-proof tags=["claim"]
assert ids.value_counts().max() == 2 and ids.nunique() == 60 and ids.duplicated().sum() == 1
assert trace.records.copies.max() == 1
assert set(trace.records.outcome[ids.duplicated(keep=False)]) == {"timed out", "acked"}


def minutes_tried():
    from simlib.scenario.settings import resolve_producer

    return resolve_producer("kafka-python", {}).delivery_timeout_ms / 60_000


assert minutes_tried() == 2

# %% impatient-text [markdown]
# > **It looks as if** `enable_idempotence` removes duplicates. It removes the ones the *producer* makes when it sends
# > again. Your second `send` is a new record with a new number [K19]. "Timed out" does not mean no. It means: I do
# > not know [K11].
#
# ### Exercise: eight minutes
#
# Write `checkout_once`. Answers are lost, a request is lost, a broker dies: all 60 orders must be in the log, each
# once. `delivery_timeout_ms` says how long the producer itself tries: two minutes by default [K10]. (And when that runs
# out? Do not send again blindly. Put the order aside, and look whether it is in the log.) `hint("05-again")`,
# `solution("05-again")`.

# %% exercise-again tags=["exercise"]
async def checkout_once(app):
    ...     # your code


check("05-again", checkout_once)

# %% close-b [markdown]
# | | use it when | do not |
# |---|---|---|
# | `acks=1` | a lost click is cheap, a late one is not | somebody was thanked |
# | `acks="all"`, 2 of 3 needed | a yes must hold | two brokers stand on one fuse |
# | sending again yourself | the reader checks a key (lesson 06) | you only want to be sure |
#
# **Five lines to keep**
# 1. Kafka remembers where you were, not what you did.
# 2. Commit after: a kill repeats. Commit before: a kill loses.
# 3. A kill repeats everything done since the last commit: at worst a whole interval's worth, on average half.
# 4. A yes is worth as many copies as were in sync when it was said.
# 5. No answer is no answer. It is not a no.
#
# **Self-test**
#
# <details><summary>Idempotent producer, <code>acks="all"</code>, three copies. Can an order be charged twice?</summary>
# Yes: part A has not changed. Nobody removed the window between charge and commit.</details>
# <details><summary>Why did the frozen twin's commit fail, and its charge not?</summary>
# Kafka knows who owns a partition [K97]. The bank does not.</details>
# <details><summary>A whole room loses power. What does <code>min_insync_replicas=3</code> change?</summary>
# Nothing: three memories are gone [K59].</details>
#
# **Last exercise.** Answer the second mail of 18:02. Ours is in `solution("05-gone")`.
#
# **Read on:** Kafka on [delivery semantics](https://kafka.apache.org/documentation/#semantics) and on
# [replication](https://kafka.apache.org/documentation/#replication); [the idempotent
# producer](https://cwiki.apache.org/confluence/display/KAFKA/KIP-98+-+Exactly+Once+Delivery+and+Transactional+Messaging).
#
# A good place to stop. Next: lesson 06, *idempotency*, where twice equals once.
