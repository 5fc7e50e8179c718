"""A second opinion: random walks break what `explore` breaks, and nothing that it clears."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
import random_walk
from random_walk import first_broken, walks
from seeded import FLAWS, SOUND

WITHIN = 600
"""Walks after which a flaw must have shown; the hardest to find takes two particular faults."""

WITHOUT = 40
"""Walks that a sound scenario must survive."""


def kinds(case):
    only = case.options.get("only")
    return (only,) if isinstance(only, str) else only


@pytest.mark.slow
@pytest.mark.parametrize("flaw", [flaw for flaw in FLAWS if not flaw.beyond], ids=str)
def test_a_walk_finds_the_flaw(flaw):
    walk = first_broken(flaw.scenario, flaw.law, WITHIN, kinds(flaw))
    assert walk is not None, f"{WITHIN} walks, and none broke what {flaw.known} breaks"


@pytest.mark.slow
@pytest.mark.parametrize("sound", SOUND, ids=str)
def test_no_walk_breaks_what_is_sound(sound):
    walk = first_broken(sound.scenario, sound.law, WITHOUT, kinds(sound))
    assert walk is None, f"{walk.faults}: {walk.says}"


def test_the_same_seed_takes_the_same_walks():
    case = SOUND[0]
    assert list(walks(case.scenario, case.law, 12)) == list(walks(case.scenario, case.law, 12))
    assert list(walks(case.scenario, case.law, 12)) != list(walks(case.scenario, case.law, 12, seed=1))


def test_it_shares_no_code_with_the_explorer():
    tree = ast.parse(Path(random_walk.__file__).read_text(encoding="utf-8"))
    imports = [node for node in ast.walk(tree) if isinstance(node, (ast.Import, ast.ImportFrom))]
    modules = {getattr(node, "module", None) or name.name for node in imports for name in node.names}
    names = {name.name for node in imports for name in node.names}
    assert modules <= {"__future__", "inspect", "collections.abc", "dataclasses", "math", "random", "typing", "simlib"}
    assert "explore" not in names and "exploring" not in names
