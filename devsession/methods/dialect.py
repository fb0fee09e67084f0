"""What Python's grammar has and MicroPython's, as of 1.26, has not: told when a board did not take a method, as newer firmware may."""

from __future__ import annotations

import ast

from devsession.methods.method import Method
from devsession.methods.source import parse


def hint(method: Method) -> str | None:
    """Return what in ``method`` MicroPython's compiler may not know, with the lines of the host's file; ``None`` for nothing."""
    found = sorted(
        (node.lineno, construct)
        for node in ast.walk(parse(method.text))
        if isinstance(node, ast.expr | ast.stmt) and (construct := _construct(node))
    )
    if not found:
        return None
    listed = ", ".join(f"{construct} (line {method.first_line + line - 1})" for line, construct in found)
    return f"MicroPython may not have {listed}: say it in another way"


def _construct(node: ast.expr | ast.stmt) -> str:
    match node:
        case ast.Match():
            return "match"
        case ast.TryStar():
            return "except*"
        case ast.Dict(keys) if None in keys:
            return "{**...}"
        case ast.List(items, ast.Load()) | ast.Tuple(items, ast.Load()) | ast.Set(items) if any(
            isinstance(item, ast.Starred) for item in items
        ):
            return "* among items"
        case ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp() if any(
            part.is_async for part in node.generators
        ):
            return "an async comprehension"
    return ""
