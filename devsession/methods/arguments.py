"""Values as MicroPython source text: what is handed to a method on the board.

What is written needs no name but builtins, and a module only for ``array``. Strings and bytes of ten or fewer travel with blanks behind
them that are cut off on the board, as MicroPython keeps short string literals until the next reset, up to 1.19 those of bytes too (and 1.9
has no ``bytes.decode``).
The names of keyword arguments are what cannot be helped: one that no function on the board has stays there, about 25 bytes each.
"""

from __future__ import annotations

import array
import math
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from devsession.errors import UsageError
from devsession.methods import floats
from devsession.protocol.source import bytes_literal
from devsession.protocol.values import MAX_DEPTH

# String literals up to this many bytes are kept by MicroPython's parser (MICROPY_ALLOC_PARSE_INTERN_STRING_LEN).
_INTERNED = 10
_ESCAPED = re.compile(r"[\\'\x00-\x1f\x7f]")
# Arrays whose items have the same size everywhere travel as their bytes; a long is of 32 bits or 64, as the board has it.
_FIXED_ARRAYS = frozenset("bBhHiIqQfd")
_LONG_ARRAYS = {"l": range(-(1 << 31), 1 << 31), "L": range(1 << 32)}
# How much of a key an error message shows.
_KEY_SHOWN = 40
# How many steps of a way into a value it shows, at each end.
_STEPS_SHOWN = 5


def encode(value: Any, float_bits: int = 64, int_bits: int | None = None, *, name: str = "value") -> str:
    """Return ``value`` as MicroPython source text: an expression that gives an equal value of the same type on the board.

    None, bool, int, float, complex, str, bytes, bytearray, list, tuple, dict, set, frozenset, range, array.array and what they nest.
    Floats are bit-exact, except that there is one NaN; a board with ``float_bits`` 32 or 30 gets the nearest it has, one with 0 none.
    A dict loses its order, as MicroPython's have none.

    Arguments: ``int_bits`` the width of the board's integers, sign included (default None: without bound); ``name`` what the value is
    called in errors, such as ``argument 'x'``.

    Raises UsageError, which names the place (``argument 'x'[2]['k']``), for any other type, subclasses too, a cycle, a value nested deeper
    than 100, a number that the board cannot hold, a string that has no UTF-8.
    """
    return _Encoder(float_bits, int_bits, name).text(value)


