"""Python's cyclic garbage collector, kept from interrupting a run.

Left alone it looks again and again through everything the program has loaded (in a notebook pandas and matplotlib: a
tenth of a second each time), set off by requests that are under way and will be gone in a moment without its help.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

OFTEN_ENOUGH = 50
"""Times a run is looked at between two looks at what it has left behind."""


@contextmanager
def automatic_collection_off() -> Iterator[None]:
    """Switch the collector off, and on again afterwards if it was on."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def collect_recent(looks: int) -> None:
    """Now and then, and among recent objects only: a service's own code may make cycles without end."""
    if looks % OFTEN_ENOUGH == 0:
        gc.collect(1)
