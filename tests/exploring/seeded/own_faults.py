"""Scenarios that bring a fault of their own (`keep_faults`), and faults of the brokers on top."""

from __future__ import annotations

from seeded.business import done, written
from seeded.case import CALM, Flaw, Sound, orders, reader, shop
from seeded.offsets import charge_then_commit, no_work_is_repeated_after_its_commit
from simlib import AddPartitions, NetworkCut, Scenario, Service, Shutdown, Topic, laws, replace

KEPT = {"keep_faults": True}
NAMES = ["order-1", "order-2", "order-3"]


# -- the leader is cut off from its followers when it is asked to write

async def ask_the_leader_alone(app):
    """The first record still leaves with an answer that its followers were waiting for; the others do not."""
    producer = app.producer(acks=1)
    for name in NAMES:
        await producer.send_and_wait("invoices", {"order": name})


async def ask_everybody(app):
    producer = app.producer(acks="all")
    for name in NAMES:
        await producer.send_and_wait("invoices", {"order": name})


def all_are_written(trace):
    return {value["order"] for value in written(trace, "invoices")} == set(NAMES)


def cut_off(main):
    leader, followers = "broker-0", ("broker-1", "broker-2")
    return Scenario(topics=[Topic("invoices", replication_factor=3)], services=[Service("shop", main)],
                    faults=[NetworkCut(leader, followers, at=0, duration=3)])


# -- the topic grows between two orders of one customer

async def sell_slowly(app):
    """All orders have one key; before the third one, that key's partition becomes another one."""
    producer = app.producer(metadata_max_age_ms=1_100)
    for name in NAMES:
        await app.sleep(10)
        await producer.send_and_wait("invoices", {"order": name}, key="customer-2")


async def print_slowly(app):
    consumer = reader(app, "invoices", metadata_max_age_ms=1_100)
    async for invoice in consumer:
        await app.sleep({"order-1": 30, "order-2": 10, "order-3": 1}[invoice.value["order"]])
        await app.effect("print", invoice.value["order"])
        await consumer.commit()


def printed_in_order(trace):
    first = list(dict.fromkeys(done(trace, "print")))
    return first == sorted(first)


def growing(*faults):
    return Scenario(topics=[Topic("invoices")], faults=faults, brokers=1,
                    services=[Service("shop", sell_slowly), Service("printer", print_slowly, instances=2)])


# -- one of two instances leaves in good order: its offsets are the group's

def leaving():
    whole = shop(Service("billing", charge_then_commit, instances=2), inputs=orders(2, at=10, apart=20))
    return replace(whole, "faults", [Shutdown("billing-0", at=20)])


FLAWS = [
    Flaw("the leader's word alone", cut_off(ask_the_leader_alone), all_are_written,
         "kill-after-ack:shop-0.0/send#2", records=0, options={"only": "broker", **KEPT}),
    Flaw("the topic grows", growing(AddPartitions("invoices", at=25, to=4)), printed_in_order, CALM, records=0,
         options=KEPT),
]

SOUND = [
    Sound("everybody's word", cut_off(ask_everybody), all_are_written, options={"only": "broker", **KEPT}),
    Sound("the topic stays as it is", growing(), printed_in_order),
    Sound("offsets are the group's", leaving(), [laws.at_least_once("charge"), no_work_is_repeated_after_its_commit],
          options={"only": ("crash", "lost request", "lost reply"), **KEPT}),
]
