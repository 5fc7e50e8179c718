"""A transaction coordinator on the bench: a clock moved by hand, a log that replicates when told to."""

from types import SimpleNamespace

from simlib.kafka.transactions.coordinator import TransactionCoordinator
from simlib.kafka.transactions.effects import Answer, Append
from simlib.kafka.transactions.messages import AddPartitions, EndTxn, InitProducerId
from simlib.units import SECOND

SETTINGS = SimpleNamespace(transaction_max_timeout_ms=900_000,
                           transaction_abort_timed_out_transaction_cleanup_interval_ms=10_000)


class Bench:
    """One coordinator. Markers are collected in `marks`; times in seconds."""

    def __init__(self, log=()):
        self.coordinator = TransactionCoordinator(SETTINGS)
        self.now, self.tokens = 0, 0
        self.log, self.waiting, self.marks, self.answers = list(log), [], [], {}
        self.replicates = True
        self.carry_out(self.coordinator.load(0, self.log))

    def carry_out(self, effects):
        for effect in effects:
            if isinstance(effect, Answer):
                self.answers[effect.reply] = effect.response
            elif isinstance(effect, Append):
                self.waiting.append(effect)
            else:
                self.marks.append(effect.transaction)
        if self.replicates:
            self.replicate()

    def replicate(self):
        """What was appended is on all replicas now."""
        while self.waiting:
            effect = self.waiting.pop(0)
            self.log.append(effect.record)
            if effect.answer is not None:
                self.answers[effect.answer.reply] = effect.answer.response
            self.carry_out(self.coordinator.replicated(self.now * SECOND, effect.record))

    def ask(self, request):
        self.tokens += 1
        self.carry_out(self.coordinator.handle(self.now * SECOND, self.tokens, request))
        return self.answers.get(self.tokens)

    def wait(self, seconds):
        """Let time pass, every deadline at its instant."""
        end = self.now + seconds
        while (due := self.coordinator.deadline()) is not None and due <= end * SECOND:
            self.now = due / SECOND
            self.carry_out(self.coordinator.expire(due))
        self.now = end

    def mark_all(self):
        """Every partition has written every marker it was sent."""
        marks, self.marks = self.marks, []
        for transaction in marks:
            for tp in transaction.partitions:
                self.carry_out(self.coordinator.marked(self.now * SECOND, transaction, tp))

    # -- what producers ask

    def init(self, name="copy", bumps=False, expected=None, timeout_ms=60_000):
        return self.ask(InitProducerId(name, timeout_ms, 7, bumps, "copy-0", expected))

    def add(self, epoch, *partitions, name="copy", verify_only=False):
        return self.ask(AddPartitions(name, 7, epoch, partitions, verify_only))

    def end(self, epoch, committed=True, name="copy", bumps=False):
        return self.ask(EndTxn(name, 7, epoch, committed, bumps))
