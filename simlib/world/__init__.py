"""Virtual time: an agenda, processes that die, links, faults. The only place that knows SimPy."""
