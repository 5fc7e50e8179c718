"""SQLite inside a simulated world: its time is virtual, its random numbers come from the seed, nothing is shared."""
