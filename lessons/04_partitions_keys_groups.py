# %% header [raw] tags=["header"]
# minutes = 75
# question = "Why is one consumer idle?"
# needs = ["event, producer, consumer, commit, lag (lesson 00)", "async and await"]
# cut = "04A is episodes 1 and 2. Short of time: the other language, the 12 equal customers, the last slider."
# vote = "Before the twelve packers: hands up for each of the three answers. Ask one of each for a reason."
#
# [[episodes]]
# question = "Why is one consumer idle?"
# minutes = 20
#
# [[episodes]]
# question = "Who chose this till?"
# minutes = 20
#
# [[episodes]]
# question = "One is killed: who steps in?"
# minutes = 17
#
# [[episodes]]
# question = "May I add a till?"
# minutes = 18
#
# [[objectives]]
# do = "choose how many partitions and consumers a load needs"
# exercise = "04-packers"
#
# [[objectives]]
# do = "say where a key goes, and deal with keys that crowd one partition"
# exercise = "04-seats"
#
# [[objectives]]
# do = "choose what a group does when a member dies"
# exercise = "04-relief"
#
# [[objectives]]
# do = "add a partition without mixing up anybody's orders"
# exercise = "04-grow"
#
# [[objectives]]
# do = "say why a consumer is idle while a queue grows"
# exercise = "04-words"

# %% opening [markdown]
# # Why is one consumer idle?
#
# **Lesson 04** · 75 minutes, four episodes · you know what an event and a commit are (lesson 00)
#
# Saturday, 09:40, the first morning of the sale. Three packing programs, and the queue grows. At 09:45 somebody
# starts a fourth. At 10:00 the queue is as long as it would have been without, and one of the four stands idle beside
# it.
#
# When you leave this page you can
# 1. choose how many partitions and consumers a load needs;
# 2. say where a key goes, and deal with keys that crowd one partition;
# 3. choose what a group does when a member dies;
# 4. add a partition without mixing up anybody's orders.
#
# <details><summary>Do you have what you need? Three lines and two questions.</summary>
#
# Producers write events, and the broker keeps them. Consumers come and fetch them. A commit says "done up to here",
# and what is not ticked off yet is the lag.
#
# Does a broker push events to consumers? *No. Consumers ask.*<br>
# What happens to an event that was read? *It stays. Only the group's tick moves on.*<br>
# If both answers surprise you, do lesson 00 first: 20 minutes.
# </details>

# %% imports
from collections import Counter
from itertools import pairwise
from zlib import crc32

from simlib import AddPartitions, ConsumerGroup, Crash, Producer, Scenario, Service, Topic, Zipf, replace, run, sliders
from simlib.course import check, hint, predict, reveal, routes, solution, start
from simlib.data import orders
from simlib.kafka.partitioner import keyed_partition

start("04")

# %% tills [markdown]
# ## 1 · Why is one consumer idle?
#
# The orders are a *topic*, cut into *partitions*: a supermarket with three tills, numbered from 0. Every order queues
# at one till and keeps its place there.
#
# Three packers, `pack-0` to `pack-2`, are one *consumer group*: a shift of cashiers. Six orders come in each second.
# A packer needs 0.6 seconds for one, so three pack five a second. A `ConsumerGroup` brings its own loop: ask for
# orders, work, ask again.
#
# The tills are not equally full; section 2 says why.

# %% shop
shop = Scenario([Topic("orders", partitions=3)],
                inputs={"orders": orders(300, rate=6)},      # 300 real orders, in 50 seconds
                groups=[ConsumerGroup("pack", "orders", consumers=3,
                                      service_time=0.6,      # seconds for one order
                                      max_poll_records=1,    # one order at a time
                                      auto_commit_interval_ms=1_000)],  # a tick a second
                duration=75)

# %% tables [markdown]
# What a run leaves behind is a trace: tables (pandas) of all that happened. `records` is what was written, `deliveries`
# what was handed to whom. Both know an order by its `message`.

# %% longest-wait
def longest_wait(trace):              # in seconds, of the order that waited longest
    picked_up = trace.deliveries.merge(trace.records[["message", "created"]])
    return float(round((picked_up.time - picked_up.created).max(), 1))


