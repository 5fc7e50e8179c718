"""What a service's code says about calls - whom, how many workers - as far as it can be read without running it.

Read is the source of `main` and of the functions it mentions. What is made up while it runs (a name from a list, a
lambda handed in, code without a source) is not seen here; then the call itself is refused.
"""

from __future__ import annotations

import ast
import inspect
import sys
import textwrap
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache, partial
from types import CodeType, FunctionType, ModuleType
from typing import Any, NamedTuple

UNKNOWN: Any = object()
"""A value that is only known when the code runs."""

METHODS = ("call", "serve")

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


class CallInCode(NamedTuple):
    """`app.call(service, ..., timeout=)` and its line in the file."""

    service: str
    timeout: Any
    line: int


class ServeInCode(NamedTuple):
    """`app.serve(handler, workers=, queue=)`, its line, and the services that the handler calls."""

    workers: Any
    queue: Any
    line: int
    asks: tuple[str, ...]


class Code(NamedTuple):
    """All that could be read."""

    calls: tuple[CallInCode, ...]
    serves: tuple[ServeInCode, ...]


def read(main: Callable[..., Any]) -> Code:
    """What `main`, and the functions that it mentions, say about calls."""
    parts = [part for function in _reachable(_function(main)) if (part := _part(function))]
    calls = tuple(dict.fromkeys(call for part in parts for call in part.calls()))
    everywhere = tuple(dict.fromkeys(call.service for call in calls))
    return Code(calls, tuple(serve for part in parts for serve in part.serves(everywhere)))


class _Part:
    """One function's source, and what the names in it stand for."""

    def __init__(self, function: FunctionType, tree: ast.AST) -> None:
        self.tree = tree
        self._first_line = function.__code__.co_firstlineno
        self._names = _names_of(function, tree)
        first = [node.args.args[0].arg for node in ast.walk(tree) if isinstance(node, FUNCTIONS) and node.args.args]
        self._apps = {"app", *first[:1]}

    def calls(self, within: ast.AST | None = None) -> Iterator[CallInCode]:
        for node in self._uses("call", within or self.tree):
            service = self._argument(node, 0, "service")
            if isinstance(service, str):
                yield CallInCode(service, self._argument(node, 2, "timeout"), self._line(node))

    def serves(self, everywhere: tuple[str, ...]) -> Iterator[ServeInCode]:
        for node in self._uses("serve", self.tree):
            handler = node.args[0] if node.args else None
            asks = self._asked_by(handler.id) if isinstance(handler, ast.Name) else None
            yield ServeInCode(self._argument(node, 1, "workers"), self._argument(node, 2, "queue"), self._line(node),
                              everywhere if asks is None else asks)

    def _asked_by(self, handler: str) -> tuple[str, ...] | None:
        """The services that a handler calls, itself or in functions that it mentions; None if it is not to be found."""
        inside, outside = self._mentioned({handler})
        if not inside and not outside:
            return None
        parts = [part for function in outside for each in _reachable(function) if (part := _part(each))]
        calls = [*(call for node in inside for call in self.calls(node)), *(c for part in parts for c in part.calls())]
        return tuple(dict.fromkeys(call.service for call in calls))

    def _mentioned(self, names: set[str]) -> tuple[list[ast.AST], list[FunctionType]]:
        """The functions of these names, and those that they mention: those defined in this source, and others."""
        inside: dict[str, ast.AST] = {}
        nested = {node.name: node for node in ast.walk(self.tree) if isinstance(node, FUNCTIONS)}
        waiting, seen = sorted(names), set(names)
        while waiting:
            name = waiting.pop()
            if name in nested:
                inside[name] = nested[name]
                new = {node.id for node in ast.walk(nested[name]) if isinstance(node, ast.Name)} - seen
                waiting += sorted(new)
                seen |= new
        found = [self._names.get(name) for name in sorted(seen - inside.keys())]
        return list(inside.values()), [one for one in found if isinstance(one, FunctionType)]

    def _uses(self, method: str, within: ast.AST) -> Iterator[ast.Call]:
        for node in ast.walk(within):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == method:
                name = getattr(node.func.value, "id", getattr(node.func.value, "attr", None))
                if name in self._apps:
                    yield node

    def _argument(self, call: ast.Call, place: int, name: str) -> Any:
        """What is given for an argument; None if nothing is."""
        given = [keyword.value for keyword in call.keywords if keyword.arg == name] or call.args[place:place + 1]
        spread = any(keyword.arg is None for keyword in call.keywords) or any(
            isinstance(one, ast.Starred) for one in call.args)
        if not given:
            return UNKNOWN if spread else None
        if isinstance(given[0], ast.Name):
            return self._names.get(given[0].id, UNKNOWN)
        try:
            return ast.literal_eval(given[0])
        except ValueError:
            return UNKNOWN

    def _line(self, node: ast.Call) -> int:
        return self._first_line + node.lineno - 1


