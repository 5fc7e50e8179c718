"""Small scenarios around one service, and what it left in the outside world."""

import textwrap

from simlib import Scenario, Service, Topic, run


def alone(main, *, faults=(), orders=0, duration=200.0, restart_after=1.0, instances=1, **more):
    """A scenario with one service, `billing`, one topic `orders` and that many orders in it from the start."""
    inputs = {"orders": [{"key": f"c-{n % 3}", "value": n} for n in range(orders)]} if orders else {}
    service = Service("billing", main, instances=instances, restart_after=restart_after)
    return Scenario(topics=[Topic("orders")], services=[service], inputs=inputs, faults=faults, duration=duration,
                    **more)


def run_alone(main, **more):
    return run(alone(main, **more))


def done(trace, name=None):
    """Keys of the effects (of one name), in order of time."""
    effects = trace.effects
    return list(effects.key if name is None else effects[effects.name == name].key)


def times(trace, name):
    return [round(time, 6) for time in trace.effects[trace.effects.name == name].time]


def control(trace, kind):
    """The control events of one kind."""
    return trace.control[trace.control.kind == kind]


def from_a_notebook(source, name="main"):
    """A function as a notebook cell or a script defines it: it lives in `__main__`, with its own globals."""
    cell = {"__name__": "__main__"}
    exec(textwrap.dedent(source), cell)
    return cell[name]