three = run(shop)
longest_wait(three)

# %% longest-wait-proof tags=["claim"]
assert len(three.records) == 300 and shop.groups[0].service_time == 0.6 and shop.topics[0].partitions == 3
assert round(shop.inputs["orders"][-1]["at"]) == 50 and longest_wait(three) > 15

# %% ask-twelve
predict("twelve", "Twelve packers instead of three: the longest wait ...", kind="choice",
        choices=["is about a quarter", "stays as it is", "gets longer"])

# %% twelve
twelve = run(replace(shop, "groups.pack.consumers", 12))
same = longest_wait(twelve) == longest_wait(three)
reveal("twelve", "stays as it is" if same else "changes")

# %% twelve-proof tags=["claim"]
assert same

# %% it-looks-as-if-free [markdown]
# > **It looks as if** the new ones are late, or broken: surely whoever is free takes the next order. Take four
# > packers, so that there is less to look at. Who packed how much, and who was given what?

# %% fourth
four = replace(shop, "groups.pack.consumers", 4)
trace = run(four)
packed = trace.deliveries.member.value_counts().reindex(four.members_of("pack"), fill_value=0)
packed.to_frame("orders packed")

# %% who-was-given
trace.plot.assignment()

# %% who-was-given-proof tags=["claim"]
assert packed["pack-3"] == 0 and (packed[["pack-0", "pack-1", "pack-2"]] > 80).all()
given = trace.control[trace.control.kind == "assigned"]
assert list(given.process) == ["pack-0", "pack-1", "pack-2"] and list(given.partition) == [0, 1, 2]
assert "pack-3" in set(trace.control[trace.control.kind == "joined"].process)

# %% partitions-are-shared [markdown]
# > Nobody hands out orders. When the group met, before the first order, it dealt out *partitions*, whole: one reader
# > for each [K84]. Three tills: `pack-3` has none, as the legend says. A free packer cannot take an order from
# > another's till. (With another kind of broker, a *queue*, it could: lesson 11.)
#
# Try every number of packers:

# %% packers
def waits(trace):
    return trace.plot.lag(), f"longest wait: {longest_wait(trace)} s"


sliders(shop, "groups.pack.consumers", show=waits)

# %% packers-proof tags=["claim"]
seen = {n: longest_wait(run(replace(shop, "groups.pack.consumers", n))) for n in (1, 2, 3, 4, 12)}
assert seen[3] == seen[4] == seen[12] and seen[1] > seen[2] > seen[3]

# %% second-group [markdown]
# From 1 to 3 each packer helps. From 3 on the curve does not stir.
#
# ### A second shift
#
# The shop also sends a mail for each order. `mail` is another group with one fast consumer, and Kafka's usual
# settings, a commit every five seconds among them [K75]. Each mail is picked up one thousandth of a second after the
# order. Lag is what a group has not ticked off.

# %% ask-mail
predict("mail", "`mail` reads each order at once. Its highest lag, on any partition?")

# %% mail
mail = ConsumerGroup("mail", "orders", service_time=0.001)
both = run(replace(four, "groups", [*four.groups, mail]))
lag = both.lag[both.lag.group == "mail"]
reveal("mail", lag.lag.max())
both.plot.lag("mail")

# %% mail-proof tags=["claim"]
mailed = both.deliveries[both.deliveries.group == "mail"].merge(both.records[["message", "created"]])
assert len(mailed) == 300 and (mailed.time - mailed.created).max() < 0.0015 and lag.lag.max() > 10
alone = trace.deliveries[["time", "member", "message"]].astype(str).reset_index(drop=True)
with_mail = both.deliveries[both.deliveries.group == "pack"][["time", "member", "message"]].astype(str)
assert alone.equals(with_mail.reset_index(drop=True))
ticks = both.commits[both.commits.group == "mail"].groupby("partition").time.diff().dropna()
fullest_till = lag.loc[lag.lag.idxmax()]
ticked = both.commits[(both.commits.group == "mail") & (both.commits.partition == 1)].time
came_in = both.records[both.records.partition == 1].created
assert fullest_till.partition == 1 and fullest_till.lag == 17
assert max(came_in.between(start, end).sum() for start, end in pairwise(ticked)) == 17
assert (ticks > 4.9).all() and mail.auto_commit_interval_ms is None

