"""Playing: a link that answers as a recorded one did, to a host that writes what was written then."""

from __future__ import annotations

import asyncio
import sys
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl

from devsession.cassette import tape
from devsession.cassette.script import Script
from devsession.cassette.steps import Kind, draws_of, steps_of
from devsession.errors import (
    CassetteError,
    CassetteFormatError,
    CassetteMismatchError,
    LinkClosedError,
    LinkError,
    LinkLostError,
    UsageError,
)
from devsession.transport.base import CLOSE_TIMEOUT, Flow, Receiver, Transport

SCHEME = "replay:"

# Which link of a cassette this process opens next.
_next_link: dict[Path, int] = {}


@dataclass(frozen=True, slots=True)
class ReplayUrl:
    """``replay:PATH``, or ``replay:PATH?timing=kept`` for answers that take as long as they did."""

    path: Path
    timing_kept: bool

    @classmethod
    def parse(cls, url: str) -> ReplayUrl:
        """Read a URL; raises UsageError for one that cannot be."""
        path, _, query = url.removeprefix(SCHEME).partition("?")
        options = dict(parse_qsl(query, keep_blank_values=True))
        timing = options.pop("timing", "skipped")
        if not path or options or timing not in {"kept", "skipped"}:
            raise UsageError(
                f"{url!r} names no cassette", hint="replay:PATH, replay:PATH?timing=kept or ?timing=skipped"
            )
        return cls(Path(path).absolute(), timing == "kept")


class ReplayTransport(Transport):
    """A link that plays the cassette named by ``url``; see ``ReplayUrl``.

    Each link that a process opens to one cassette plays the next of its links, after the last the first again. What the host writes is
    compared with the recording as one stream of bytes; each answer is given when all that came before it was written. A difference ends
    the link with a CassetteMismatchError, and nothing of it counts as sent. Raises CassetteFormatError, UsageError.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        wanted = ReplayUrl.parse(url)
        self._timing_kept = wanted.timing_kept
        self._cassette = tape.read(wanted.path)
        if not self._cassette.links:
            raise CassetteFormatError(
                f"nothing was recorded in {wanted.path}", path=wanted.path, board=url, phase="open"
            )
        opened = self._peek().opened.fields
        self.identity = f"{SCHEME}{opened['identity']}"
        self.flow = Flow(controlled=opened["controlled"], burst=opened["burst"])
        self._resettable: bool = opened["resettable"]
        self._draws: deque[tuple[int, int, int]] = deque()
        self._script: Script | None = None
        self._receiver: Receiver | None = None
        self._end: LinkError | None = LinkClosedError("the link is not open", board=url)
        self._told: CassetteError | None = None
        self._closed = False
        # When what happened last had happened, and when it was played.
        self._played = (0.0, 0.0)
        self._heard = 0.0
        # How many steps had happened, and since when it is no more.
        self._last = (-1, 0.0)
        self._timer: asyncio.TimerHandle | None = None

    @property
    def can_reset(self) -> bool:
        """Whether the recorded link could."""
        return self._resettable

    def random_bits(self, count: int) -> int:
        """Return the bits that were drawn then; raises CassetteMismatchError where others were."""
        if not self._draws or self._draws[0][0] != count:
            recorded = f"{self._draws[0][0]} random bits" if self._draws else "no more random bits"
            raise CassetteMismatchError(
                f"{count} random bits are drawn where the recording has {recorded}",
                path=self._cassette.path,
                line=self._draws[0][2] if self._draws else 1,
                recorded=recorded,
                written=f"{count} random bits",
                board=self.url,
            )
        return self._draws.popleft()[1]

    async def open(self, receiver: Receiver) -> None:
        """Begin to play the next link of the cassette."""
        if self._script is not None:
            raise LinkClosedError("a transport can be opened only once", board=self.url, phase="open")
        link = self._peek()
        _next_link[self._cassette.path] = self._cassette.links.index(link) + 1
        self._draws.extend(draws_of(link))
        self._script = Script(steps_of(link), self._cassette.path, cut=self._cassette.cut)
        self._receiver, self._end = receiver, None
        self._played = (link.opened.time, asyncio.get_running_loop().time())
        self._play()

    async def reset_board(self) -> None:
        """Take it that the host resets the board."""
        self._check_open().reset()
        self._play()

    def write(self, data: bytes) -> None:
        """Take what the host writes, and go on with the recording."""
        self._check_open().write(data)
        self._play()

    @property
    def unsent(self) -> int:
        """Bytes that differ from the recording: they went nowhere."""
        return self._script.pending if self._script is not None and self._told is not None else 0

    async def drain(self) -> None:
        """Return at once; raises why the link has ended, if it has."""
        self._check_open()

    async def close(self, timeout: float = CLOSE_TIMEOUT) -> None:
        """Close at once; raises CassetteUnplayedError when more was recorded, unless something else is being raised already."""
        del timeout
        script, goes_on = self._script, self._end is None and sys.exception() is None
        self.abort()
        if script is not None and goes_on:
            script.close()

    def abort(self) -> None:
        """Close at once."""
        self._closed = True
        if self._end is None:
            self._finish(LinkClosedError("the link is closed", board=self.url), None)

    # Playing

    def _peek(self) -> tape.Link:
        links = self._cassette.links
        return links[_next_link.get(self._cassette.path, 0) % len(links)]

    def _check_open(self) -> Script:
        if self._end is not None:
            raise self._end
        assert self._script is not None
        return self._script

    def _play(self) -> None:
        """Give what is to be given now."""
        assert self._script is not None
        self._stop_timer()
        try:
            while self._end is None and (step := self._script.next()) is not None:
                if self._timing_kept and (wait := self._wait(self._script.heard, step.time)) > 0:
                    self._timer = asyncio.get_running_loop().call_later(wait, self._play)
                    return
                self._script.take()
                if step.kind is Kind.LOST:
                    lost = LinkLostError(tape.to_text(step.data), board=self.url)
                    self._finish(lost, lost)
                else:
                    self._soon(step.data)
            if self._end is None and (limit := self._script.stuck_after()) is not None:
                wait = max(0.0, limit - self._silence())
                self._timer = asyncio.get_running_loop().call_later(wait, self._stuck)
        except CassetteError as error:
            self._fail(error)

    def _stuck(self) -> None:
        assert self._script is not None
        self._fail(self._script.stuck())

    def _fail(self, error: CassetteError) -> None:
        error.board = self.url
        self._told = error
        self._finish(error, error)

    def _wait(self, heard: float, time: float) -> float:
        """Return how long to wait for what happened at ``time``: as long after what was before it as then."""
        now = asyncio.get_running_loop().time()
        if heard != self._heard:
            self._heard, self._played = heard, (heard, now)
        recorded, played = self._played
        due = played + time - recorded
        if due <= now:
            self._played = (time, now)
        return due - now

    def _silence(self) -> float:
        """Return how many seconds ago something happened that was recorded."""
        assert self._script is not None
        now = asyncio.get_running_loop().time()
        if self._script.happened != self._last[0]:
            self._last = (self._script.happened, now)
        return now - self._last[1]

    def _soon(self, data: bytes) -> None:
        asyncio.get_running_loop().call_soon(self._deliver, data)

    def _deliver(self, data: bytes) -> None:
        assert self._receiver is not None
        if not self._closed:
            self._receiver.data_received(data)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _finish(self, end: LinkError, told: LinkError | None) -> None:
        self._end = end
        self._stop_timer()
        assert self._receiver is not None
        asyncio.get_running_loop().call_soon(self._receiver.connection_lost, told)
