"""A coordinator on the bench: a clock moved by hand, a log that replicates at once or when told to."""

from types import SimpleNamespace

from simlib.kafka.groups import (
    Answer,
    Append,
    GroupCoordinator,
    Note,
    OffsetFetch,
    State,
)
from simlib.units import MS

DEFAULTS = {
    "group_initial_rebalance_delay_ms": 3000,
    "group_min_session_timeout_ms": 6000,
    "group_max_session_timeout_ms": 1800000,
    "offsets_retention_minutes": 10080,
    "group_consumer_session_timeout_ms": 45000,
    "group_consumer_assignors": ("uniform", "range"),
    "group_share_session_timeout_ms": 45000,
}


class Bench:
    """One coordinator of one group, `billing`. `answers` maps a reply token to its answer; times in ms."""

    def __init__(self, **settings):
        self.settings = SimpleNamespace(**{**DEFAULTS, **settings})
        self.partitions = {"t": 6, "u": 2}
        self.coordinator = GroupCoordinator(self.settings, self.count)
        self.now = 0
        self.log, self.waiting, self.replicated = [], [], 0
        self.replicates = True
        self.answers, self.notes, self.tokens = {}, [], 0
        self.carry_out(self.coordinator.load(0, []))

    def count(self, topic):
        return self.partitions.get(topic, 0)

    @property
    def group(self):
        return self.coordinator.groups["billing"]

    def send(self, request):
        """Give the coordinator a request; returns the token its answer will be found under."""
        self.tokens += 1
        self.carry_out(self.coordinator.handle(self.now * MS, self.tokens, request))
        return self.tokens

    def ask(self, request):
        """The answer to a request that is answered at once."""
        return self.answers[self.send(request)]

    def carry_out(self, effects):
        """As the actor does: nothing is answered before everything appended earlier is replicated."""
        for effect in effects:
            if isinstance(effect, Append):
                self.log.append(effect.record)
                self.waiting += [(len(self.log), answer) for answer in effect.answers]
            elif isinstance(effect, Answer):
                self.waiting.append((len(self.log), effect))
            else:
                self.notes.append(effect)
        if self.replicates:
            self.replicate(len(self.log))

    def replicate(self, upto):
        """Let the first `upto` records be replicated and send what waited for them."""
        self.replicated = max(self.replicated, upto)
        for needed, answer in self.waiting:
            if needed <= self.replicated:
                assert answer.reply not in self.answers, "answered twice"
                self.answers[answer.reply] = answer.response
        self.waiting = [(needed, answer) for needed, answer in self.waiting if needed > self.replicated]

    def advance(self, ms):
        """Let time pass, every deadline at its instant."""
        end = self.now + ms
        while (when := self.coordinator.deadline()) is not None and when <= end * MS:
            assert when % MS == 0
            self.now = when // MS
            self.carry_out(self.coordinator.expire(when))
        self.now = end

    def fail_over(self):
        """The coordinator is gone, another one reads the replicated part of the log; returns what was answered last."""
        before = set(self.answers)
        del self.log[self.replicated :]
        self.answers |= {answer.reply: type(answer.response)("DISCONNECTED") for _, answer in self.waiting}
        self.waiting, self.replicates = [], True
        self.carry_out(self.coordinator.unload())
        self.coordinator = GroupCoordinator(self.settings, self.count)
        self.carry_out(self.coordinator.load(self.now * MS, self.log))
        return {token: answer for token, answer in self.answers.items() if token not in before}

    def kinds(self, *wanted):
        return [(note.kind, note.member) for note in self.notes if isinstance(note, Note) and note.kind in wanted]

    def fetch(self, *partitions):
        return dict(self.ask(OffsetFetch("billing", partitions)).offsets)

    def stable(self, *clients):
        """Bring `clients` together into one stable generation."""
        for client in clients:
            client.join()
        self.advance(600_000 if self.group.further_wait is None else 3000 * (len(clients) + 1))
        for client in clients:
            client.sync()
        assert self.group.state is State.STABLE