# %% it-looks-as-if-behind [markdown]
# > **It looks as if** `mail` falls behind and catches up in leaps. It was never behind. Lag is counted from the last
# > *commit*, not from what was read [K99]. Two orders a second and till make ten in five seconds; but real orders
# > come in bursts, and `orders-1` once got 17 between two commits. A lag that falls back to 0 is a rhythm. A lag that
# > only rises is a queue.
#
# `mail` got all 300 orders though `pack` had taken them too: a second group gets everything again, with ticks of its
# own. `pack` does not notice it [K85].
#
# ### Exercise 1 - eight minutes
#
# The same morning. Nobody shall wait longer than 10 seconds, and there is money for four packers. Choose both
# numbers. Stuck? `hint("04-packers")`. Had enough? `solution("04-packers")`.

# %% exercise-packers tags=["exercise"]
partitions = ...
packers = ...


check("04-packers", partitions=partitions, packers=packers)

# %% exercise-packers-proof tags=["claim"]
after_the_start = lag[lag.time > 0]
assert (after_the_start.groupby("partition").lag.min() == 0).all()
morning = replace(shop, {"topics.orders.partitions": 4, "groups.pack.consumers": 4})
assert longest_wait(run(morning)) == 4.6

# %% evening [markdown]
# A good place to stop.
#
# ## 2 · Who chose this till?
#
# With four tills and four packers the morning goes well (exercise 1): nobody waits longer than 4.6 seconds. For the
# evening the shop invites its 30 best customers. Again 300 real orders, again six a second, this time evenly spaced.

# %% guests
guests = [customer for customer, _ in Counter(row["key"] for row in orders()).most_common(30)]
their_orders = [row for row in orders() if row["key"] in guests][:300]
evening = [row | {"at": i / 6} for i, row in enumerate(their_orders)]
busy = Counter(row["key"] for row in evening)
busy.most_common(4)

# %% guests-proof tags=["claim"]
assert len(guests) == 30 and len(evening) == 300 and {row["key"] for row in evening} == set(guests)

# %% ask-evening
predict("evening", "As many orders, tills and packers. The longest wait tonight, in seconds?")

# %% run-evening
tonight = replace(four, {"topics.orders.partitions": 4, "inputs.orders": evening})
trace = run(tonight)
reveal("evening", longest_wait(trace))
trace.plot.timeline()

# %% run-evening-proof tags=["claim"]
assert longest_wait(trace) == 18.3
queued = trace.records.partition.value_counts()
assert queued[3] == 107 == queued.max() and queued[2] == queued.min()
idle = trace.deliveries[trace.deliveries.partition == 2].time.diff().max()
assert idle > 2 * 0.6

# %% it-looks-as-if-balanced [markdown]
# 18.3 seconds, four times the morning's wait. 107 of the 300 orders queue at till 3, and the packer at till 2 has gaps.
#
# > **It looks as if** Kafka sends an order to the shortest queue, and had bad luck. Kafka does not look at queues.
# > The *key* decides, here the customer. The producer turns its bytes into a number and divides: the remainder is the
# > partition [K39].

# %% hashed
[(guest, sent, keyed_partition(guest.encode(), 4)) for guest, sent in busy.most_common(6)]

