"""Two commands side by side: what was recorded and what was written, as the program lines that differ."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import zip_longest

from devsession.cassette.tape import to_text
from devsession.protocol.source import ROOM

# The helper goes out in front of an attach's first program (firmware_helpers/execute.py).
HELPER_BEGINS = ROOM.encode()
_CALL = re.compile(rb'_devsession\d*\(\d+,(\d+),\d+,"""(.*)"""', re.DOTALL)
_ESCAPE = re.compile(r"\\(x[0-9a-f]{2}|.)", re.DOTALL)
_NAMES = {
    b"\x01": "Ctrl-A, a question whether a prompt is there",
    b"\x02": "Ctrl-B, which leaves the raw REPL",
    b"\x03": "Ctrl-C, an interrupt",
    b"\x04": "Ctrl-D, a soft reset",
    b"\x05A\x01": "the request for raw-paste",
    b"\r\x03\r\x01": "the request for the raw REPL",
    b"": "nothing",
}
_WIDTH = 72


@dataclass(frozen=True, slots=True)
class Difference:
    """Where two commands differ: the two lines, the same with their surroundings as ``text``, and the exec's number."""

    recorded: str
    written: str
    text: str


def compare(recorded: bytes, written: bytes) -> Difference:
    """Return how ``written`` differs from ``recorded``; both are whole commands, or what there is of them."""
    ours, theirs = program_of(recorded), program_of(written)
    if ours is None or theirs is None or ours == theirs:
        return _bytes(recorded, written)
    old, new = ours.split("\n"), theirs.split("\n")
    pairs = enumerate(zip_longest(old, new), 1)
    number, (before, after) = next((number, pair) for number, pair in pairs if pair[0] != pair[1])
    lines = [f"    line {n:<4} {old[n - 1]}" for n in (number - 1,) if n]
    lines += [_side("-", number, before), _side("+", number, after)]
    if before is not None and after is not None:
        lines.append(" " * 14 + " " * _first(before, after) + "^")
    return Difference(before or "", after or "", "\n".join(lines))


def program_of(command: bytes) -> str | None:
    """Return the program in a command of ours, ``None`` where there is none."""
    match = _CALL.search(command)
    if match is None:
        return None
    return _ESCAPE.sub(_unescape, to_text(match[2])).rstrip(" ")


def name(data: bytes) -> str:
    """Return bytes of a host as one line that says what they are."""
    if data in _NAMES:
        return _NAMES[data]
    program = program_of(data)
    if program is not None:
        return program.split("\n", 1)[0]
    return ascii(to_text(data[:_WIDTH]))


def _side(mark: str, number: int, line: str | None) -> str:
    return f"  {mark} line {number:<4} {'(the program is at its end)' if line is None else line}"


def _bytes(recorded: bytes, written: bytes) -> Difference:
    start = max(0, _first(recorded, written) - _WIDTH // 2)
    sides = [_NAMES.get(data) or ascii(to_text(data[start : start + _WIDTH])) for data in (recorded, written)]
    return Difference(sides[0], sides[1], f"  - recorded  {sides[0]}\n  + written   {sides[1]}")


def _first(one: str | bytes, other: str | bytes) -> int:
    """Return the first place where two sequences differ."""
    return next(
        (n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other))
    )


def _unescape(match: re.Match[str]) -> str:
    return chr(int(match[1][1:], 16)) if match[1].startswith("x") else match[1]
