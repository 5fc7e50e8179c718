"""What a run leaves behind. Views, laws and the course read a `Trace` and nothing of the execution."""

from simlib.trace.trace import Trace
from simlib.trace.trace_data import TraceData

__all__ = ["Trace", "TraceData"]
