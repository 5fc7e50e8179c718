"""Kafka. Read it from the log outwards:

the rules, as state machines without a clock: `log`, `producer_state`, `partition_leader`, `controller`, `partitioner`,
`assignors`, `groups`; then those who give them time and a network: `broker` (with `follower_sessions`,
`replica_fetcher`, `coordination`), `controller_process`, and the clients: `client`, `producer`, `consumer`; and the
declared load of a scenario: `load`, `inputs`, `member`.
"""