# %% hashed-proof tags=["claim"]
best_six = [keyed_partition(guest.encode(), 4) for guest, _ in busy.most_common(6)]
assert busy.most_common(1)[0] == ("19339", 55) and best_six.count(3) == 3
assert sum(sent for guest, sent in busy.most_common(6) if keyed_partition(guest.encode(), 4) == 3) == 54
assert keyed_partition(b"19339", 4) == 0
bursts = [row["at"] for row in evening if row["key"] == "19339"]
assert 24 < bursts[0] and 24 < bursts[-1] - bursts[0] < 25 and 55 / 25 > 2 > 1 / 0.6
eight = run(replace(tonight, {"topics.orders.partitions": 8, "groups.pack.consumers": 8}))
assert longest_wait(eight) == 9.4 and eight.summary().backlog == 0
slow = eight.deliveries.merge(eight.records[["message", "created"]])
assert keyed_partition(b"19339", 8) == slow.partition[(slow.time - slow.created).idxmax()]
assert set(slow[slow.partition == keyed_partition(b"19339", 8)].key) == {"19339"}
placed = trace.records.groupby("key", observed=True).partition
assert (placed.nunique() == 1).all()
assert all(keyed_partition(guest.encode(), 4) == till for guest, till in placed.first().items())
assert round(100 * Counter(row["key"] for row in evening)["19339"] / 300) == 18
assert Counter(row["key"] for row in evening)["19339"] == 55

# %% hot-key [markdown]
# Customer, orders, till. There are two separate troubles. Till 3 is full by collision: three of the six best meet
# there by chance, with 54 orders. And at till 0 there is a *hot key*: customer 19339 sends 55 orders within 25
# seconds, more than two a second, and a packer manages fewer than two.
#
# More tills part the collisions, never one customer. With eight tills and eight packers 19339 has one for himself,
# and the longest wait of all is his: 9.4 seconds. (`simlib/kafka/murmur2.py` is Kafka's own function, line by line.)
#
# So why not deal out the orders evenly? Take the order's own number as the key:

# %% by-order
by_order = [row | {"key": row["value"]["order_id"]} for row in evening]
dealt = run(replace(tonight, "inputs.orders", by_order))
longest_wait(dealt)

# %% by-order-proof tags=["claim"]
assert longest_wait(dealt) == 4.6 == longest_wait(run(morning))

# %% what-it-costs [markdown]
# 4.6 seconds again. What did it cost? Which orders were packed after a later order of the same customer?

# %% overtaken
def overtaken(trace):                 # ordered before something that is packed already
    packed = trace.deliveries.merge(trace.records[["message", "created", "value"]])
    customer = packed["value"].str["customer"]
    latest = packed.groupby(customer).created.cummax()      # the latest order so far of this customer
    return packed[packed.created < latest]


len(overtaken(dealt)), len(overtaken(trace))

# %% overtaken-proof tags=["claim"]
assert len(overtaken(dealt)) > 40 and len(overtaken(trace)) == 0

# %% order-per-key [markdown]
# With the customer as key: none. Kafka keeps order within a partition, and nowhere else [K100]. "Order the CD",
# "change the address", "cancel it": what must stay in order needs one key.
#
# ### Another language, another till
#
# A colleague's program writes orders too. It is built on librdkafka, the C library under many Kafka clients. Same
# topic, same customer, same key.

# %% ask-language
predict("language", "Of the 30 guests, how many queue at the same till in both programs?")

# %% language
ours = {guest: keyed_partition(guest.encode(), 4) for guest in guests}
theirs = {guest: crc32(guest.encode()) % 4 for guest in guests}
reveal("language", sum(ours[guest] == theirs[guest] for guest in guests))

# %% language-proof tags=["claim"]
assert sum(ours[guest] == theirs[guest] for guest in guests) == 9 and 7 < len(guests) / 4 < 8
two_programs = """
async def both(app):
    python, other = app.producer(), app.producer(partitioner="consistent_random")
    for guest in guests:
        await python.send_and_wait("orders", {}, key=guest)
        await other.send_and_wait("orders", {}, key=guest)
"""
exec(two_programs)
written = run(Scenario([Topic("orders", partitions=4)], services=[Service("both", both)])).records
at_first = written[written.message.str.split(":").str[1].astype(int) % 2 == 0].set_index("key").partition
assert len(written) == 60 and set(written.partition) <= {0, 1, 2, 3}
assert all({ours[guest], theirs[guest]} == set(written[written.key == guest].partition) for guest in guests)

# %% zipf [markdown]
# Nine; chance alone would have made it seven or eight. Java and kafka-python agree [K39]. What is built on librdkafka,
# confluent-kafka for Python too, uses CRC32, unless the setting `partitioner` says otherwise [K45a]. "Same key, same
# partition" holds for one number of partitions and one hash.
#
# ### Is it only the best customer?
#
# Take 12 customers who all buy equally often, drawn at random: 300 orders, four tills, and 75 orders each would be
# fair. (`Zipf(0.0)` means equally often. With `Zipf(1.0)` the second buys half as often as the first, the third a
# third as often, and so on.)

