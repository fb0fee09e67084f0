"""A recorded link as a player needs it: what is to happen, in order, without the repetitions that only time brought about."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from devsession.cassette.nudges import Nudges
from devsession.cassette.tape import Entry, Link


class Kind(enum.Enum):
    """What a step is; the values are the names in the file."""

    HOST = "to"  # the host writes these bytes
    BOARD = "from"  # the board sends these bytes
    RESET = "reset"  # the host resets the board by means of the link
    LOST = "lost"  # the link ends by itself
    CLOSED = "closed"  # the host closes it


@dataclass(frozen=True, slots=True)
class Step:
    """One step: its bytes or reason, which of its bytes may be any (masked), the exec it belongs to, its line, its time in seconds."""

    kind: Kind
    line: int
    time: float
    data: bytes = b""
    masked: frozenset[int] = frozenset()
    number: int | None = None


def steps_of(link: Link) -> list[Step]:
    """Return the steps of a recorded link; random bits are no steps."""
    nudges = Nudges()
    steps: list[Step] = []
    for entry in link.entries:
        if entry.kind == "random":
            continue
        kind = Kind(entry.kind)
        if kind is Kind.HOST:
            steps += _written(entry, nudges)
            continue
        if kind is not Kind.BOARD:
            nudges.clear()
        data = b"" if entry.value is True else entry.data
        steps.append(Step(kind, entry.line, entry.time, data, number=entry.fields.get("exec")))
    return steps


def draws_of(link: Link) -> list[tuple[int, int, int]]:
    """Return the random bits that were drawn: how many, which, and the line that says so."""
    return [(entry.value[0], entry.value[1], entry.line) for entry in link.entries if entry.kind == "random"]


def _written(entry: Entry, nudges: Nudges) -> list[Step]:
    masked = {start + n for start, size in entry.fields.get("masked", []) for n in range(size)}
    data = bytearray()
    places: list[int] = []
    for at, part in nudges.once(entry.data):
        data += part
        places += range(at, at + len(part))
    if not data:
        return []
    free = frozenset(n for n, place in enumerate(places) if place in masked)
    number = entry.fields.get("exec")
    return [Step(Kind.HOST, entry.line, entry.time, bytes(data), free, number)]