class _Encoder:
    def __init__(self, float_bits: int, int_bits: int | None, name: str) -> None:
        self._float_bits = float_bits
        self._int_bits = int_bits
        self._path = [name]
        self._open: set[int] = set()

    def text(self, value: Any) -> str:
        write = _WRITERS.get(type(value))
        if write is None:
            raise self._refusal(*_unknown(value))
        return write(self, value)

    def of_constant(self, value: object) -> str:
        return repr(value)

    def of_integer(self, value: int) -> str:
        if self._int_bits is None:
            return floats.integer(value)
        most = (1 << self._int_bits - 1) - 1
        if not ~most <= value <= most:
            raise self._refusal(f"an int that does not fit the board's {self._int_bits} bits")
        # The least one has no literal: it would be read as the negative of one too large.
        return floats.integer(value) if value > ~most else f"~{floats.integer(most)}"

    def of_float(self, value: float) -> str:
        try:
            return floats.encode(value, self._float_bits)
        except UsageError as error:
            raise self._refusal(error.message) from None

    def of_complex(self, value: complex) -> str:
        if not value.imag and math.copysign(1.0, value.imag) < 0:
            # MicroPython adds the imaginary part to 0, and the sign is lost.
            return f"-{self.of_complex(-value)}"
        return f"complex({self.of_float(value.real)},{self.of_float(value.imag)})"

    def of_string(self, value: str) -> str:
        try:
            data = value.encode()
        except UnicodeEncodeError:
            raise self._refusal("a string with half a surrogate pair, which has no UTF-8") from None
        if not data:
            return "''"
        if len(data) <= _INTERNED:
            return _short(value) if value.isascii() else f"str({bytes_literal(data)},'utf-8')"
        return "'" + _ESCAPED.sub(_escape, value) + "'"

    def of_bytes(self, value: bytes) -> str:
        return bytes_literal(value)

    def of_bytearray(self, value: bytearray) -> str:
        return f"bytearray({bytes_literal(bytes(value))})" if value else "bytearray()"

    def of_list(self, value: list[Any]) -> str:
        return f"[{','.join(self._items(value, value))}]"

    def of_tuple(self, value: tuple[Any, ...]) -> str:
        items = self._items(value, value)
        return f"({items[0]},)" if len(items) == 1 else f"({','.join(items)})"

    def of_set(self, value: set[Any] | frozenset[Any]) -> str:
        return "{" + ",".join(self._items(value, value)) + "}" if value else "set()"

    def of_frozenset(self, value: frozenset[Any]) -> str:
        return f"frozenset({self.of_set(value)})" if value else "frozenset()"

    def of_dict(self, value: dict[Any, Any]) -> str:
        items = []
        with self._inside(value):
            for key, item in value.items():
                written = self._at(f"[the key {repr(key)[:_KEY_SHOWN]}]", key)
                items.append(f"{written}:{self._at(f'[{repr(key)[:_KEY_SHOWN]}]', item)}")
        return "{" + ",".join(items) + "}"

    def of_range(self, value: range) -> str:
        bounds = [value.start, value.stop, value.step][: 2 if value.step == 1 else 3]
        return f"range({','.join(self._items(value, bounds))})"

    def of_array(self, value: array.array[Any]) -> str:
        if value.typecode in _FIXED_ARRAYS:
            items = bytes_literal(_little_endian(value))
        elif value.typecode in _LONG_ARRAYS:
            items = self._longs(value)
        else:
            raise self._refusal(f"an array of {value.typecode!r}, which boards do not have")
        return f"__import__('array').array({_short(value.typecode)},{items})"

    def _longs(self, value: array.array[int]) -> str:
        fits = _LONG_ARRAYS[value.typecode]
        for item in value:
            if item not in fits:
                raise self._refusal(
                    f"an array of {value.typecode!r} with {item}, where boards have 32 bits", "use 'q'"
                )
        return self.of_list(value.tolist())

    def _items(self, container: object, items: Iterable[Any]) -> list[str]:
        with self._inside(container):
            return [self._at(f"[{n}]", item) for n, item in enumerate(items)]

    def _at(self, step: str, value: Any) -> str:
        self._path.append(step)
        text = self.text(value)
        self._path.pop()
        return text

    @contextmanager
    def _inside(self, container: object) -> Iterator[None]:
        if id(container) in self._open:
            raise self._refusal("a cycle: a value that holds itself")
        if len(self._path) > MAX_DEPTH:
            raise self._refusal(f"a value nested deeper than {MAX_DEPTH}")
        self._open.add(id(container))
        yield
        self._open.remove(id(container))

    def _refusal(self, reason: str, hint: str | None = None) -> UsageError:
        return UsageError(f"{self._place} cannot be sent to the board: {reason}", hint=hint)

    @property
    def _place(self) -> str:
        path = self._path
        if len(path) > 2 * _STEPS_SHOWN:
            path = [*path[: _STEPS_SHOWN + 1], "...", *path[-_STEPS_SHOWN:]]
        return "".join(path)


_WRITERS: dict[type, Callable[[_Encoder, Any], str]] = {
    type(None): _Encoder.of_constant,
    bool: _Encoder.of_constant,
    int: _Encoder.of_integer,
    float: _Encoder.of_float,
    complex: _Encoder.of_complex,
    str: _Encoder.of_string,
    bytes: _Encoder.of_bytes,
    bytearray: _Encoder.of_bytearray,
    list: _Encoder.of_list,
    tuple: _Encoder.of_tuple,
    dict: _Encoder.of_dict,
    set: _Encoder.of_set,
    frozenset: _Encoder.of_frozenset,
    range: _Encoder.of_range,
    array.array: _Encoder.of_array,
}


def _unknown(value: object) -> tuple[str, str]:
    reason = f"a value of {type(value).__module__}.{type(value).__qualname__}".replace("builtins.", "")
    for base in (int, float, complex, str, bytes, list, tuple, dict, set, frozenset):
        if isinstance(value, base):
            return reason, f"send {base.__name__}(...) of it"
    if isinstance(value, memoryview):
        return reason, "send bytes(...) of it"
    return reason, "send numbers, strings, bytes or containers of them"


def _short(value: str) -> str:
    padded = _ESCAPED.sub(_escape, value.ljust(_INTERNED + 1))
    return f"'{padded}'[:{len(value)}]"


def _escape(match: re.Match[str]) -> str:
    return f"\\{match[0]}" if match[0] in "\\'" else f"\\x{ord(match[0]):02x}"


def _little_endian(value: array.array[Any]) -> bytes:
    if sys.byteorder == "big":
        value = value[:]
        value.byteswap()
    return value.tobytes()
