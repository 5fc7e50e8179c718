# %% header [raw] tags=["header"]
# minutes = 20
# question = "What happens if I kill a consumer?"
# needs = ["Python functions", "async and await"]
# cut = "The second look (who was charged twice) and the self-test. Never the first guess."
# vote = "The question before the first run: hands up for 0, for 30, for more than 30. Ask one of each for a reason."
#
# [[episodes]]
# question = "What happens if I kill a consumer?"
# minutes = 20
#
# [[objectives]]
# do = "say what a killed consumer costs: what is lost, who waits, what happens twice"
# exercise = "00-words"
#
# [[objectives]]
# do = "choose the setting that decides how long everybody waits"
# exercise = "00-wait"

# %% opening [markdown]
# # What happens if I kill a consumer?
#
# **Lesson 00** · 20 minutes · you know Python and `await`
#
# Tuesday, 03:12. One of two billing programs dies. Its twin stands beside it, healthy and idle. At 03:13 the phone
# rings: *"Why is nobody being charged?"*
#
# When you leave this page you can
# 1. say what a killed consumer costs: what is lost, who waits, what happens twice;
# 2. choose the setting that decides how long everybody waits.
#
# Shift+Enter runs a cell. Words in italics are in the [glossary](glossary.ipynb). A mark like [K86] names a statement
# with source and test.
#
# <details><summary>Do you have what you need? Two questions.</summary>
#
# What does `await` do? *It lets others go on until the answer is there.*<br>
# What is left of a program's variables when its process is killed? *Nothing. No `finally` runs, either.*
# </details>

# %% imports
from simlib import Crash, Scenario, Service, Topic, explore, laws, replace, run, sliders
from simlib.course import check, hint, predict, reveal, routes, solution, start
from simlib.data import orders

start("00")

# %% notice-board [markdown]
# ## The notice board
#
# In an office you do not run to every colleague. You pin a note to the board, and whoever cares reads it.
#
# The note is an *event*: something has happened. Whoever pins it is a *producer*, whoever reads it and acts is a
# *consumer*, and the board is the *message broker*; ours is Kafka. A consumer's tick, "done up to here", is called a
# *commit*. Ten lines make a shop; the tenth kills a consumer. Click the film, press Space:

# %% ten-lines
async def billing(app):
    consumer = app.consumer(
        "orders", group_id="billing", enable_auto_commit=False,  # I tick off
        auto_offset_reset="earliest")       # a new group starts at the oldest
    async for order in consumer:
        await app.effect("charge", order.value["order_id"])  # takes the money
        await consumer.commit()             # tick: done, next one please


shop = Scenario([Topic("orders")], inputs={"orders": orders(200, rate=2)},
                services=[Service("billing", billing, instances=2)],
                faults=[Crash("billing-0", after="charge", nth=40, restart_after=30)])
run(replace(shop, "duration", 24)).play(start=15)  # the first 24 seconds

# %% ten-lines-proof tags=["claim"]
film = run(replace(shop, "duration", 24))
died = film.control[film.control.kind == "crashed"]
assert list(died.process) == ["billing-0"] and 17 < died.time.item() < 22 and film.ended_at == 24
assert set(film.deliveries.member) == {"billing-0"}

# %% before-the-run [markdown]
# Two hundred real orders, two a second. `billing-0` and `billing-1` are one group. Kafka gives these orders to one
# member at a time: `billing-1` is the spare [K84].
#
# `billing-0` died right after its 40th charge. It will be back 30 seconds later.
#
# **Before you run on, write down what you think.**

# %% guess-wait
predict("wait", "`billing-1` is healthy and idle. For how many seconds does nobody charge?")

# %% first-run
trace = run(shop)
reveal("wait", round(trace.effects.time.diff().max()))     # the longest gap between charges
print("Orders that waited, at most:", trace.lag.lag.max())
trace.plot.timeline()

# %% first-run-proof tags=["claim"]
assert len(trace.records) == 200 and round(trace.effects.time.diff().max()) == 45
assert shop.faults[0].nth == 40 and shop.faults[0].restart_after == 30
assert abs(trace.lag.lag.max() - 2 * 45) <= 10

# %% it-looks-as-if [markdown]
# Not 0, though the twin stood ready. Not 30, though the dead one was back by then. Two orders a second pile up -
# that is the *lag* - until somebody goes on.
#
# > **It looks as if** Kafka noticed the crash, and the twin took its time to wake up. Ask the trace:

# %% who-knew
knew = trace.events[trace.events.kind.isin(["crashed", "restarted", "evicted", "assigned"])]
print(knew[["time", "process", "kind", "detail"]].tail(4).round(1).to_string(index=False))
trace.play(start=60)    # N: the next moment worth stopping at; arrows step; click an order for its life

# %% who-knew-proof tags=["claim"]
assert list(knew.kind)[-4:] == ["crashed", "restarted", "evicted", "assigned"]
assert list(knew.process)[-4:] == ["billing-0"] * 4
assert 44 < knew.time.iloc[-2] - knew.time.iloc[-4] < 45
assert set(trace.effects.key) == {row["value"]["order_id"] for row in shop.inputs["orders"]}

