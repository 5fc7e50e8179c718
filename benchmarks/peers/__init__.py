"""Other ways to simulate the same pipeline, to compare with; they run in an environment of their own."""
