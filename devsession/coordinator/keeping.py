"""Values as text that `devsession.protocol.values` reads back, equal and of the same types: what is kept of a session on disk."""

from __future__ import annotations

import array
import struct
from collections.abc import Callable, Iterable
from typing import Any

from devsession.errors import UsageError


def text_of(value: Any) -> str:
    """Return ``value`` as text; raises UsageError for a type that has none, and for an int too long to be written."""
    write = _WRITERS.get(type(value))
    if write is None:
        raise UsageError(f"a value of {type(value).__name__} cannot be kept")
    try:
        return write(value)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"a value of {type(value).__name__} cannot be kept: {error}") from error


def _float(value: float) -> str:
    return f"@{struct.pack('>d', value).hex()}"


def _listed(values: Iterable[Any]) -> str:
    return f"[{','.join(map(text_of, values))}]"


def _dict(value: dict[Any, Any]) -> str:
    return "{" + ",".join(f"{text_of(key)}:{text_of(item)}" for key, item in value.items()) + "}"


_WRITERS: dict[type, Callable[[Any], str]] = {
    **dict.fromkeys((type(None), bool, int, bytes, range), repr),
    str: ascii,
    float: _float,
    complex: lambda value: f"complex({_float(value.real)},{_float(value.imag)})",
    bytearray: lambda value: f"bytearray({bytes(value)!r})",
    list: _listed,
    tuple: lambda value: f"({''.join(text_of(item) + ',' for item in value)})",
    set: lambda value: f"set({_listed(value)})",
    frozenset: lambda value: f"frozenset({_listed(value)})",
    array.array: lambda value: f"array{value.typecode!r}{_listed(value.tolist())}",
    dict: _dict,
}
