"""Values of a board as JSON: what it cannot hold is an error, never something else."""

from __future__ import annotations

import json
from typing import Any

from devsession.errors import UsageError


def to_json(value: Any) -> str:
    """Return ``value`` as JSON; tuples, sets and ranges are arrays, bytes are hexadecimal digits. Raises UsageError."""
    try:
        return json.dumps(_plain(value), allow_nan=False)
    except ValueError as error:
        raise UsageError(
            f"JSON cannot hold this value: {error}", phase="eval", hint="leave out --json"
        ) from error


def _plain(value: Any) -> Any:
    match value:
        case None | bool() | int() | float() | str():
            return value
        case bytes() | bytearray():
            return value.hex()
        case dict():
            return {_key(key): _plain(item) for key, item in value.items()}
        case complex():
            raise ValueError(f"{value!r} is complex")
        case _:
            return [_plain(item) for item in value]


def _key(key: Any) -> str:
    if not isinstance(key, str):
        raise ValueError(f"the key {key!r} is no string")  # noqa: TRY004 - the value is wrong for JSON, as a nan is
    return key
