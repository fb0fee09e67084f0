"""Masks: what must never reach a disk, taken out of a stream while it passes.

Masked bytes are replaced by as many others, so that lengths stay true; the checks of records are made again.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from devsession.errors import UsageError
from devsession.protocol.records import MAX_PAYLOAD
from devsession.protocol.source import literal

Mask = str | bytes | re.Pattern[str] | re.Pattern[bytes]

# How many bytes a regular expression may match: as many are held back until it is known that they belong to no match.
PATTERN_SPAN = 256
_PAD = "x" * 16
_HEADER = re.compile(rb"\x1e[0-9a-f]{1,8}\.[0-9a-f]{1,8}\.[A-Z]([0-9a-f]{1,7})\.\Z")
_HEADER_SIZE = 29
_TRAILER = re.compile(rb"\.([0-9a-f]{1,4})\x1f\Z")
_TRAILER_SIZE = 6

# One byte of a stream: what is written for it (a check may grow), and whether it was masked.
Cell = tuple[bytes, bool]


class Masks:
    """What is to be masked: texts, bytes, and regular expressions (each matches at most 256 bytes).

    A text is also found as it stands in a program or in a value, with its escapes. Raises UsageError for an empty one.
    """

    def __init__(self, masks: Iterable[Mask]) -> None:
        self._literals: set[bytes] = set()
        self._patterns: list[re.Pattern[bytes]] = []
        for mask in masks:
            if isinstance(mask, str | bytes):
                self._literals |= _forms(mask)
            else:
                self._patterns.append(_of_bytes(mask))
        if b"" in self._literals or any(pattern.match(b"") for pattern in self._patterns):
            raise UsageError("a mask that matches nothing would mask everything", phase="record")
        whole = [re.escape(form) for form in sorted(self._literals, key=len, reverse=True)]
        self._search = [re.compile(b"|".join(whole))] if whole else []
        self._search += self._patterns

    def __bool__(self) -> bool:
        return bool(self._search)

    def find(self, data: bytes) -> list[tuple[int, int]]:
        """Return where in ``data`` something is to be masked, as pairs of start and end, in order and apart."""
        found: list[tuple[int, int]] = []
        for start, end in sorted(
            match.span() for pattern in self._search for match in pattern.finditer(data)
        ):
            if start == end:
                continue
            if found and start <= found[-1][1]:
                found[-1] = (found[-1][0], max(end, found[-1][1]))
            else:
                found.append((start, end))
        return found

    def undecided(self, data: bytes) -> int:
        """Return how many of the last bytes of ``data`` may yet turn out to be part of something."""
        return max(self.begun(data), min(len(data), PATTERN_SPAN) if self._patterns else 0)

    def begun(self, data: bytes) -> int:
        """Return how many of the last bytes of ``data`` are the beginning of a text that is to be masked."""
        longest = max(map(len, self._literals), default=1) - 1
        for size in range(min(longest, len(data)), 0, -1):
            if any(form.startswith(data[-size:]) for form in self._literals):
                return size
        return 0

    def text(self, text: str) -> str:
        """Return ``text`` masked."""
        data = bytearray(text.encode("utf-8", "surrogateescape"))
        for start, end in self.find(bytes(data)):
            data[start:end] = filler(bytes(data[start:end]))
        return data.decode("utf-8", "surrogateescape")


def filler(secret: bytes) -> bytes:
    """Return what stands for ``secret``: as many bytes, digits for a number so that a value stays one."""
    return (b"1" if secret.isdigit() else b"*") * len(secret)


def _forms(mask: str | bytes) -> set[bytes]:
    """Return how a secret may look on the wire: as it is, as a value shows it, and both inside a program."""
    binary = isinstance(mask, bytes)
    text = mask.decode("latin-1") if isinstance(mask, bytes) else mask
    shown = repr(mask)[1 + binary : -1]
    forms = {text.encode("latin-1" if binary else "utf-8"), shown.encode()}
    if not binary:
        forms.add(_in_program(text))
    forms.add(_in_program(shown))
    return forms


def _in_program(text: str) -> bytes:
    return literal(text + _PAD)[3 : -3 - len(_PAD)].encode()


def _of_bytes(pattern: re.Pattern[str] | re.Pattern[bytes]) -> re.Pattern[bytes]:
    if isinstance(pattern.pattern, bytes):
        return re.compile(pattern.pattern, pattern.flags)
    return re.compile(pattern.pattern.encode(), pattern.flags & ~re.UNICODE)


class MaskedStream:
    """One direction of a link, masked as it passes: ``feed`` what comes, take the cells that are decided.

    With ``records`` the checks of records are made again where something in them was masked.
    """

    def __init__(self, masks: Masks, *, records: bool) -> None:
        self._masks = masks
        self._held = b""
        self._checks = _Checks() if records else None

    def feed(self, data: bytes, *, final: bool = False) -> list[Cell]:
        """Take bytes; return those that are decided, one cell for each. At the end ``final`` gives the rest, what is in doubt masked."""
        self._held += data
        held = self._held
        end = len(held) if final else len(held) - self._masks.undecided(held)
        found = self._masks.find(held)
        if final and (begun := self._masks.begun(held)):
            found = [pair for pair in found if pair[1] <= len(held) - begun] + [
                (len(held) - begun, len(held))
            ]
        cells: list[tuple[int, Cell]] = []
        at = 0
        for start, stop in found:
            if start >= end:
                break
            end = max(end, stop)
            cells += [(byte, (bytes([byte]), False)) for byte in held[at:start]]
            covered = filler(held[start:stop])
            cells += [(held[start + n], (covered[n : n + 1], True)) for n in range(stop - start)]
            at = stop
        cells += [(byte, (bytes([byte]), False)) for byte in held[at:end]]
        self._held = held[end:]
        if self._checks is None:
            return [cell for _, cell in cells]
        decided = [ready for raw, cell in cells for ready in self._checks.feed(raw, cell)]
        return decided + (self._checks.flush() if final else [])


class _Checks:
    """Makes the checks of records again: follows a stream byte by byte, and holds back what may be a header or is a check."""

    def __init__(self) -> None:
        self._held: list[Cell] = []
        self._raw = bytearray()
        self._left = 0
        self._in_trailer = False
        self._change = 0

    def feed(self, raw: int, cell: Cell) -> list[Cell]:
        """Take one byte as it came and as it is to be written; return the cells that are ready."""
        if self._left:
            self._left -= 1
            self._change += cell[0][0] - raw
            self._in_trailer = not self._left
            return [cell]
        if not self._raw and raw != 0x1E and not self._in_trailer:
            return [cell]
        self._held.append(cell)
        self._raw.append(raw)
        return self._trailer() if self._in_trailer else self._header()

    def flush(self) -> list[Cell]:
        """Give what is held back."""
        held, self._held = self._held, []
        self._raw.clear()
        self._in_trailer = False
        return held

    def _header(self) -> list[Cell]:
        if match := _HEADER.match(self._raw):
            size = int(match[1], 16)
            if size <= MAX_PAYLOAD:
                self._left, self._in_trailer, self._change = size, not size, 0
                held, self._held = self._held, []
                self._raw.clear()
                return held
        if len(self._raw) >= _HEADER_SIZE or (len(self._raw) > 1 and self._raw[-1] == 0x1E):
            return self._restart()
        return []

    def _restart(self) -> list[Cell]:
        """No header: what is held may still hold the beginning of one."""
        again = self._raw.find(0x1E, 1)
        again = len(self._raw) if again < 0 else again
        ready, self._held = self._held[:again], self._held[again:]
        del self._raw[:again]
        return ready

    def _trailer(self) -> list[Cell]:
        if self._raw[-1] != 0x1F and len(self._raw) < _TRAILER_SIZE:
            return []
        if (match := _TRAILER.match(self._raw)) and self._change:
            check = f"{(int(match[1], 16) + self._change) & 0xFFFF:x}".zfill(len(match[1]))
            # As many cells as there were bytes: what the new check has more goes into the first.
            more = len(check) - len(match[1])
            pieces = [check[: more + 1], *check[more + 1 :]]
            self._held[1:-1] = [(piece.encode(), False) for piece in pieces]
        return self.flush()