# %% ask-zipf
predict("zipf", "How many of the 300 orders go to the fullest of the four tills?")

# %% run-zipf
alike = Producer("website", "orders", rate=6, keys=12, key_distribution=Zipf(0.0), stop=50)
crowd = replace(tonight, {"inputs": {}, "producers": [alike]})
reveal("zipf", run(crowd).records.partition.value_counts().max())
sliders(crowd, "producers.website.key_distribution.s", show=waits)

# %% run-zipf-proof tags=["claim"]
crowds = {s: run(replace(crowd, "producers.website.key_distribution.s", s)).records for s in (0.0, 3.0)}
fullest = {s: records.partition.value_counts().max() for s, records in crowds.items()}
many = run(replace(crowd, "producers.website.keys", 1_000)).records
assert fullest[3.0] > fullest[0.0] > many.partition.value_counts().max() < 75 * 1.15
evenly = run(crowd).records
assert len(evenly) == 300 and evenly.key.nunique() == 12 and evenly.partition.value_counts().max() > 75 * 1.3

# %% exercise-seats-text [markdown]
# Few keys never spread evenly. Move `s`, the number in `Zipf(s)`: when some buy more than others, it gets worse. With
# a thousand customers who buy alike, chance would even it out.
#
# ### Exercise 2 - ten minutes
#
# A producer may name the partition itself. Give each guest a till, so that nobody waits longer than 15 seconds.

# %% exercise-seats tags=["exercise"]
def seats(visits):      # {"19339": 55, "07592": 27, ...}: how many orders each guest will send
    ...                 # return {"19339": 0, ...}: the guest's till, 0 to 3


check("04-seats", seats)

# %% standing-by [markdown]
# A good place to stop.
#
# ## 3 · One is killed: who steps in?
#
# The idle packer is good for something after all: it stands by. Three tills again. This time a packer fetches what it
# can get, up to 500 orders as Kafka's settings have it, packs them all, and only then asks again: it *polls*.
#
# While it packs, its client goes on sending a sign of life, a *heartbeat*. Whoever sends none for 10 seconds (the
# *session timeout*) is given up [K86]. A busy packer is not silent; a dead one is. `pack-1` is killed at second 15.

# %% killed
shift = ConsumerGroup("pack", "orders", consumers=4, service_time=0.6,
                      session_timeout_ms=10_000)     # milliseconds without a sign of life
killed = replace(shop, {"groups": [shift], "faults": [Crash("pack-1", at=15)]})

# %% ask-steps-in
predict("steps in", "`pack-3` stands by. Which partition does it get?", kind="choice",
        choices=["orders-1, the dead one's", "orders-2, pack-2's", "none: pack-0 takes over"])

# %% steps-in
trace = run(killed)
got = trace.control.query("kind == 'assigned' and process == 'pack-3'").partition.item()
reveal("steps in", {1: "orders-1, the dead one's", 2: "orders-2, pack-2's"}[got])
trace.plot.assignment()

# %% steps-in-proof tags=["claim"]
def default_of(setting):
    from simlib.scenario.settings import resolve_consumer

    return getattr(resolve_consumer("kafka-python", {}), setting)


assert default_of("max_poll_records") == 500
assert got == 2 and killed.groups[0].session_timeout_ms == 10_000
after = trace.control[trace.control.time > 15]
assert list(after[after.kind == "evicted"].process) == ["pack-1"]
moves = after[after.kind == "assigned"].set_index("process").partition.to_dict()
assert moves == {"pack-0": 0, "pack-2": 1, "pack-3": 2}
first_till = trace.deliveries[(trace.deliveries.partition == 0) & (trace.deliveries.time > 15)]
assert 6 < (first_till.time - first_till.done.shift()).max() < 6.5
assert trace.deliveries[trace.deliveries.member == "pack-0"].partition.eq(0).all()

