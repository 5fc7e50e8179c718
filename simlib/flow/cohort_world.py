"""A folded run that goes from batch to batch and from poll to poll, and never looks at a record."""

from __future__ import annotations

import numpy as np

from simlib.flow.cohorts import Cohorts
from simlib.flow.evenly import Created, cycle, lanes
from simlib.flow.fed_outbox import FedOutbox
from simlib.flow.folded_world import FoldedWorld
from simlib.scenario.folds import BATCHES
from simlib.scenario.loads import key_names
from simlib.scenario.settings import resolve_consumer, resolve_producer
from simlib.scenario.size import expected_batches, expected_records
from simlib.scenario.topology import Producer


class CohortOutbox(FedOutbox):
    """All its records are there from the beginning, for they are reckoned when they are asked for."""

    upto = staticmethod(Created.upto)


class CohortWorld(FoldedWorld):
    """As `FoldedWorld`; what is fed, counted and forgotten is batches and polls."""

    folding_type = Cohorts
    folded = BATCHES

    def expected_rows(self) -> float:
        """Batches and polls."""
        scenario = self.scenario
        rows = sum(expected_batches(producer, scenario) for producer in scenario.producers)
        for group in scenario.groups:
            most = resolve_consumer(scenario.client, group.overrides()).max_poll_records
            rows += sum(expected_records(producer, scenario.duration) / most + expected_batches(producer, scenario)
                        for producer in scenario.producers if producer.topic in group.topics)
        return rows

    def _fill(self) -> None:
        """Nobody has to be fed later."""
        self.loads, self.ahead = [], 0
        for producer in self.scenario.producers:
            self._start(producer)

    def _start(self, producer: Producer) -> None:
        scenario, tps = self.scenario, self.tps[producer.topic]
        settings = resolve_producer(scenario.client, producer.overrides())
        where = cycle(producer, settings, len(tps), scenario.seed)
        assert where is not None  # the rest is refused
        codes = np.asarray(self.recorder.key_codes(key_names(producer.keys)))
        for partition, columns in lanes(producer, where, codes, scenario.seed, scenario.duration):
            outbox = CohortOutbox(tps[partition], self.rank[producer.name], settings, scenario.client,
                                  producer.value_bytes)
            outbox.created, outbox.numbers, outbox.keys = columns
            self.outboxes.append(outbox)
            self.leaders[self.leader_of[outbox.tp]].start(outbox)
