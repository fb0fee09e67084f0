"""Frames of tracebacks from boards, brought back to the files that the methods came from."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from devsession.errors import Frame
from devsession.methods.method import Method
from devsession.methods.source import parse

_Nameless = ast.Lambda | ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp
# How MicroPython calls what has no name of its own.
_CALLED: dict[type[ast.expr], str] = {
    ast.Lambda: "<lambda>",
    ast.ListComp: "<listcomp>",
    ast.SetComp: "<setcomp>",
    ast.DictComp: "<dictcomp>",
    ast.GeneratorExp: "<genexpr>",
}


def locate(frames: Iterable[Frame], method: Method, *, program: str = "<string>") -> tuple[Frame, ...]:
    """Return ``frames`` with the host's file and line for each that is in ``method`` or in a method that it calls, directly or not.

    A frame belongs to a method when its file is the method's ``label``. Where boards do not know files of their own it is ``program``,
    and the function and the line tell; a syntax error has no function, and is taken for one of ``method``. A frame that could be of several
    methods, or is of none, stays as it is.
    """
    reached = method.reachable()
    return tuple(_located(frame, method, reached, program) for frame in frames)


def _located(frame: Frame, root: Method, reached: list[Method], program: str) -> Frame:
    owners = [method for method in reached if frame.file == method.label]
    if not owners and frame.file == program:
        owners = [method for method in reached if _holds(method, frame)] if frame.function else [root]
    if len(owners) != 1 or frame.line > owners[0].text.count("\n") + 1:
        return frame
    return Frame(owners[0].file, owners[0].first_line + frame.line - 1, frame.function)


def _holds(method: Method, frame: Frame) -> bool:
    return any(name == frame.function and frame.line in lines for name, lines in _functions(method.text))


def _functions(text: str) -> Iterator[tuple[str, range]]:
    """Yield the functions in ``text`` by the names that MicroPython has for them, with the lines they take."""
    for node in ast.walk(parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | _Nameless):
            assert node.end_lineno is not None
            name = _CALLED[type(node)] if isinstance(node, _Nameless) else node.name
            yield name, range(node.lineno, node.end_lineno + 1)
