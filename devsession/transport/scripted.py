"""A link that plays a script: for tests of what no real board can be brought to do on demand."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass

from devsession.errors import LinkClosedError, LinkError, LinkLostError, shown
from devsession.transport.base import CLOSE_TIMEOUT, CONTROLLED, Flow, Receiver, Transport


@dataclass(frozen=True, slots=True)
class Expect:
    """The host writes exactly these bytes next, in one write or several."""

    data: bytes


@dataclass(frozen=True, slots=True)
class ExpectUntil:
    """The host writes anything that ends with these bytes."""

    end: bytes


@dataclass(frozen=True, slots=True)
class Reply:
    """The board sends these bytes."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Lose:
    """The link is lost, for this reason."""

    reason: str = "unplugged"


@dataclass(frozen=True, slots=True)
class Stall:
    """From here on the link takes nothing: what is written stays unsent."""


Step = Expect | ExpectUntil | Reply | Lose | Stall


class ScriptedTransport(Transport):
    """Plays ``steps`` in order; ``written`` keeps all that the host wrote.

    A write that is not the one expected ends the link with a LinkError that shows both; ``done`` tells whether the script was played to
    its end.
    """

    def __init__(self, steps: Iterable[Step], *, url: str = "scripted:", flow: Flow = CONTROLLED) -> None:
        self.url = self.identity = url
        self.flow = flow
        self.written = bytearray()
        self._steps = list(steps)
        self._matched = 0
        self._stalled = bytearray()
        self._ended = asyncio.Event()
        self._receiver: Receiver | None = None
        self._end: LinkError | None = LinkClosedError("the link is not open", board=url)

    @property
    def done(self) -> bool:
        """Whether nothing of the script is left."""
        return not self._steps

    async def open(self, receiver: Receiver) -> None:
        """Begin to play."""
        self._receiver, self._end = receiver, None
        self._play()

    def write(self, data: bytes) -> None:
        """Take what the host writes, and go on with the script."""
        if self._end is not None:
            raise self._end
        if self._steps and isinstance(self._steps[0], Stall):
            self._stalled += data
            return
        self.written += data
        self._play()

    @property
    def unsent(self) -> int:
        """Bytes written since the script stalled."""
        return len(self._stalled)

    async def drain(self) -> None:
        """Wait until nothing is unsent: once the script has stalled, that is never, and the end of the link is raised."""
        if self._stalled:
            await self._ended.wait()
            assert self._end is not None
            raise self._end

    async def close(self, timeout: float = CLOSE_TIMEOUT) -> None:
        """Close at once."""
        del timeout
        self.abort()

    def abort(self) -> None:
        """Close at once."""
        if self._end is None:
            self._finish(LinkClosedError("the link is closed", board=self.url), None)

    def _play(self) -> None:
        while self._steps and self._end is None and self._step(self._steps[0]):
            del self._steps[0]

    def _step(self, step: Step) -> bool:
        """Play one step as far as it goes; return whether it is over."""
        pending = bytes(self.written[self._matched :])
        match step:
            case Reply(data):
                self._soon(data)
            case Lose(reason):
                lost = LinkLostError(f"the link was lost: {reason}", board=self.url)
                self._finish(lost, lost)
            case Expect(data) if pending[: len(data)] != data[: len(pending)]:
                error = LinkError(
                    f"the host wrote {shown(pending)} where {shown(data)} was expected", board=self.url
                )
                self._finish(error, error)
            case Expect(data) if len(pending) >= len(data):
                self._matched += len(data)
            case ExpectUntil(end) if (at := pending.find(end)) >= 0:
                self._matched += at + len(end)
            case _:
                return False
        return True

    def _soon(self, data: bytes) -> None:
        assert self._receiver is not None
        asyncio.get_running_loop().call_soon(self._receiver.data_received, data)

    def _finish(self, end: LinkError, told: LinkError | None) -> None:
        self._end = end
        self._ended.set()
        assert self._receiver is not None
        asyncio.get_running_loop().call_soon(self._receiver.connection_lost, told)