# %% nothing-lost [markdown]
# Kafka saw no crash, only silence; the slow are silent too. It gives a member up (`evicted`) after 45 seconds, the
# *session timeout*: `session_timeout_ms=45_000` [K86]. The `billing-0` that came back was a new member. The dead one
# was still on the list, and nobody got the orders (`assigned`) before its time was over [K91].
#
# Nothing was lost: all 200 were charged. But one was charged twice. Bad luck? `explore` kills `billing` at every moment
# there is (each a schedule), and holds each run against a rule:

# %% every-death
three = replace(shop, "inputs.orders", orders(3))
explore(three, laws.exactly_once("charge"), only="crash")

# %% every-death-proof tags=["claim"]
assert len(trace.effects) == 201 and (trace.effects.occurrence > 1).sum() == 1
tried = explore(three, laws.exactly_once("charge"), only="crash", progress=False)
broken = tried.table[tried.table.verdict == "broken"]
assert len(broken) == 3 and broken.hit.str.contains("right after charge").all()
assert set(broken.outcome) == {"charge: 1 again"}

# %% change-one-number [markdown]
# No luck: each order has one bad moment, between charge and tick. Whoever goes on begins at the last commit [K74].
#
# ## Change one number
#
# Money buys a faster machine: `billing-0` is back after 1 second. **Before you touch the slider:**

# %% guess-back
predict("back", "Back after 1 second instead of 30: how long does nobody charge?", kind="choice",
        choices=["about 1 second", "about 15 seconds", "about 45 seconds"])

# %% sliders
quick = run(replace(shop, "faults.0.restart_after", 1))
reveal("back", f"about {round(quick.effects.time.diff().max())} seconds")
sliders(shop, "faults.0.restart_after", show=lambda trace: trace.plot.lag())

# %% sliders-proof tags=["claim"]
for seconds in (0, 1, 15, 40, 60, 120):
    moved = run(replace(shop, "faults.0.restart_after", seconds))
    assert round(moved.effects.time.diff().max()) == 45 and moved.lag.lag.max() == trace.lag.lag.max(), seconds

# %% exercise-text [markdown]
# The curve does not stir. Billing was ready; Kafka was waiting.
#
# ### Exercise: eight minutes
#
# The shop can bear 15 seconds without a charge. Write `billing_quick`: the same work, killed at any moment, nothing
# lost, at most one order charged twice. Stuck? `hint("00-wait")`. Had enough? `solution("00-wait")`.

# %% exercise tags=["exercise"]
async def billing_quick(app):
    ...     # your code


check("00-wait", billing_quick)

# %% close [markdown]
# ## What you take with you
#
# | a short session timeout | |
# |---|---|
# | **use it when** | waiting costs money, and your programs never stall |
# | **do not** | where they do stall: long garbage collections, crowded machines. Kafka would give up the living |
#
# **Five lines to keep**
# 1. An event is a fact. Its producer does not know who reads it.
# 2. A killed consumer takes no event with it: they stay with the broker.
# 3. A broker cannot tell dead from slow. It waits for the session timeout.
# 4. A faster restart does not shorten that wait.
# 5. What was done after the last commit is done again.
#
# **Self-test**
#
# <details><summary>And if <code>billing-0</code> never came back?</summary>
# <code>billing-1</code> goes on, after 45 seconds.</details>
# <details><summary>You start ten more billing programs. Is the wait shorter?</summary>
# No. They wait for the same 45 seconds as the twin.</details>
# <details><summary>The program ends cleanly, with <code>async with</code>. Who waits?</summary>
# Nobody for long: it says goodbye, and the group shares out its work at once [K87].</details>
# <details><summary>The kill comes after the tick instead of before it. What is charged twice?</summary>
# Nothing. The commit already says that this order is done.</details>
#
# **Last exercise.** Answer the question at the top in three sentences. Ours is in `solution("00-words")`.
#
# **Read on:** Kafka on [consumer positions](https://kafka.apache.org/documentation/#design_consumerposition);
# [why 45 seconds](https://cwiki.apache.org/confluence/display/KAFKA/KIP-735%3A+Increase+default+consumer+session+timeout);
# [the log](https://engineering.linkedin.com/distributed-systems/log-what-every-software-engineer-should-know-about-real-time-datas),
# the essay Kafka grew from.
#
# A good place to stop. Next:

# %% self-test-proof tags=["claim"]
twelve = run(replace(shop, "services.billing.instances", 12))
assert round(twelve.effects.time.diff().max()) == 45
never_back = run(replace(shop, "faults.0.restart_after", None))
assert round(never_back.effects.time.diff().max()) == 45 and never_back.effects.process.iloc[-1] == "billing-1"
after_the_tick = run(replace(shop, "faults", [Crash("billing-0", after="commit", nth=40, restart_after=30)]))
assert after_the_tick.effects.key.is_unique and len(after_the_tick.effects) == 200

# %% routes
routes()
