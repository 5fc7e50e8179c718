"""The lessons of the course, the ways through them, and which of them exist."""

from dataclasses import dataclass

from simlib.course.exercises import lessons as written


@dataclass(frozen=True)
class Lesson:
    """A lesson's number, file name, minutes and opening question."""

    number: str
    name: str
    minutes: int
    question: str


LESSONS = (
    Lesson("00", "start_here", 20, "What happens if I kill a consumer?"),
    Lesson("01", "sync_and_async", 60, "Why does one slow service stop the whole shop?"),
    Lesson("02", "event_bus", 45, "Who should know about an order?"),
    Lesson("03", "notification_or_state", 50, "What belongs in an event?"),
    Lesson("04", "partitions_keys_groups", 75, "Why is one consumer idle?"),
    Lesson("05", "delivery_and_duplicates", 90, "Was my order charged twice?"),
    Lesson("06", "idempotent_consumer", 60, "Can twice equal once?"),
    Lesson("07", "outbox", 60, "Saved but never announced: how?"),
    Lesson("08", "saga", 75, "How do I undo a payment?"),
    Lesson("09", "event_sourcing", 75, "Can we know last Tuesday's balance?"),
    Lesson("10", "cqrs_and_consistency", 60, "I saved it, where is it?"),
    Lesson("11", "kafka_or_rabbitmq", 75, "Log or queue?"),
    Lesson("12", "retries_and_dead_letters", 60, "One bad record, ten thousand waiting"),
    Lesson("13", "tracing", 45, "Where did order 17 go?"),
    Lesson("14", "schema_evolution", 60, "May I rename this field?"),
    Lesson("15", "capacity_and_backpressure", 90, "How many consumers do I need?"),
    Lesson("16", "real_kafka", 75, "Is the simulator honest?"),
    Lesson("17", "capstone", 90, "Move a monolith's checkout to events"),
)

ROUTES = {
    "40 minutes": ("00", "05A"),
    '"charged twice"': ("00", "05", "06", "07"),
    "half a day": ("00", "04A", "05A", "06A", "16A"),
    "one day": ("00", "01", "04", "05A", "06", "07", "10"),
    "everything": tuple(lesson.number for lesson in LESSONS),
}


def routes() -> None:
    """Print the ways through the course; a star marks a lesson that is not written yet."""
    width = max(map(len, ROUTES))
    for name, stops in ROUTES.items():
        print(f"{name:<{width}}  {' '.join(map(_marked, stops))}")
    if any("*" in _marked(stop) for stop in ROUTES["everything"]):
        print(f"\n* not written yet. Here today: {', '.join(written())}.")


def _marked(stop: str) -> str:
    return stop if stop[:2] in written() else f"{stop}*"
