"""How fast, how small, how quick to start: ratios and CPU seconds, measured in one go by `python lab.py bench`."""
