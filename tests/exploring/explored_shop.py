"""A small shop whose services the tests explore."""

from simlib import Scenario, Service, Topic

CONSUMER = {"group_id": "billing", "enable_auto_commit": False, "auto_offset_reset": "earliest"}


async def billing(app):
    consumer = app.consumer("orders", **CONSUMER)
    async for order in consumer:
        await app.effect("charge", order.value)
        await consumer.commit()


async def commits_first(app):
    consumer = app.consumer("orders", **CONSUMER)
    async for order in consumer:
        await consumer.commit()
        await app.effect("charge", order.value)


async def check_then_act(app):
    consumer = app.consumer("orders", **CONSUMER)
    await app.database.execute("CREATE TABLE IF NOT EXISTS done (id PRIMARY KEY)")
    async for order in consumer:
        if not await app.database.execute("SELECT 1 FROM done WHERE id = ?", (order.value,)):
            await app.effect("charge", order.value)
            await app.database.execute("INSERT OR IGNORE INTO done VALUES (?)", (order.value,))
        await consumer.commit()


def shop(main, orders=3, instances=1, partitions=1, **more):
    """Orders 0, 1, ... all for one partition, and one service that reads them."""
    inputs = {"orders": [{"key": "one", "value": number} for number in range(orders)]}
    return Scenario(topics=[Topic("orders", partitions=partitions)], inputs=inputs,
                    services=[Service("billing", main, instances=instances)], **more)