# %% it-looks-as-if-relief [markdown]
# > **It looks as if** the relief steps into the dead one's place, and the others go on. But `pack-3` got a till whose
# > owner was well, and `pack-0`, whom all this did not concern, stood still for six seconds. Who gave up what, and
# > when? (`evicted`: taken for dead. `revoked`: gave a partition back.)

# %% gave-up
after = trace.control[trace.control.time > 15]
moves = after[after.kind.isin(["evicted", "revoked", "assigned"])]
print(moves[["time", "process", "kind", "partition"]].round(1).to_string(index=False))
trace.play(start=24)    # click into it: Space plays, arrows step; click an order for its life

# %% gave-up-proof tags=["claim"]
revoked = moves[moves.kind == "revoked"]
assert list(revoked.process) == ["pack-0", "pack-2"] and list(revoked.partition) == [0, 2]
assert 6 < revoked.time.iloc[1] - revoked.time.iloc[0] < 6.5
assert moves[moves.kind == "assigned"].time.min() - revoked.time.max() < 0.01
given_up = moves[moves.kind == "evicted"].time.item()
last_commit = trace.commits[(trace.commits.time < 15) & (trace.commits.partition == 1)].time.max()
assert round(given_up - 15, 1) == 9.8 and round(15 - last_commit, 1) == 0.2 and abs(given_up - last_commit - 10) < 0.01

# %% eager [markdown]
# > This is a *rebalance*, of the eager kind: everybody gives up everything, and when the last has done so, all is
# > dealt out anew [K91], the first till to the first name: `pack-0`, `pack-2`, `pack-3`. That `pack-2` was well does
# > not count. And `pack-0`, who gave up first, waited for `pack-2`, who polls only when all it has fetched is packed.
# >
# > Why was `pack-1` given up 9.8 seconds after the kill, and not 10? The clock runs from its last sign of life. Here
# > that was a commit, which counts as one, 0.2 seconds before the kill.
#
# There is another kind, called cooperative. One setting, the same kill:

# %% ask-give-up
predict("give up", "Cooperative: how many of the living packers give up their till?")

# %% cooperative
calm = replace(killed, "groups.pack.partition_assignment_strategy", "cooperative-sticky")
trace = run(calm)
gave_up = trace.control.query("kind == 'revoked' and time > 15")
reveal("give up", gave_up.process.nunique())
trace.plot.assignment()

# %% cooperative-proof tags=["claim"]
after = trace.control[trace.control.time > 15]
assert not (after.kind == "revoked").any()
assert after[after.kind == "assigned"][["process", "partition"]].values.tolist() == [["pack-3", 1]]
assert default_of("session_timeout_ms") == 1000 * 45
for partition in (0, 2):
    others = trace.deliveries[(trace.deliveries.partition == partition) & (trace.deliveries.time > 15)]
    assert others.time.diff().max() < 2
eager_time = moves[moves.kind == "assigned"].time.min()
assert abs(after[after.kind == "assigned"].time.item() - eager_time) < 0.01 and 17 < eager_time - 15 < 18

# %% cooperative-kind [markdown]
# Nobody gave up anything, nobody stood still: only what must move changes hands [K92]. But the dead one's till waited
# as long as before, 17 seconds. And 10 seconds of patience were our choice. Left alone, Kafka waits for 45 [K86].

# %% ask-silence
predict("silence", "45 seconds of patience: how long is nobody at orders-1, in seconds?")

# %% silence
def standstill(trace):                # in seconds: from the kill until somebody is given orders-1
    died = trace.control[trace.control.kind == "crashed"].time.min()
    given = trace.control.query("kind == 'assigned' and partition == 1 and time > @died").time.min()
    return round(min(trace.ended_at, given) - died)


def who_and_how_long(trace):
    return trace.plot.assignment(), f"orders-1 stands still for {standstill(trace)} s"


reveal("silence", standstill(run(replace(calm, "groups.pack.session_timeout_ms", 45_000))))
sliders(calm, "groups.pack.session_timeout_ms", "faults.0.at", show=who_and_how_long)

