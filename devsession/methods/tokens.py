"""Tokens of a function's source, with some left out or replaced, written as text: each in the line it came from."""

from __future__ import annotations

import io
import tokenize
import unicodedata
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass

# A line, counted from 1, and a column in characters, from 0.
Place = tuple[int, int]

# The tokens around an f-string, where it is read as several (Python 3.12 and later; templates from 3.14).
_OPENINGS = {getattr(tokenize, name, -1) for name in ("FSTRING_START", "TSTRING_START")}
_CLOSINGS = {getattr(tokenize, name, -1) for name in ("FSTRING_END", "TSTRING_END")}
_LEVELS = {tokenize.INDENT: 1, tokenize.DEDENT: -1}
_UNSEEN = {tokenize.COMMENT, tokenize.NL, tokenize.ENDMARKER}


@dataclass(frozen=True, slots=True)
class Token:
    """A token as ``tokenize`` has it; an f-string is one."""

    kind: int
    text: str
    start: Place
    end: Place

    @property
    def turn(self) -> int:
        """1 for a bracket that opens, -1 for one that closes."""
        if self.kind != tokenize.OP:
            return 0
        return (self.text in "([{") - (self.text in ")]}")


@dataclass(frozen=True, slots=True)
class Edit:
    """What is left out from ``start`` to before ``end``, and what comes there instead."""

    start: Place
    end: Place
    text: str = ""


def read(lines: list[str]) -> list[Token]:
    """Return the tokens of ``lines`` without comments."""
    return [token for token in _joined(lines) if token.kind not in _UNSEEN]


def _joined(lines: list[str]) -> Iterator[Token]:
    depth = 0
    begin: Place = (0, 0)
    for token in tokenize.generate_tokens(io.StringIO("".join(lines)).readline):
        if token.type in _OPENINGS:
            begin = begin if depth else token.start
            depth += 1
        elif token.type in _CLOSINGS:
            depth -= 1
            if not depth:
                yield Token(tokenize.STRING, _between(lines, begin, token.end), begin, token.end)
        elif not depth:
            yield Token(token.type, token.string, token.start, token.end)


def _between(lines: list[str], start: Place, end: Place) -> str:
    rows = lines[start[0] - 1 : end[0]]
    rows[-1] = rows[-1][: end[1]]
    rows[0] = rows[0][start[1] :]
    return "".join(rows)


def write(tokens: list[Token], edits: list[Edit]) -> str:
    """Return the text of ``tokens`` after ``edits``, from the line of the first one on; blanks only where they are needed.

    The level of the first token becomes the outermost one.
    """
    writer = _Writer(tokens[0].start[0])
    for token in _edited(tokens, edits):
        writer.take(token)
    return writer.text()


def _edited(tokens: list[Token], edits: list[Edit]) -> list[Token]:
    outer: list[Edit] = []
    for edit in sorted(edits, key=lambda edit: edit.start):
        if not outer or edit.start >= outer[-1].end:
            outer.append(edit)
    starts = [edit.start for edit in outer]

    def stays(token: Token) -> bool:
        at = bisect_right(starts, token.start)
        return token.kind in _LEVELS or not at or token.start >= outer[at - 1].end

    put = [Token(tokenize.NAME, edit.text, edit.start, edit.end) for edit in outer if edit.text]
    return sorted([*filter(stays, tokens), *put], key=lambda token: token.start)


class _Writer:
    def __init__(self, line: int) -> None:
        self._parts: list[str] = []
        self._line = line
        self._level = 0
        self._depth = 0
        self._fresh = True
        self._last: Token | None = None

    def take(self, token: Token) -> None:
        if token.kind in _LEVELS:
            self._level += _LEVELS[token.kind]
        elif token.kind == tokenize.NEWLINE:
            self._fresh = True
        else:
            self._put(token)

    def _put(self, token: Token) -> None:
        lines = token.start[0] - self._line
        if lines:
            self._parts.append(("\n" if self._fresh or self._depth else "\\\n") * lines)
            self._parts.append(" " * self._level if self._fresh else "")
        elif self._last and _apart(self._last, token):
            self._parts.append(" ")
        # Names are compared in this form, and boards do not know of it.
        text = token.text
        self._parts.append(unicodedata.normalize("NFKC", text) if token.kind == tokenize.NAME else text)
        self._line = token.start[0] + text.count("\n")
        self._depth += token.turn
        self._fresh = False
        self._last = token

    def text(self) -> str:
        return "".join(self._parts)


def _apart(one: Token, other: Token) -> bool:
    """Whether two tokens of a line need a blank between them: they had one, and would be read as something else without."""
    if one.end == other.start:
        return False
    if one.kind == tokenize.NUMBER and other.text == ".":
        return True
    if other.kind == tokenize.STRING:
        return one.kind in {tokenize.NAME, tokenize.STRING}
    return one.kind in {tokenize.NAME, tokenize.NUMBER} and other.kind in {tokenize.NAME, tokenize.NUMBER}
