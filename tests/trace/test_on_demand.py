"""The tables of explored runs: made when a law asks, once, and sent to other processes as what they are."""

import pickle

from simlib.trace.on_demand import TablesOnDemand
from simlib.trace.trace_data import TraceData


def test_a_table_is_made_when_it_is_first_asked_for_and_only_then():
    made = []

    def commits():
        made.append("commits")
        return {"time": [1], "offset": [7]}

    data = TraceData(TablesOnDemand({"commits": commits, "events": lambda: made.append("events") or {}}), {})
    assert made == []
    assert data.column("commits", "offset").tolist() == [7] and data.rows("commits") == 1
    assert made == ["commits"]


def test_another_process_gets_the_tables_and_not_their_makers():
    tables = pickle.loads(pickle.dumps(TablesOnDemand({"commits": lambda: {"offset": [7]}})))
    assert tables == {"commits": {"offset": [7]}} and type(tables) is dict
