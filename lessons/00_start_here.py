# %% header [raw] tags=["header"]
# minutes = 20
# question = "What happens if I kill a consumer?"
# needs = ["Python functions", "async and await"]
# cut = "The second look (who was charged twice) and the self-test. Never the first guess."
# vote = "The question before the first run. Hands up for 0, for 30, for more than 30 - and ask one of each for a reason."
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
# do = "choose the setting that decides how long the others wait"
# exercise = "00-wait"

# %% opening [markdown]
# # What happens if I kill a consumer?
#
# **Lesson 00** · 20 minutes · you know Python and `await`
#
# Tuesday, 03:12. One of two billing programs dies. Its twin stands beside it, healthy and idle. At 03:13 the phone rings all the
# same: *"For most of a minute nobody was charged."*
#
# When you leave this page you can
# 1. say what a killed consumer costs: what is lost, who waits, what happens twice;
# 2. choose the setting that decides how long everybody waits.
#
# Shift+Enter runs a cell and goes on. Words in *italics* are in the [glossary](glossary.ipynb).

# %% imports
from simlib import Crash, Scenario, Service, Topic, replace, run, sliders
from simlib.course import check, hint, predict, reveal, routes, solution, start
from simlib.data import orders

start("00")

# %% notice-board [markdown]
# ## The notice board
#
# In an office you do not run to every colleague. You pin a note to the board; whoever cares reads it. You neither know nor mind who.
#
# The note is an *event*: something has happened. Who pins it is a *producer*, who reads and acts is a *consumer*, and the
# board is the *message broker* - ours is Kafka. Ten lines make a shop, and kill it:

# %% ten-lines tags=["service"]
async def billing(app):
    consumer = app.consumer("orders", group_id="billing", enable_auto_commit=False, auto_offset_reset="earliest")
    async for order in consumer:
        await app.effect("charge", order.value["order_id"])    # the bank takes the money
        await consumer.commit()                                # tick: done, next one please


shop = Scenario([Topic("orders")], inputs={"orders": orders(200, rate=2)},
                services=[Service("billing", billing, instances=2)],
                faults=[Crash("billing-0", after="charge", nth=40, restart_after=30)])

# %% before-the-run [markdown]
# Two hundred orders that people really placed, two a second. Two programs, `billing-0` and `billing-1`, are one group: one works, the other
# stands by. The *commit* ticks an order off. Then `billing-0` is killed, right after its 40th charge; 30 seconds later it is started again.
#
# **Before you run it, write down what you think.**

# %% guess-wait
predict("wait", "`billing-1` is healthy and idle. For how many seconds does nobody charge an order?", kind="number")

# %% first-run
trace = run(shop)
reveal("wait", round(trace.effects.time.diff().max()))
trace.plot.lag()

# %% it-looks-as-if [markdown]
# TODO

# %% who-knew
trace.events[trace.events.kind.isin(["crashed", "restarted", "evicted", "assigned"])]

# %% nothing-lost [markdown]
# TODO

# %% twice
trace.effects[trace.effects.occurrence > 1]

# %% change-one-number [markdown]
# TODO

# %% guess-back
predict("back", "Back after 1 second instead of 30: for how long does nobody charge?", kind="choice",
        choices=["about 1 second", "about 15 seconds", "about 45 seconds"])

# %% sliders
quick = run(replace(shop, "faults.0.restart_after", 1))
reveal("back", f"about {round(quick.effects.time.diff().max())} seconds")
sliders(shop, "faults.0.restart_after", show=lambda trace: trace.plot.lag())

# %% exercise-text [markdown]
# TODO

# %% exercise tags=["exercise"]
async def billing_quick(app):
    ...                                            # your code


check("00-wait", billing_quick)

# %% close [markdown]
# TODO

# %% routes
routes()