def _part(function: FunctionType) -> _Part | None:
    if not _mentions(function.__code__):
        return None
    tree = _tree(function.__code__)
    return None if tree is None else _Part(function, tree)


@lru_cache(maxsize=512)
def _mentions(code: CodeType) -> bool:
    """Whether it is worth reading: parsing takes a thousand times as long as this."""
    return any(name in METHODS for name in _names_in(code))


@lru_cache(maxsize=512)
def _tree(code: CodeType) -> ast.AST | None:
    if code.co_name == "<lambda>":  # its source is the whole statement around it
        return None
    try:
        return ast.parse(textwrap.dedent(inspect.getsource(code))).body[0]
    except (OSError, SyntaxError, TypeError, IndexError):
        return None


def _names_in(code: CodeType) -> Iterator[str]:
    """The names of globals, of attributes and of what is around it that a function mentions, and those inside it."""
    yield from code.co_names
    yield from code.co_freevars
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names_in(constant)


def _names_of(function: FunctionType, tree: ast.AST) -> dict[str, Any]:
    """What names mean in a function: its globals and what is around it, unless it has a variable of that name."""
    own = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)}
    own |= {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
    return {name: value for name, value in _around(function).items() if name not in own}


def _around(function: FunctionType) -> dict[str, Any]:
    known = dict(function.__globals__)
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=False):
        try:
            known[name] = cell.cell_contents
        except ValueError:  # not yet given a value
            continue
    return known


def _function(main: Any) -> FunctionType | None:
    while isinstance(main, partial):
        main = main.func
    main = getattr(main, "__func__", main)
    return main if isinstance(main, FunctionType) else None


def _reachable(function: FunctionType | None) -> list[FunctionType]:
    """A function, and those that it mentions by name, and so on; without Python's own and installed libraries'."""
    found: dict[int, FunctionType] = {}
    waiting = [function] if function is not None else []
    while waiting:
        each = waiting.pop()
        if id(each) not in found and not _is_a_library(each.__module__ or "", each.__code__.co_filename):
            found[id(each)] = each
            waiting += _functions_named(each)
    return list(found.values())


def _functions_named(function: FunctionType) -> Iterable[FunctionType]:
    around, names = _around(function), list(dict.fromkeys(_names_in(function.__code__)))
    things = [around[name] for name in names if name in around]
    for module in [thing for thing in things if isinstance(thing, ModuleType)]:
        if not _is_a_library(module.__name__, getattr(module, "__file__", None) or ""):
            things += [vars(module)[name] for name in names if name in vars(module)]
    return [thing for thing in things if isinstance(thing, FunctionType)]


def _is_a_library(module: str, file: str) -> bool:
    package = module.partition(".")[0]
    installed = "site-packages" in file or "dist-packages" in file
    return package in sys.stdlib_module_names or installed and package != __name__.partition(".")[0]