# %% silence-proof tags=["claim"]
still = {ms: standstill(run(replace(calm, "groups.pack.session_timeout_ms", ms))) for ms in (6_000, 10_000, 45_000)}
assert still[6_000] < still[10_000] == 17 < still[45_000] == 47 and 45 + 7 == 52


def polled_after(ms, seconds):        # pack-1 is given up; so much later pack-2 polls, and orders-1 is given away
    trace = run(replace(calm, "groups.pack.session_timeout_ms", ms))
    late = trace.control[trace.control.time > 15]
    given_up, given = (late[late.kind == kind].time.item() for kind in ("evicted", "assigned"))
    polls = trace.commits[trace.commits.partition == 2].time
    return round(given - given_up, 1) == seconds and polls[polls > given_up + 1].min() - given < 0.01


assert polled_after(10_000, 7.6) and polled_after(45_000, 2.6)

# %% exercise-relief-text [markdown]
# The wait has two parts: the session timeout, which you choose [K86], and the slowest member's next poll. Of the 17
# seconds 10 were patience, and the other 7 were `pack-2`, packing what it had fetched. Is it 45 and 7 now, 52? No: the
# second part is no fixed wait. With 10 seconds of patience `pack-2` polled 7.6 seconds after `pack-1` was given up;
# with 45 it polled 2.6 seconds after. Move both sliders.
#
# ### Exercise 3 - seven minutes
#
# The same shift with Kafka's defaults, killed at second 15 or 25. Choose settings so that somebody is given the dead
# one's till within 15 seconds, and nobody else gives up his. And be patient: of the session timeouts that do, in whole
# seconds, take the longest. Whoever stalls for longer counts as dead.

# %% exercise-relief tags=["exercise"]
relief = ...     # {"a_setting": its_value, ...}: settings of the group `pack`


check("04-relief", relief)

# %% website [markdown]
# A good place to stop.
#
# ## 4 · May I add a till?
#
# The evening sale once more, with three tills and four packers. In the middle of it, at second 20, somebody adds the
# till for the fourth. Orders now come from a program, because whoever sends must notice the new till. `app` is the
# program's link to the world: Kafka and the clock.
#
# Two settings matter. Where a group has no commit, as at a new till, it begins at the end (`latest`) unless told
# otherwise, and never sees what came before [K81]. And by itself a client looks for new tills every five minutes only
# (`metadata_max_age_ms`); here it looks each second.

# %% website-code tags=["service"]
async def website(app):
    producer = app.producer(metadata_max_age_ms=1_000)  # looks for new tills every second
    for order in evening:
        await app.sleep(order["at"] - app.now)
        await producer.send("orders", order["value"], key=order["key"])


grow = replace(four, {
    "inputs": {}, "services": [Service("website", website)],
    "faults": [AddPartitions("orders", at=20, to=4)],
    "groups.pack.metadata_max_age_ms": 1_000,          # so do the packers
    "groups.pack.auto_offset_reset": "earliest",       # a new till from its first order on
})

# %% ask-stay
predict("stay", "Three tills become four. How many of the 30 guests stay where they were?")

# %% stay
three_tills = {guest: keyed_partition(guest.encode(), 3) for guest in guests}
reveal("stay", sum(three_tills[guest] == ours[guest] for guest in guests))

# %% stay-proof tags=["claim"]
everybody = {row["key"] for row in orders()}
stays = sum(keyed_partition(key.encode(), 3) == keyed_partition(key.encode(), 4) for key in everybody)
assert default_of("metadata_max_age_ms") == 1000 * 60 * 5 and default_of("auto_offset_reset") == "latest"
assert len(everybody) > 20_000 and round(100 * stays / len(everybody)) == 25
assert sum(three_tills[guest] == ours[guest] for guest in guests) < 8

# %% it-looks-as-if-few-move [markdown]
# > **It looks as if** a quarter would have to move, to fill the new till. But what is left over from a division by 4
# > has little to do with a division by 3. Of all customers in the log 25 % stay [K46a].
#
# Is that bad? They queue elsewhere, that is all:

