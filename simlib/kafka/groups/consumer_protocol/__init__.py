"""The consumer group protocol (KIP-848, `group_protocol="consumer"`): the coordinator assigns, members reconcile.

One request does it all, ConsumerGroupHeartbeat. Nobody waits for anybody: a partition moves by itself, as soon as the
member that has it has said that it gave it up.
"""
