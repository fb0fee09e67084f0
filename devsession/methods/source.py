"""The source of a Python function, and whether it can run anywhere but here."""

from __future__ import annotations

import ast
import inspect
import tokenize
import warnings
from dataclasses import dataclass
from types import FunctionType
from typing import Any

from devsession.errors import UsageError

Definition = ast.FunctionDef | ast.AsyncFunctionDef
_HINT = "define a function with def, in a file"
# Put before source that is indented: dedenting would change the strings of several lines in it.
_INDENTED = "if 1:\n"


@dataclass(frozen=True, slots=True)
class Source:
    """Where a function stands: its file, its lines and their tree, and how many lines the file has before them."""

    file: str
    lines: list[str]
    definition: Definition
    before: int


def parse(text: str) -> ast.Module:
    """Return the tree of ``text``; what Python warns of, it has warned of when it read the function."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(text)


def plain_function(function: Any) -> FunctionType:
    """Return the function of a function or staticmethod; raises UsageError for everything else, as it has no source of its own."""
    inner = function.__func__ if isinstance(function, staticmethod) else function
    if isinstance(inner, classmethod) or inspect.ismethod(inner):
        raise UsageError(f"{_named(inner)} is a method of a class, which a board does not have", hint=_HINT)
    if not isinstance(inner, FunctionType):
        raise UsageError(f"{_named(inner)} is no Python function", hint=_HINT)
    if inner.__name__ == "<lambda>":
        raise UsageError("a lambda cannot be a method: it has no name", hint=_HINT)
    if hasattr(inner, "__wrapped__"):
        raise UsageError(
            f"{inner.__qualname__} is wrapped by a decorator, whose effect would not reach the board",
            hint="put that decorator above the one that makes the method",
        )
    if inspect.isasyncgenfunction(inner):
        raise UsageError(
            f"{inner.__qualname__} is an asynchronous generator, which MicroPython does not have",
            hint="use def and yield, or async def and return",
        )
    return inner


def find(function: FunctionType, *, static: bool = False) -> Source:
    """Return where ``function`` stands; ``static`` when it came as a staticmethod.

    Raises UsageError when its source is not to be had (as in the interactive interpreter before Python 3.13), is another than that of the
    function, or it is a method of a class and not static.
    """
    lines, first = _lines(function)
    if lines[0][:1] in {" ", "\t", "\f"}:
        lines, first = [_INDENTED, *lines], first - 1
    definition = _definition(lines, function, first)
    scope = function.__qualname__.rpartition(".")[0]
    if scope and not scope.endswith("<locals>") and not (static or _is_static(definition)):
        raise UsageError(
            f"{function.__qualname__} is a method of a class, which a board does not have",
            hint="make it a staticmethod, or a function outside of the class",
        )
    return Source(function.__code__.co_filename, lines, definition, first - 1)


def _lines(function: FunctionType) -> tuple[list[str], int]:
    try:
        return inspect.getsourcelines(function)
    except (OSError, SyntaxError, tokenize.TokenError):
        raise UsageError(
            f"the source of {function.__qualname__} cannot be found: it was defined in {function.__code__.co_filename}",
            hint="define it in a file, a notebook, or the interactive interpreter of Python 3.13 or later",
        ) from None


def _definition(lines: list[str], function: FunctionType, first_line: int) -> Definition:
    first = _first_statement(lines)
    if not isinstance(first, Definition) or not _is_of(first, function, first_line - 1):
        raise UsageError(
            f"the source of {function.__qualname__} cannot be found: {function.__code__.co_filename} holds something else at its line",
            hint="if the file has changed since, import it anew",
        )
    return first


def _first_statement(lines: list[str]) -> ast.stmt | None:
    try:
        body = parse("".join(lines)).body
    except SyntaxError:
        return None
    if body and isinstance(body[0], ast.If):
        return body[0].body[0]
    return body[0] if body else None


def _is_of(definition: Definition, function: FunctionType, before: int) -> bool:
    code = function.__code__
    arguments = definition.args
    named = [arg.arg for arg in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]
    begin = min(node.lineno for node in (definition, *definition.decorator_list))
    return (definition.name, begin + before) == (code.co_name, code.co_firstlineno) and named == list(
        code.co_varnames[: len(named)]
    )


def _is_static(definition: Definition) -> bool:
    return any(isinstance(name, ast.Name) and name.id == "staticmethod" for name in definition.decorator_list)


def _named(value: object) -> str:
    return str(getattr(value, "__qualname__", None) or repr(value)[:80])
