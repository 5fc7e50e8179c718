"""Kafka. Read it from the log outwards:

the rules, as state machines without a clock: `log`, `log_transactions`, `producer_state`, `partition_leader`,
`controller`, `partitioner`, `assignors`, `groups`, `transactions`, `shares.partition`, `shares.states`; then those who
give them time and a network: `broker` (with `leading`, `follower_sessions`, `replica_fetcher`, `coordination`,
`transaction_log`, `transactional_writes`, `shares.serving`), `controller_process`, and the clients: `client`,
`producer`, `consumer`, `share_consumer`; and the declared load of a scenario: `load`, `load_transactions`, `inputs`,
`member`, `share_member`.
"""
