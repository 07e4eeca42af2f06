"""The syntax of functions as they are loaded, and what the names in it stand for."""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Callable, Mapping
from functools import cache
from types import ModuleType
from typing import Any


def named(node: ast.AST, names: Mapping[str, Any]) -> Any:
    """Return what `name` or `module.name` stands for, None where that is known only when it runs."""
    match node:
        case ast.Name(id=name):
            found = names.get(name)
            return inspect.unwrap(found) if callable(found) else found
        case ast.Attribute(value=value, attr=attr):
            owner = named(value, names)
            return named(ast.Name(id=attr), vars(owner)) if isinstance(owner, ModuleType) else None
    return None


def body(function: Callable[..., Any]) -> ast.AST:
    """Return the syntax inside a function or lambda, found by the line on which it begins."""
    first = function.__code__.co_firstlineno
    for node in ast.walk(_module(function.__module__)):
        match node:
            case ast.FunctionDef(name=function.__name__):
                if first in {node.lineno, *(decorator.lineno for decorator in node.decorator_list)}:
                    return ast.Module(body=node.body, type_ignores=[])
            case ast.Lambda(lineno=line, body=inside) if line == first and function.__name__ == "<lambda>":
                return inside
    raise LookupError(function)


@cache
def _module(name: str) -> ast.Module:
    return ast.parse(inspect.getsource(sys.modules[name]))
