"""What the foreground session prints, above the line being typed: filtered, whole lines at a time, never more than can be read."""

from __future__ import annotations

import asyncio
import codecs
import sys
import time
from collections import deque
from collections.abc import Callable

from prompt_toolkit.application import run_in_terminal

from devsession.cli.terminal import Sanitiser
from devsession.coordinator.session import CoordinatedSession
from devsession.coordinator.states import UNDER_WAY
from devsession.shell.picture import one_line

# Seconds between two times that output is shown: each draws the line being typed anew.
REFRESH = 0.05
# Bytes that are shown at once, and each second after that: what is more can nobody read, and the terminal would be behind. Of more the last
# are shown, and the buffer has them all.
BURST = 64 * 1024
RATE = 32 * 1024
# Bytes of what a session printed that are shown when it comes to the foreground.
REPLAYED = 4096
# Notes that wait to be shown at most.
NOTES = 20
# Characters of a line that has not ended that stand before the prompt; its end.
UNFINISHED = 200


class Output:
    """Shows what one session after the other prints; with ``raw`` as it is. ``drawn`` is called when ``unfinished`` is another."""

    def __init__(self, *, raw: bool, drawn: Callable[[], None]) -> None:
        self._raw = raw
        self._drawn = drawn
        self._session: CoordinatedSession | None = None
        self._position = 0
        self._notes: deque[str] = deque(maxlen=NOTES)
        self._lock = asyncio.Lock()
        self._room = float(BURST)
        self._shown_at = time.monotonic()
        self._filter = Sanitiser()
        self._decoder = _decoder()
        # Of a line that has not ended.
        self._rest = ""

    @property
    def unfinished(self) -> str:
        """What shows of a line that has not ended: behind the last carriage return, and no more than stands before a prompt."""
        return self._rest.rstrip("\r").rpartition("\r")[2].replace("\t", " ")[-UNFINISHED:]

    def follow(self, session: CoordinatedSession | None, *, replayed: bool = False) -> None:
        """Show what this session prints from now on; ``replayed``: its last lines first."""
        self._session = session
        self._begin_anew()
        if session is None:
            return
        self._position = session.buffer.end
        if replayed:
            begin, data = session.buffer.since(max(0, session.buffer.end - REPLAYED))
            cut = data.find(b"\n") + 1 if begin else 0
            self._position = begin + cut
            missing = f", {self._position:,} bytes before this" if self._position else ""
            self.note(f"[{session.name} on {one_line(session.board)}{missing}]")

    def note(self, text: str) -> None:
        """Show a line before what comes next."""
        self._notes.append(text)

    async def show_forever(self) -> None:
        """Show what comes, until cancelled."""
        while True:
            await self.show()
            await asyncio.sleep(REFRESH)

    async def show(self) -> None:
        """Show what has come; of a session at rest also a line that has not ended."""
        async with self._lock:
            lines = "".join(f"{note}\n" for note in self._notes)
            self._notes.clear()
            lines += self._new()
            if self._rest and self._session is not None and self._session.state not in UNDER_WAY:
                lines, self._rest = f"{lines}{self._rest}\n", ""
                self._drawn()
            if lines:
                await self.write(lines)

    def pass_over(self) -> None:
        """Show nothing of what the session has now: it stands on the terminal already, as what was typed."""
        if self._session is not None:
            self._position, self._rest = self._session.buffer.end, ""

    async def write(self, text: str) -> None:
        """Write text that ends with a line end above the line being typed."""
        await run_in_terminal(lambda: _put(text))

    def _begin_anew(self) -> None:
        self._filter = Sanitiser()
        self._decoder = _decoder()
        self._rest = ""

    def _new(self) -> str:
        """Return the lines that have ended since the last time."""
        session = self._session
        if session is None or session.buffer.end == self._position:
            return ""
        now = time.monotonic()
        self._room = min(BURST, self._room + (now - self._shown_at) * RATE)
        self._shown_at = now
        begin, data = session.buffer.since(max(self._position, session.buffer.end - int(self._room)))
        told = ""
        if begin > self._position:
            cut = data.find(b"\n") + 1
            begin, data = begin + cut, data[cut:]
            told = f"[{begin - self._position:,} bytes not shown; the session keeps them]\n"
            self._begin_anew()
        self._position = session.buffer.end
        self._room -= len(data)
        text = self._rest + self._decoder.decode(data if self._raw else self._filter.feed(data))
        if self._raw:
            # Where a line ends cannot be told from sequences that move about.
            return told + text
        lines, end, rest = text.rpartition("\n")
        if rest != self._rest:
            self._rest = rest[-BURST:]
            self._drawn()
        return told + lines + end


def _decoder() -> codecs.IncrementalDecoder:
    return codecs.getincrementaldecoder("utf-8")("backslashreplace")


def _put(text: str) -> None:
    sys.stdout.buffer.write(text.encode(sys.stdout.encoding, "backslashreplace"))
    sys.stdout.buffer.flush()
