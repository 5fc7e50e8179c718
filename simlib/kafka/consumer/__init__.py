"""The consumer client: membership in a group, fetching, positions and commits."""
