"""The flow engine: time passes event by event for groups and faults alone; records are columns.

`run(scenario, engine="flow")`. The meaning is that of the readable engine in `simlib.kafka`, whose clients'
membership, commits and coordinator run here as they are; only what happens to every record is computed otherwise.
"""
