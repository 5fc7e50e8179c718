"""Each life of a process has a copy of its service's code."""

import pickle

from simlib.services.packing import Packed


def made():
    seen = []

    async def main(app):
        seen.append(app)
        return seen

    return main


def test_copies_share_compiled_code_and_nothing_that_can_change():
    packed = Packed(made())
    one, other = packed.copy(), packed.copy()
    assert one.__code__ is other.__code__
    assert one.__globals__ is not other.__globals__
    assert one.__closure__[0].cell_contents is not other.__closure__[0].cell_contents


def test_packed_code_can_be_sent_to_another_process():
    packed = Packed(made())
    sent = pickle.loads(pickle.dumps(packed))
    assert sent.copy().__code__ == packed.copy().__code__
    assert pickle.loads(sent.whole).__code__ == packed.copy().__code__
