"""A function's source without what a board does not need, each line staying where it is.

Decorators, comments, docstrings, annotations and blanks go; what takes lines leaves them empty, so that line N of what is sent is line N
of the function. Defaults that are no literals are written as the values they have.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping

from devsession.methods import tokens
from devsession.methods.source import Definition
from devsession.methods.tokens import Edit, Place, Token

EMITTERS = ("native", "viper")
# What stands for a statement that may not be missing: a compiler drops it.
_NOTHING = "0"


def strip(
    lines: list[str], definition: Definition, *, defaults: Mapping[ast.expr, str], emitter: str | None = None
) -> str:
    """Return the text of ``definition``, which stands in ``lines``, as it is sent.

    Arguments: ``defaults`` the text for those of its defaults that are replaced; ``emitter`` the one named in a line before the first.
    """
    places = _Places(lines)
    start, end = places.start(definition), places.end(definition)
    own = [token for token in tokens.read(lines) if start <= token.start < end]
    edits = _Editor(lines, own).edits(definition, annotated=emitter is not None)
    edits += [Edit(places.start(node), places.end(node), text) for node, text in defaults.items()]
    head = f"@micropython.{emitter}\n" if emitter else ""
    return head + tokens.write(own, edits)


def emitter_of(decorators: list[ast.expr]) -> str | None:
    """Return the name behind ``micropython.`` of a decorator that chooses how a board compiles a function, ``asm_thumb`` too."""
    for decorator in decorators:
        name = ast.unparse(decorator).removeprefix("micropython.")
        if name in EMITTERS or name.startswith("asm_"):
            return name
    return None


class _Places:
    """The places of nodes as tokens have them: in characters, where the tree counts bytes."""

    def __init__(self, lines: list[str]) -> None:
        self._lines = lines

    def at(self, line: int, offset: int) -> Place:
        text = self._lines[line - 1]
        return line, offset if text.isascii() else len(text.encode()[:offset].decode())

    def start(self, node: ast.expr | ast.stmt | ast.arg) -> Place:
        return self.at(node.lineno, node.col_offset)

    def end(self, node: ast.expr | ast.stmt | ast.arg) -> Place:
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        return self.at(node.end_lineno, node.end_col_offset)


class _Editor:
    def __init__(self, lines: list[str], own: list[Token]) -> None:
        self._lines = lines
        self._tokens = own
        self._index = {token.start: n for n, token in enumerate(own) if token.text}
        self._places = _Places(lines)

    def edits(self, definition: Definition, *, annotated: bool) -> list[Edit]:
        found: list[Edit] = []
        for node in ast.walk(definition):
            if isinstance(node, Definition):
                kept = annotated if node is definition else emitter_of(node.decorator_list) is not None
                found += self._header(node, annotated=kept)
            elif isinstance(node, ast.Lambda):
                found += self._positional_mark(node.args)
            elif isinstance(node, ast.AnnAssign) and node.value:
                start = self._next(":", self._places.end(node.target))
                found.append(Edit(start, self._outside("=", start)))
            for name in ("body", "orelse", "finalbody"):
                block = getattr(node, name, None)
                if isinstance(block, list):
                    found += self._dead(block)
        return found

    def _header(self, node: Definition, *, annotated: bool) -> Iterator[Edit]:
        yield from self._positional_mark(node.args)
        if getattr(node, "type_params", None):
            start = self._next("[", self._places.start(node))
            yield Edit(start, self._outside("(", start))
        if annotated:
            return
        arguments = node.args
        starred = [arg for arg in (arguments.vararg, arguments.kwarg) if arg]
        for arg in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, *starred):
            if arg.annotation:
                line, column = self._places.start(arg)
                yield Edit((line, column + 1), self._places.end(arg))
        if node.returns:
            start = self._before("->", self._places.start(node.returns))
            yield Edit(start, self._outside(":", start))

    def _positional_mark(self, arguments: ast.arguments) -> Iterator[Edit]:
        """Leave out the ``/`` behind positional arguments, and one of the commas beside it: MicroPython does not know it."""
        if not arguments.posonlyargs:
            return
        last = arguments.posonlyargs[-1]
        positional = len(arguments.posonlyargs) + len(arguments.args)
        default = len(arguments.posonlyargs) - 1 - (positional - len(arguments.defaults))
        mark = self._next("/", self._places.end(arguments.defaults[default] if default >= 0 else last))
        at = self._index[mark]
        before, after = self._tokens[at - 1], self._tokens[at + 1]
        if after.text == ",":
            yield Edit(mark, after.end)
        else:
            yield Edit(before.start, after.start)

    def _dead(self, block: list[ast.stmt]) -> Iterator[Edit]:
        dead = [statement for statement in block if _is_dead(statement)]
        needed = dead[:1] if len(dead) == len(block) else []
        for statement in dead:
            start, end = self._places.start(statement), self._places.end(statement)
            behind = self._lines[end[0] - 1][end[1] :].strip()
            alone = not self._lines[start[0] - 1][: start[1]].strip() and behind[:1] in {"", "#"}
            yield Edit(start, end, "" if alone and statement not in needed else _NOTHING)

    def _next(self, text: str, place: Place) -> Place:
        return next(t.start for t in self._tokens if t.start >= place and t.text == text)

    def _before(self, text: str, place: Place) -> Place:
        return next(t.start for t in reversed(self._tokens) if t.start < place and t.text == text)

    def _outside(self, text: str, place: Place) -> Place:
        """Return where ``text`` stands next after ``place`` and outside of brackets."""
        depth = 0
        for token in self._tokens[self._index[place] :]:
            if token.text == text and not depth and token.start > place:
                return token.start
            depth += token.turn
        raise AssertionError


def _is_dead(statement: ast.stmt) -> bool:
    if isinstance(statement, ast.AnnAssign):
        return statement.value is None
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )
