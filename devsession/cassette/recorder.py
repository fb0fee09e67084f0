"""Recording: a link that writes down what passes over it."""

from __future__ import annotations

import asyncio
import os
import re
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from devsession.cassette import tape
from devsession.cassette.masks import Cell, Mask, MaskedStream, Masks
from devsession.cassette.writing import CassetteFile
from devsession.errors import LinkError
from devsession.transport.base import CLOSE_TIMEOUT, Receiver, Transport
from devsession.transport.wrapper import WrappedTransport

# What follows in the same direction within this time, in seconds, is the same entry: boards print line by line in many small packets.
SAME_ENTRY = 0.005
# One entry is one line of a file that people look at.
ENTRY_LIMIT = 4096
_CHECK = re.compile(rb'""",(\d{6})[,)]')
_CALL = re.compile(rb"_devsession\d*\((\d+),(\d+),\d")


def record(transport: Transport, path: str | Path, *, mask: Iterable[Mask] = ()) -> Transport:
    """Return ``transport`` as a link that writes down in the cassette ``path`` what passes over it, from its opening to its end.

    A cassette that is there is begun anew once the first link that this process records in it has opened; further ones are added, so that
    one cassette holds all of a run. Every line is on its way to the disk as soon as it is complete. ``mask`` are texts, bytes or regular
    expressions that must not get there: passwords, unique ids. Opening raises CassetteFormatError for a file that cannot be written, or is
    there and is no cassette. Raises UsageError for an empty mask.
    """
    return RecordingTransport(transport, Path(path), Masks(mask))


@dataclass(slots=True)
class _Pending:
    """An entry that is not written yet: its bytes are being decided, or more of it may come."""

    kind: str
    time: float
    value: Any
    fields: dict[str, Any] = field(default_factory=dict)
    size: int = 0


class RecordingTransport(WrappedTransport):
    """Writes down what passes over ``inner``; see ``record``."""

    def __init__(self, inner: Transport, path: Path, masks: Masks) -> None:
        super().__init__(inner)
        self._path = path.absolute()
        self._masks = masks
        self._file: CassetteFile | None = None
        self._link = 0
        self._exec: int | None = None
        self._queue: deque[_Pending] = deque()
        self._streams = {"to": MaskedStream(masks, records=False), "from": MaskedStream(masks, records=True)}
        self._decided: dict[str, deque[Cell]] = {"to": deque(), "from": deque()}
        self._masked_program = False
        self._timer: asyncio.TimerHandle | None = None
        self._given_up = False

    async def open(self, receiver: Receiver) -> None:
        """Open the inner link, and begin the cassette or add to it."""
        self._file = CassetteFile(self._path, self._masks.text, self.url, self.identity)
        self._event(
            "open",
            self._masks.text(self.url),
            identity=self._masks.text(self.identity),
            controlled=self.flow.controlled,
            burst=self.flow.burst,
            resettable=self.can_reset,
        )
        try:
            await super().open(receiver)
        except BaseException:
            # There was no link: nothing is to be told of it.
            self._queue.clear()
            self._file.close()
            raise
        self._link = self._file.next_link()
        self._flush()

    def random_bits(self, count: int) -> int:
        """Return what the inner link draws, and write it down."""
        bits = super().random_bits(count)
        self._event("random", [count, bits])
        return bits

    async def reset_board(self) -> None:
        """Reset the board by means of the inner link, and write that down."""
        self._event("reset", value=True)
        await super().reset_board()

    def write(self, data: bytes) -> None:
        """Send ``data`` over the inner link; raises CassetteFormatError once the cassette could not be written."""
        if self._file is not None and self._file.failure is not None:
            raise self._file.failure
        super().write(data)

    def connection_lost(self, error: LinkError | None) -> None:
        """Take the end of the inner link."""
        if error is None:
            self._end("closed", value=True)
        else:
            self._end("lost", self._masks.text(error.message))
        if self._file is None or self._file.failure is None:
            super().connection_lost(error)

    async def close(self, timeout: float = CLOSE_TIMEOUT) -> None:
        """Close the inner link, and end the recording."""
        try:
            await super().close(timeout)
        finally:
            self._end("closed", value=True)

    def abort(self) -> None:
        """Close the inner link at once, and end the recording."""
        self._end("closed", value=True)
        super().abort()

    def _wrote(self, data: bytes) -> None:
        if calls := _CALL.findall(data):
            self._exec = int(calls[-1][1])
        self._passed("to", data)

    def _read(self, data: bytes) -> None:
        self._passed("from", data)

    def _give_up(self) -> None:
        """End the link: half a recording is not what was asked for."""
        assert self._file is not None
        assert self._file.failure is not None
        self._file.failure.board = self.url
        super().abort()
        super().connection_lost(self._file.failure)

    def _end(self, kind: str, value: Any) -> None:
        if self._file is None or self._file.closed:
            return
        for direction, stream in self._streams.items():
            self._decided[direction] += stream.feed(b"", final=True)
        self._event(kind, value)
        self._flush(everything=True)
        self._file.close()

    # What happens

    def _event(self, kind: str, value: Any, **fields: Any) -> None:
        if self._file is not None:
            self._queue.append(_Pending(kind, self._file.now, value, fields))
            self._flush()

    def _passed(self, direction: str, data: bytes) -> None:
        if self._file is None or self._file.closed:
            return
        now = self._file.now
        last = self._queue[-1] if self._queue else None
        number = {"exec": self._exec} if self._exec is not None else {}
        if (
            last is None
            or last.kind != direction
            or last.fields != number
            or now - last.time > SAME_ENTRY
            or last.size + len(data) > ENTRY_LIMIT
        ):
            last = _Pending(direction, now, bytearray(), number)
            self._queue.append(last)
        last.size += len(data)
        if self._masks:
            self._decided[direction] += self._streams[direction].feed(data)
        else:
            last.value += data
        self._flush()

    def _flush(self, *, everything: bool = False) -> None:
        """Write down what is complete and decided; the newest entry may still grow for a moment."""
        self._stop_timer()
        assert self._file is not None
        while self._queue and self._link:
            first = self._queue[0]
            growing = len(self._queue) == 1 and first.size and self._file.now - first.time <= SAME_ENTRY
            if growing and not everything:
                self._timer = asyncio.get_running_loop().call_later(SAME_ENTRY, self._flush)
                return
            if not self._take(first):
                return
            self._queue.popleft()

    def _take(self, entry: _Pending) -> bool:
        """Write one entry down, when its bytes are decided."""
        fields = entry.fields
        value = entry.value
        if entry.size:
            if self._masks:
                decided = self._decided[entry.kind]
                if len(decided) < entry.size:
                    return False
                cells = [decided.popleft() for _ in range(entry.size)]
                if entry.kind == "to":
                    self._mask_checks(cells)
                value = b"".join(cell for cell, _ in cells)
                if entry.kind == "to" and (masked := _ranges(cells)):
                    fields = {**fields, "masked": masked}
            value = tape.to_text(bytes(value))
        link = {"link": self._link} if self._link > 1 else {}
        assert self._file is not None
        self._file.write(tape.to_line({"t": round(entry.time, 4), **link, entry.kind: value, **fields}))
        if self._file.failure is not None and not self._given_up:
            self._given_up = True
            asyncio.get_running_loop().call_soon(self._give_up)
        return True

    def _mask_checks(self, cells: list[Cell]) -> None:
        """Mask the check of each program in which something was masked: it is made of all the text."""
        at = 0
        for match in _CHECK.finditer(b"".join(cell for cell, _ in cells)):
            if self._masked_program or any(masked for _, masked in cells[at : match.start()]):
                cells[match.start(1) : match.end(1)] = [(b"1", True)] * len(match[1])
            self._masked_program = False
            at = match.end()
        self._masked_program |= any(masked for _, masked in cells[at:])

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _ranges(cells: list[Cell]) -> list[list[int]]:
    """Return the masked stretches of an entry, as pairs of start and size."""
    return [
        [match.start(), len(match[0])]
        for match in re.finditer("1+", "".join("1" if masked else "0" for _, masked in cells))
    ]


def record_from_environment(transport: Transport, masks: Iterable[Mask] = ()) -> Transport:
    """Return ``transport``, recorded in the cassette that the environment variable DEVSESSION_RECORD names.

    What stands in DEVSESSION_MASK, one text per line, is masked too. Raises UsageError.
    """
    texts = [text for text in os.environ.get("DEVSESSION_MASK", "").splitlines() if text]
    return record(transport, os.environ["DEVSESSION_RECORD"], mask=[*masks, *texts])