# %% grown
trace = run(grow)
late = overtaken(trace)
rows = trace.deliveries.merge(trace.records[["message", "created"]])
rows = rows[(rows.key == late.key.iloc[0]) & rows.created.between(17, 22)].round(1)
names = {"created": "ordered", "time": "picked up"}
rows[["key", "created", "time", "partition", "member"]].rename(columns=names)

# %% grown-proof tags=["claim"]
assert len(late) > 0 and not overtaken(run(replace(grow, "faults", []))).size
assert rows.partition.nunique() == 2 and not rows.created.is_monotonic_increasing and len(rows) <= 12
assert rows.created.iloc[-1] < rows.created.iloc[-2] and rows.partition.iloc[-1] == 1 and rows.partition.iloc[-2] == 3
assert set(trace.control[(trace.control.kind == "assigned") & (trace.control.time > 20)].process) == set(
    grow.members_of("pack"))

# %% key-moved [markdown]
# Look at the last row: ordered before the two above it, picked up after them. It waited at the old till, while later
# orders of the same customer went to the new, empty one. If one of those says "cancel", it is handled first. Kafka
# kept its promise: each **partition** is in order [K100]. The key moved.
#
# ### Exercise 4 - ten minutes
#
# Four steps: `add` the till, `close` the website, wait until the tills are `empty`, `open` the website. Each is done
# once. (Records stay where they are: "empty" means that every group's lag is 0.) In which order does nobody's order
# get overtaken?

# %% exercise-grow tags=["exercise"]
plan = ...     # the four steps in your order: ["add", "close", "empty", "open"]


check("04-grow", plan)

# %% close [markdown]
# ## What you take with you
#
# | | use it when | not when |
# |---|---|---|
# | **a key** | things must stay in order: a customer's orders | a handful of keys carry most of the load |
# | **more consumers** | there are partitions for them, or one shall stand by | each partition has its reader |
# | **more partitions** | before it fills, or while every group's lag is 0 | order matters and records still wait |
# | **cooperative rebalances** | members come and go | somebody in the group knows only the eager kind |
#
# **Five lines to keep**
# 1. A group shares out partitions, not records. More consumers than partitions are idle.
# 2. The key decides, not the queue. Order holds within a partition.
# 3. Another hash, or another number of partitions, and the same key is elsewhere.
# 4. A second group gets everything again, and has a lag of its own, counted from its commits.
# 5. When a member dies the group waits out the session timeout, then for its slowest member's next poll.
#
# **Self-test**
#
# <details><summary>Two groups of three consumers read a topic of three partitions. Who is idle?</summary>
# Nobody. Each group deals out all three partitions among its own [K85].</details>
# <details><summary>Six tills, four packers: is that better than three tills, three packers?</summary>
# Hardly. Two packers mind two tills each, and their queues decide.</details>
# <details><summary>A till is added, and its first orders are never packed. Which setting was forgotten?</summary>
# <code>auto_offset_reset="earliest"</code>. By itself a group begins a new partition at its end [K81].</details>
# <details><summary>Your lag graph is a saw. Do you need more consumers?</summary>
# Look at the lower tips. If they stay down, it is the rhythm of the commits [K99].</details>
#
# **Last exercise.** Answer the question at the top in three sentences. Ours is in `solution("04-words")`.
#
# **Read on:** Kafka on [consumer groups](https://kafka.apache.org/documentation/#intro_consumers); [why rebalances
# became
# cooperative](https://cwiki.apache.org/confluence/display/KAFKA/KIP-429%3A+Kafka+Consumer+Incremental+Rebalance+Protocol);
# librdkafka's [settings](https://github.com/confluentinc/librdkafka/blob/master/CONFIGURATION.md), `partitioner`
# among them.
#
# A good place to stop. Next:

# %% self-test-proof tags=["claim"]
six_tills = run(replace(four, "topics.orders.partitions", 6))
assert abs(longest_wait(six_tills) - longest_wait(run(shop))) < 2
forgotten = run(replace(grow, "groups.pack.auto_offset_reset", "latest"))
missed = forgotten.records[~forgotten.records.message.isin(forgotten.deliveries.message)]
assert len(missed) > 0 and set(missed.partition) == {3} and len(run(grow).deliveries) == 300

# %% routes
routes()
