"""Is a run forgotten when nobody refers to its trace any more?"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

from simlib.world.world import World


@contextmanager
def no_run_kept_alive() -> Iterator[None]:
    """Of the runs that are made within, nothing is left at the end."""
    before = _worlds()
    yield
    assert [world for world in _worlds() if all(world is not other for other in before)] == []


def _worlds() -> list[World]:
    gc.collect()
    return [thing for thing in gc.get_objects() if type(thing) is World]
