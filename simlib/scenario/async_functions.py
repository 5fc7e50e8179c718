"""What a service is made of: an `async def` of one argument, or an object that is called like one."""

from __future__ import annotations

import inspect
from typing import Any


def is_async(function: Any) -> bool:
    """Is it an `async def`, or an object whose class says that calling it is one?"""
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(type(function).__call__)


def takes_one(function: Any) -> bool:
    """Can it be called with exactly one argument?"""
    try:
        inspect.signature(function).bind(object())
    except TypeError:
        return False
    return True
