"""Pictures and controls. They read a trace and nothing of the execution; matplotlib is imported when one is drawn."""

from simlib.views.picture import Picture
from simlib.views.plots import Plots

__all__ = ["Picture", "Plots"]
