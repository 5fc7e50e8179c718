"""kafka-python's errors under the names that services know."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from simlib.services import errors

BY_NAME = {each.__name__: each for each in vars(errors).values()
           if isinstance(each, type) and issubclass(each, errors.KafkaError)}
BY_NAME["RequestTimedOutError"] = errors.KafkaTimeoutError
"""The brokers' own word for it."""


@contextmanager
def as_ours() -> Iterator[None]:
    """What kafka-python raises inside becomes the error of the same name from `simlib.services.errors`."""
    import kafka.errors

    try:
        yield
    except kafka.errors.KafkaError as error:
        raise ours(error) from error


def ours(error: BaseException) -> BaseException:
    """The same error under our name; a KafkaError where we have none for it."""
    name = type(error).__name__
    return BY_NAME.get(name, errors.KafkaError)(f"{name}: {error}" if name not in BY_NAME else str(error))
