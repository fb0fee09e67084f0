"""Values as the helper on the board writes them, read by a bounded parser: device output is never evaluated.

Literals look as in Python, with three differences: a float is ``@`` and the sixteen hexadecimal digits of its big-endian double (a
``repr`` on a board loses digits), sets are ``set([...])`` and ``frozenset([...])``, and an array is ``array'h'[...]``.
"""

from __future__ import annotations

import array
import codecs
import re
import struct
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from devsession.errors import RemoteProtocolError

_T = TypeVar("_T")

# Deeper values are refused: boards run out of stack long before.
MAX_DEPTH = 100
# Python refuses to read longer decimal numbers in one piece (quadratic time); longer ones are put together from pieces.
_INT_PIECE = 4000

_INT = re.compile(r"-?\d+")
_FLOAT = re.compile(r"@([0-9a-f]{16})")
# What follows a backslash in what a board writes; Python takes more, with warnings.
_ESCAPED = r"""[\\'"nrt]|x[0-9a-fA-F]{2}"""
_WIDE = _ESCAPED + r"|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}"


def _quoted(escaped: str) -> str:
    return rf"""(?:'(?:[^'\\]|\\(?:{escaped}))*'|"(?:[^"\\]|\\(?:{escaped}))*")"""


_STRING = re.compile(f"b{_quoted(_ESCAPED)}|{_quoted(_WIDE)}")
_WORD = re.compile(r"[A-Za-z]+")
_CONSTANTS: dict[str, Any] = {"None": None, "True": True, "False": False}


def parse(text: str) -> Any:
    """Return the one value that ``text`` holds; raises RemoteProtocolError when it is anything else."""
    parser = _Parser(text)
    value = parser.value(0)
    parser.end()
    return value


def parse_all(text: str) -> list[Any]:
    """Return the values that ``text`` holds one behind the other, separated by commas."""
    parser = _Parser(text)
    values = [parser.value(0)]
    while parser.accept(","):
        values.append(parser.value(0))
    parser.end()
    return values


def _read_int(digits: str) -> int:
    if len(digits) <= _INT_PIECE:
        return int(digits)
    half = len(digits) // 2
    sign = -1 if digits[0] == "-" else 1
    scale: int = 10**half
    return _read_int(digits[:-half]) * scale + sign * _read_int(digits[-half:])


def _read_string(token: str) -> str | bytes:
    if token[0] == "b":
        return codecs.escape_decode(token[2:-1].encode("latin-1"))[0]
    return token[1:-1].encode("ascii").decode("unicode_escape")


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._words: dict[str, Callable[[int], Any]] = {
            "array": self._array,
            "bytearray": lambda depth: bytearray(self._one(depth, bytes)),
            "complex": lambda depth: complex(*self._call(depth)),
            "frozenset": lambda depth: frozenset(self._one(depth, list)),
            "range": lambda depth: range(*self._call(depth)),
            "set": lambda depth: set(self._one(depth, list)),
        }

    def _one(self, depth: int, kind: type[_T]) -> _T:
        arguments = self._call(depth)
        if len(arguments) != 1 or not isinstance(arguments[0], kind):
            raise self._refusal(f"not made of one {kind.__name__}")
        return arguments[0]

    def value(self, depth: int) -> Any:
        if depth > MAX_DEPTH:
            raise self._refusal(f"a value nested deeper than {MAX_DEPTH}")
        try:
            return self._value(depth)
        except (ValueError, TypeError, OverflowError, struct.error) as error:
            raise self._refusal(str(error)) from error

    def _value(self, depth: int) -> Any:
        head = self._text[self._at : self._at + 1]
        if head == "[":
            return self._items("[", "]", depth)
        if head == "(":
            return tuple(self._items("(", ")", depth))
        if head == "{":
            return self._dict(depth)
        return self._scalar(depth)

    def _scalar(self, depth: int) -> Any:
        if match := self._match(_FLOAT):
            return struct.unpack(">d", bytes.fromhex(match[1]))[0]
        if match := self._match(_STRING):
            return _read_string(match[0])
        if match := self._match(_INT):
            return _read_int(match[0])
        return self._word(depth)

    def _word(self, depth: int) -> Any:
        match = self._match(_WORD)
        if match and match[0] in _CONSTANTS:
            return _CONSTANTS[match[0]]
        if match and match[0] in self._words:
            return self._words[match[0]](depth)
        raise self._refusal("no value")

    def _items(self, opening: str, closing: str, depth: int) -> list[Any]:
        self._expect(opening)
        items: list[Any] = []
        while not self.accept(closing):
            items.append(self.value(depth + 1))
            if not self.accept(","):
                self._expect(closing)
                break
        return items

    def _dict(self, depth: int) -> dict[Any, Any]:
        self._expect("{")
        items: dict[Any, Any] = {}
        while not self.accept("}"):
            key = self.value(depth + 1)
            self._expect(":")
            items[key] = self.value(depth + 1)
            if not self.accept(","):
                self._expect("}")
                break
        return items

    def _call(self, depth: int) -> list[Any]:
        return self._items("(", ")", depth)

    def _array(self, depth: int) -> Iterable[Any]:
        code = self.value(depth)
        return array.array(code, self._items("[", "]", depth))

    def accept(self, token: str) -> bool:
        self._skip()
        if self._text.startswith(token, self._at):
            self._at += len(token)
            self._skip()
            return True
        return False

    def end(self) -> None:
        self._skip()
        if self._at != len(self._text):
            raise self._refusal("something behind the value")

    def _skip(self) -> None:
        while self._text[self._at : self._at + 1] == " ":
            self._at += 1

    def _expect(self, token: str) -> None:
        if not self.accept(token):
            raise self._refusal(f"{token!r} expected")

    def _match(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        match = pattern.match(self._text, self._at)
        if match:
            self._at = match.end()
        return match

    def _refusal(self, reason: str) -> RemoteProtocolError:
        near = self._text[max(0, self._at - 20) : self._at + 40].encode("ascii", "backslashreplace")
        return RemoteProtocolError(
            f"a value from the board cannot be read: {reason}, at {self._at}", phase="value", seen=near
        )
