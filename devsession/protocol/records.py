r"""Records: how devsession reads back what it must not mistake for a program's output.

One record on the wire::

    \x1e NONCE . NUMBER . KIND LENGTH . PAYLOAD . CHECK \x1f
    \x1e NONCE . B \x1f

NONCE, NUMBER, LENGTH and CHECK are lower-case hexadecimal; the nonce is drawn per attach, the number counts its execs; KIND is one
letter; LENGTH counts PAYLOAD's bytes, ASCII but in data; CHECK is the sum of PAYLOAD's bytes modulo 65536 (``sum`` is C on every board,
where a CRC in Python would take longer than the wire), of data its length once more:
files are hashed as a whole. A program cannot print one by accident: it does not know the nonce.
The short form begins the call of a method: nothing of the program comes before it, so that it needs neither number nor check.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from devsession.protocol.buffer import ReceiveBuffer

MARK = b"\x1e"
END = b"\x1f"
# Nonces stay below 2**29: small integers everywhere, also where long integers are not built in (31 bits with sign).
NONCE_BITS = 29
# A value larger than this is no value but a file: there are other ways to move those.
MAX_PAYLOAD = 16 * 1024 * 1024
_HEADER = re.compile(rb"\x1e([0-9a-f]{1,8})\.(?:B\x1f|([0-9a-f]{1,8})\.([A-Z])([0-9a-f]{1,7})\.)")
_PARTIAL = (
    rb"\x1e(?:[0-9a-f]{0,8}|[0-9a-f]{1,8}\.(?:B|[0-9a-f]{0,8}|[0-9a-f]{1,8}\.(?:[A-Z][0-9a-f]{0,7})?))\Z"
)
_TRAILER = re.compile(rb"\.([0-9a-f]{1,4})\x1f")
_PARTIAL_TRAILER = rb"(?:\.[0-9a-f]{0,4})?\Z"
_LETTERS = frozenset(b"SVUTERDQ")
_HEADER_SIZE = 29
_TRAILER_SIZE = 6


class Kind(Enum):
    """What a record says."""

    STARTED = "S"  # the command was read, compiled and begins; payload: empty
    BEGUN = "B"  # the same for the call of a method, in the short form
    VALUE = "V"  # the value of an expression, as `values` reads it
    OPAQUE = (
        "U"  # the value of an expression has no faithful form; payload: two literals, its type and its repr
    )
    TRACEBACK = "T"  # a traceback follows as plain output, up to the end record
    ENDED = "E"  # the command is over; payload: "", "T" after a traceback, or the literal tuple of a SystemExit's arguments
    RETURNED = "R"  # the call of a method is over; payload: the value it gave
    REQUEST = "Q"  # the program asks something of the host, as `requests` reads it
    DATA = "D"  # bytes of a file; without payload the grant of more to send, or the end of a file


@dataclass(frozen=True, slots=True)
class Key:
    """Whose records to believe: those of one exec of one attach."""

    nonce: int
    number: int


@dataclass(frozen=True, slots=True)
class Record:
    """One record, checked: it is ours, whole, and its sum is right."""

    kind: Kind
    payload: bytes


@dataclass(frozen=True, slots=True)
class Damaged:
    """A record of ours whose length or sum is wrong: bytes were lost on the way."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Stale:
    """A record with our nonce of another exec: late, and of no more use."""

    number: int


Found = Record | Damaged | Stale


def checksum(payload: bytes) -> int:
    """Return the check of a payload."""
    return sum(payload) & 0xFFFF


def check_of(kind: Kind, payload: bytes) -> int:
    """Return the check of a payload in a record of that kind."""
    return len(payload) & 0xFFFF if kind is Kind.DATA else checksum(payload)


def encode(key: Key, kind: Kind, payload: bytes = b"") -> bytes:
    """Return the record as a board would print it."""
    if kind is Kind.BEGUN:
        return f"\x1e{key.nonce:x}.B\x1f".encode()
    head = f"\x1e{key.nonce:x}.{key.number:x}.{kind.value}{len(payload):x}.".encode()
    return head + payload + f".{check_of(kind, payload):x}\x1f".encode()


def scan(buffer: ReceiveBuffer, key: Key, *, interrupted: bool = False) -> tuple[bytes, Found | None]:
    """Take what can be understood from the front of ``buffer``.

    Returns output that belongs to no record of ours (may be empty) and the record that follows it, or ``None`` where more bytes are
    needed: bytes that may yet become a record stay in the buffer. Where the program was ``interrupted``, Ctrl-C may have torn a record:
    what came of it is dropped when another of the same exec begins behind it.
    """
    plain = bytearray()
    while True:
        at = buffer.find(MARK)
        if at < 0:
            plain += buffer.clear()
            return bytes(plain), None
        plain += buffer.take(at)
        header = _HEADER.match(buffer.peek(_HEADER_SIZE))
        if header is None or not _is_ours(header, key):
            if header is None and re.match(_PARTIAL, buffer.peek(_HEADER_SIZE)):
                return bytes(plain), None
            plain += buffer.take(1)
            continue
        found = _complete(buffer, header, key)
        if found is None and interrupted and (next_one := buffer.peek(len(buffer)).find(_head(key), 1)) > 0:
            buffer.take(next_one)
            continue
        return bytes(plain), found


def begins(buffer: ReceiveBuffer, key: Key) -> bool:
    """Whether a record of ours begins at the front of ``buffer``."""
    header = _HEADER.match(buffer.peek(_HEADER_SIZE))
    return header is not None and _is_ours(header, key)


def _head(key: Key) -> bytes:
    return b"\x1e%x.%x." % (key.nonce, key.number)


def _is_ours(header: re.Match[bytes], key: Key) -> bool:
    if int(header[1], 16) != key.nonce:
        return False
    return header[2] is None or (header[3][0] in _LETTERS and int(header[4], 16) <= MAX_PAYLOAD)


def _complete(buffer: ReceiveBuffer, header: re.Match[bytes], key: Key) -> Found | None:
    start = header.end()
    if header[2] is None:
        buffer.take(start)
        return Record(Kind.BEGUN, b"")
    size = int(header[4], 16)
    tail = buffer.peek(_TRAILER_SIZE, start + size)
    trailer = _TRAILER.match(tail)
    if trailer is None:
        if re.match(_PARTIAL_TRAILER, tail):
            return None
        return Damaged(buffer.take(start))
    record = buffer.take(start + size + trailer.end())
    payload = record[start : start + size]
    kind = Kind(header[3].decode())
    if check_of(kind, payload) != int(trailer[1], 16):
        return Damaged(record)
    number = int(header[2], 16)
    if number != key.number:
        return Stale(number)
    return Record(kind, payload)
