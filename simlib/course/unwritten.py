"""What a learner has not written yet: nothing but `...`, or `...` left here and there."""

import ast
import inspect
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from dis import get_instructions
from textwrap import dedent
from types import CodeType, FunctionType
from typing import Any


def unwritten(answer: Any) -> bool:
    """True for `...` and for a function that has nothing in its body yet."""
    if isinstance(answer, FunctionType):
        return _is_blank(answer.__code__)
    return answer is ...


def what_is_missing(answers: tuple[Any, ...], blanks: Mapping[str, Any]) -> list[str]:
    """What is to be written before this can be judged, as half sentences."""
    missing = [f"write {_name(answer)}" for answer in answers if unwritten(answer)]
    missing += [f"fill in {name}" for name, value in blanks.items() if unwritten(value)]
    return missing


def what_is_left(answers: tuple[Any, ...], blanks: Mapping[str, Any]) -> list[str]:
    """Where something begun still has `...` in it, as half sentences."""
    given = [*((_name(answer), answer) for answer in answers), *blanks.items()]
    return [left for name, value in given for left in _left(name, value)]


def _left(name: str, value: Any) -> list[str]:
    if isinstance(value, FunctionType):
        return [f"line {line} of {name} still has ..." for line in _lines_with_dots(value)]
    return [f"{name} still has ..."] if _has_dots(value) else []


def _lines_with_dots(function: FunctionType) -> list[int | str]:
    try:
        tree = ast.parse(dedent(inspect.getsource(function)))
    except (OSError, TypeError, SyntaxError):       # typed where nobody keeps the text
        return ["one"] if ... in function.__code__.co_consts else []
    shapes = {id(index) for node in ast.walk(tree) if isinstance(node, ast.Subscript) for index in ast.walk(node.slice)}
    dots = [node for node in ast.walk(tree) if isinstance(node, ast.Constant) and node.value is ...]
    return sorted({node.lineno for node in dots if id(node) not in shapes})     # an array's a[..., 0] is no gap


def _has_dots(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(map(_has_dots, value.values()))
    if isinstance(value, list | tuple | set):
        return any(map(_has_dots, value))
    if is_dataclass(value) and not isinstance(value, type):
        return any(getattr(value, field.name, None) is ... for field in fields(value))
    return value is ...


def _name(answer: Any) -> str:
    return getattr(answer, "__name__", "your answer")


async def _blank_async() -> None: ...


def _blank() -> None: ...


def _steps(code: CodeType) -> list[tuple[str, Any]]:
    return [(step.opname, step.argval) for step in get_instructions(code)]


def _is_blank(code: CodeType) -> bool:
    """Nothing but `...`, `pass` or words in its body."""
    return _steps(code) in (_steps(_blank_async.__code__), _steps(_blank.__code__))
