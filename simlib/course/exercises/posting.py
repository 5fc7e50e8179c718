"""Lesson 02 B: the mail leaves the shop's process, and no death forgets it."""

from functools import partial
from typing import Any

from simlib import Crash, Service, explore, run
from simlib.course.exercise import Exercise, Verdict, Wrong
from simlib.course.exercises.final_tables import nothing_forgotten
from simlib.course.exercises.refusals import no, refused
from simlib.course.exercises.web_shop import (
    COUNT,
    THANKS,
    TOO_LONG,
    done,
    longest_wait,
    rows,
    town,
)
from simlib.course.trace_words import is_order, own_exception, skipped_at_first

ORDERS = "CREATE TABLE orders (order_id TEXT PRIMARY KEY);"
KAFKA_AWAY = (Crash("broker-0", at=0.5, restart_after=20), Crash("shop-0", at=5, restart_after=1))


def judge_mail(place: Any, post: Any) -> Verdict:
    """Calmly, then every death and lost message; then Kafka is away for twenty seconds, and the shop dies meanwhile."""
    scenario = _scenario(place, post)
    if refusal := _not_even_calmly(run(scenario)):
        return refusal
    result = explore(scenario, nothing_forgotten(_anomaly), progress=False)
    if found := result.counterexample:
        return refused("02-mail", _idea(found.trace), found)
    away = run(_scenario(place, post, faults=KAFKA_AWAY, brokers=1))
    if wrong := _anomaly(away):
        return no("02-mail", f"It survives all {result.tried} accidents of its own. Now Kafka is away for twenty "
                             f"seconds, and the shop is restarted meanwhile: {wrong}. You thank before Kafka has it.")
    text = f"{result.tried} accidents, and a broker that is away: whoever is thanked gets a mail."
    return Verdict(True, f"02-mail: yes. {text}")


def _scenario(place: Any, post: Any, **more: Any) -> Any:
    async def main(app: Any) -> None:
        producer = app.producer()
        await app.serve(partial(place, app, producer))

    return town(main, ORDERS, Service("post", post), **more)


def _not_even_calmly(calm: Any) -> Verdict | None:
    if error := own_exception(calm):
        return no("02-mail", f"Nobody is killed, and your code stops. {error}.")
    if refusal := _not_thanked(calm):
        return refusal
    if "shop-0" in set(calm.effects.process[calm.effects.name == "mail"]):
        return no("02-mail", "The shop still mails. A slow mail server is then a slow shop: let post do it.")
    if skipped := skipped_at_first(calm):
        return no("02-mail", skipped)
    missing = done(calm, THANKS) - done(calm, "mail")
    if missing and not (calm.records.copies > 0).any():
        return no("02-mail", 'Nobody is killed, and the topic "orders" is empty: post has nothing to read.')
    if missing:
        return no("02-mail", f"Nobody is killed, and {len(missing)} of {COUNT} customers get no mail.")
    return None


def _not_thanked(calm: Any) -> Verdict | None:
    raised = calm.calls[calm.calls.outcome == "raised"]
    if len(raised):
        return no("02-mail", f"Nobody is killed, and place raises. {raised.iloc[0].answer}.")
    if len(done(calm, THANKS)) < COUNT or len(rows(calm, "orders")) < COUNT:
        return no("02-mail", f"Each customer should read {THANKS!r}, and each order stand in the table. "
                             f"{len(done(calm, THANKS))} are thanked, {len(rows(calm, 'orders'))} are saved.")
    if longest_wait(calm) > TOO_LONG:
        return no("02-mail", f"A customer waits {longest_wait(calm):.1f} seconds for the thank-you.")
    return None


def _anomaly(trace: Any) -> str:
    """What went wrong, as half a sentence."""
    mailed = done(trace, "mail")
    if unheard := sorted(done(trace, THANKS) - mailed):
        return f"the customer of {unheard[0]} is thanked, and never gets the mail"
    if invented := sorted(mailed - rows(trace, "orders")):
        return f"a mail tells of {invented[0]}, and there is no such order in the table"
    return ""


def _idea(trace: Any) -> str:
    """What the learner had in mind, from what is missing and what Kafka has."""
    there = trace.records[trace.records.copies > 0]
    pinned = {*there.key, *(value["order_id"] for value in there.value if is_order(value))}
    unheard = done(trace, THANKS) - done(trace, "mail")
    if not unheard:
        return "You pin the order before it is saved: a death in between, and all hear of what does not exist."
    if unheard <= pinned:
        return "You tick off, then you mail. Killed in between, post goes on behind that order."
    return "You thank before Kafka has it."


PLACE = '''
async def place(app, producer, order):
    await app.database.execute("INSERT INTO orders VALUES (?)", [order["order_id"]])
    await producer.send_and_wait("orders", order, key=order["order_id"])
    return "thank you"
'''
POST = '''

async def post(app):
    consumer = app.consumer("orders", group_id="post", enable_auto_commit=False,
                            auto_offset_reset="earliest")
    async for order in consumer:
        # mail
        await app.effect("mail", order.key)
        # commit
        await consumer.commit()
'''
SAVE = '    await app.database.execute("INSERT INTO orders VALUES (?)", [order["order_id"]])\n'
SEND = '    await producer.send_and_wait("orders", order, key=order["order_id"])\n'
TELL = '        # mail\n        await app.effect("mail", order.key)\n'
COMMIT = "        # commit\n        await consumer.commit()\n"

MAIL = Exercise(
    id="02-mail",
    starter='''
async def place(app, producer, order):
    await app.database.execute("INSERT INTO orders VALUES (?)", [order["order_id"]])
    ...     # pin the order to the topic "orders"; the key is its order_id
    return "thank you"


async def post(app):
    ...     # read "orders" as group "post"; await app.effect("mail", order_id)
''',
    call='check("02-mail", place, post)',
    hints=(
        "When may you say thank you, and when may you tick off? Each time: not before somebody else has it.",
        "await producer.send_and_wait(topic, order, key=...); and a loop as in lesson 00: earliest, mail, then commit.",
    ),
    solution=PLACE + POST,
    remark="A mail may now come twice (lesson 06). And killed between save and pin, an order is saved that nobody "
           "hears of: its customer was never thanked, but it stands in the table (lesson 07).",
    judge=judge_mail,
    wrong=(
        Wrong("send, do not wait", PLACE.replace("send_and_wait", "send") + POST, "You thank before Kafka has it"),
        Wrong("tick off first", PLACE + POST.replace(TELL + COMMIT, COMMIT + TELL), "You tick off, then you mail"),
        Wrong("pin first", PLACE.replace(SAVE + SEND, SEND + SAVE) + POST, "You pin the order before it is saved"),
        Wrong("earliest forgotten", PLACE + POST.replace('auto_offset_reset="earliest"', 'auto_offset_reset="latest"'),
              "begins behind what is there"),
        Wrong("mail it at once", PLACE.replace(SEND, '    await app.effect("mail", order["order_id"])\n')
              + "\n\nasync def post(app):\n    await app.sleep(1)\n", "The shop still mails"),
        Wrong("nothing to read", PLACE.replace(SEND, "") + POST, "has nothing to read"),
    ),
)

