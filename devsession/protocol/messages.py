r"""Messages: what a board says by itself, taken out of its stream wherever it comes.

A message is a record (see `records`) of the kind M and the number 0, which no exec has. It is printed in one piece, between anything else
the board prints and in the middle of it: a callback runs whenever the board lets it. Its payload is printable ASCII, so that a control byte
shows at once that something is no message; what is behind it is then what it was without us.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from devsession.protocol.records import END, MARK, checksum

# The longest payload; a board refuses to send a longer one. What may yet become a message is held back, so this bounds that too.
MOST = 999
# How many messages may begin within one another: a callback within a program, and threads. More is no message but a program's output.
_DEEPEST = 4
_RUN = re.compile(rb"[^\x1e\x1f]*\x1f?")
_WHOLE = re.compile(rb"\x1e([0-9a-f]{1,8})\.0\.M([0-9a-f]{1,3})\.([ -~]*)\.([0-9a-f]{1,4})\x1f")
_PARTIAL = re.compile(
    rb"\x1e(?:[0-9a-f]{0,8}|[0-9a-f]{1,8}\.(?:0(?:\.(?:M(?:[0-9a-f]{1,3}(?:\.[ -~]{0,%d})?)?)?)?)?)"
    % (MOST + 5)
)


@dataclass(frozen=True, slots=True)
class Message:
    """A message with the ``nonce`` of an attach, as it came (``raw``); ``payload`` is ``None`` where length or check are wrong."""

    raw: bytes
    nonce: int
    payload: bytes | None


def encode(nonce: int, payload: bytes) -> bytes:
    """Return the message as a board would print it."""
    return f"\x1e{nonce:x}.0.M{len(payload):x}.".encode() + payload + f".{checksum(payload):x}\x1f".encode()


class MessageFilter:
    """Divides a stream into messages and the rest; what may yet become a message is held back until it shows what it is."""

    def __init__(self) -> None:
        # Beginnings of messages, each within the one before it.
        self._open: list[bytearray] = []

    def feed(self, data: bytes) -> Iterator[bytes | Message]:
        """Yield what ``data`` brings, in order: bytes that belong to no message, and messages; to be iterated to its end."""
        if not self._open and MARK not in data:
            yield data
            return
        at, plain = 0, bytearray()
        while at < len(data):
            if self._open or data[at : at + 1] == MARK:
                at, found = self._advance(data, at)
            else:
                mark = data.find(MARK, at)
                end = mark if mark >= 0 else len(data)
                at, found = end, data[at:end]
            if not isinstance(found, Message):
                plain += found
                continue
            if plain:
                yield bytes(plain)
                plain.clear()
            yield found
        if plain:
            yield bytes(plain)

    def _advance(self, data: bytes, at: int) -> tuple[int, bytes | Message]:
        """Take a mark, or what follows up to the next one; return where that ends and what is known then."""
        early = b""
        if data[at : at + 1] == MARK:
            if len(self._open) == _DEEPEST:
                early = bytes(self._open.pop(0))
            self._open.append(bytearray(MARK))
            return at + 1, early
        run = _RUN.match(data, at)
        assert run is not None
        self._open[-1] += run[0]
        return run.end(), self._judge()

    def _judge(self) -> bytes | Message:
        newest = bytes(self._open[-1])
        if not newest.endswith(END) and _PARTIAL.fullmatch(newest):
            return b""
        if whole := _WHOLE.fullmatch(newest):
            self._open.pop()
            payload = whole[3]
            right = len(payload) == int(whole[2], 16) and checksum(payload) == int(whole[4], 16)
            return Message(newest, int(whole[1], 16), payload if right else None)
        # Something else was printed, and within the beginnings before it: those are none either.
        plain = b"".join(self._open)
        self._open.clear()
        return plain
