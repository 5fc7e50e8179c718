"""Services that copy orders to invoices: in transactions, and in other ways."""

from simlib import Scenario, Service, Topic

READS = {"group_id": "copy", "enable_auto_commit": False, "auto_offset_reset": "earliest",
         "isolation_level": "read_committed"}


def after(order):
    """The offset to commit."""
    return {(order.topic, order.partition): order.offset + 1}


def invoice(order):
    """Topic, value and key of what is sent."""
    return "invoices", order.value, order.key


async def begun(app):
    """A producer that may begin transactions, and the consumer of the orders."""
    producer = app.producer(transactional_id=app.name)
    await producer.init_transactions()
    return producer, app.consumer("orders", **READS)


async def in_transactions(app):
    """Exactly once, from topic to topic."""
    producer, consumer = await begun(app)
    async for order in consumer:
        async with producer.transaction():
            await producer.send(*invoice(order))
            await producer.send_offsets_to_transaction(after(order), consumer.group_metadata())


async def says_who_it_is(app):
    """The same, and nothing is committed by a consumer that is in no group any more."""
    producer, consumer = await begun(app)
    async for order in consumer:
        async with producer.transaction():
            await producer.send(*invoice(order))
            member = consumer.group_metadata()
            if member.generation_id < 0:
                raise RuntimeError("thrown out of the group")
            await producer.send_offsets_to_transaction(after(order), member)


async def by_the_new_protocol(app):
    """The same as `in_transactions`, in a group of KIP-848: a member always says who it is."""
    producer = app.producer(transactional_id=app.name)
    await producer.init_transactions()
    consumer = app.consumer("orders", **READS, group_protocol="consumer")
    async for order in consumer:
        async with producer.transaction():
            await producer.send("invoices", order.value, key=order.key)
            await producer.send_offsets_to_transaction(after(order), consumer.group_metadata())


async def names_the_group_only(app):
    producer, consumer = await begun(app)
    async for order in consumer:
        async with producer.transaction():
            await producer.send(*invoice(order))
            await producer.send_offsets_to_transaction(after(order), "copy")


async def commits_beside_the_transaction(app):
    producer, consumer = await begun(app)
    async for order in consumer:
        async with producer.transaction():
            await producer.send(*invoice(order))
        await consumer.commit()


async def without(app):
    producer, consumer = app.producer(), app.consumer("orders", **READS)
    async for order in consumer:
        await producer.send_and_wait(*invoice(order))
        await consumer.commit()


def copying(main, orders=3, instances=1, **more):
    """Orders 0, 1, ... of one partition, and a service that copies them to a topic of two."""
    inputs = {"orders": [{"key": f"k{n % 2}", "value": n} for n in range(orders)]}
    return Scenario(topics=[Topic("orders"), Topic("invoices", partitions=2)], inputs=inputs,
                    services=[Service("copy", main, instances=instances)], **more)
