"""`explore`: try every moment at which a service can die, answer with the shortest story that breaks the rule."""

from simlib.exploring.explore import explore
from simlib.exploring.judging import LawRaised
from simlib.exploring.purity import NotReproducible
from simlib.exploring.result import Counterexample, Result

__all__ = ["Counterexample", "LawRaised", "NotReproducible", "Result", "explore"]
