"""The seam between bytes and everything above them: what a link to a board can do.

A transport is single-use: ``open`` once, ``close`` (or ``abort``) once. It moves bytes and knows no REPL.
"""

from __future__ import annotations

import abc
import os
from dataclasses import dataclass
from typing import Protocol

from devsession.errors import LinkError
from devsession.transport.pins import Pins

# How long `close` waits for bytes that the other side has not taken yet, in seconds (DESIGN: close 2 s).
CLOSE_TIMEOUT = 2.0


class Receiver(Protocol):
    """Who is told what comes out of a link; called on the event loop's thread, in order."""

    def data_received(self, data: bytes) -> None:
        """Take bytes that arrived, at least one."""

    def connection_lost(self, error: LinkError | None) -> None:
        """Learn, once, that nothing more will come: ``None`` after our own close, else why."""


class ModemLines(Protocol):
    """The control lines of a serial port. ``None`` for a line means: leave it as it is."""

    def set(self, *, dtr: bool | None = None, rts: bool | None = None) -> None:
        """Set both lines in one step; raises LinkError where the port refuses."""

    def send_break(self, duration: float = 0.25) -> None:
        """Hold the line in the break condition for ``duration`` seconds."""


@dataclass(frozen=True, slots=True)
class Flow:
    """What a link can hold.

    ``controlled``: the link itself holds the sender back (USB CDC, PTY, TCP), so nothing is lost however much is written.
    ``burst``: bytes that may be written at once to a board that is not reading yet, without loss.
    """

    controlled: bool
    burst: int


# A link with flow control: the burst is bounded by what the host side queues anyway.
CONTROLLED = Flow(controlled=True, burst=65536)
# A bare UART: the smallest receive ring of a board with raw-paste is 128 bytes (samd), of common ones 256 and more.
BARE_UART = Flow(controlled=False, burst=127)


class Transport(abc.ABC):
    """A link to one board: bytes in, bytes out.

    ``url`` is how the user names it, ``identity`` what locks and caches are keyed by (known before opening), ``flow`` what it can
    hold, ``lines`` its modem lines or ``None`` where the medium has none, ``pins`` what becomes of them.
    """

    url: str
    identity: str
    flow: Flow = CONTROLLED
    lines: ModemLines | None = None
    pins: Pins = Pins()

    def random_bits(self, count: int) -> int:
        """Return ``count`` random bits for a conversation over this link; a link that plays a recording returns those recorded."""
        return int.from_bytes(os.urandom((count + 7) // 8)) >> (-count % 8)

    @property
    def can_reset(self) -> bool:
        """Whether the link can reset the board: the pins say how the modem lines do that, or a simulator is behind it."""
        return self.pins.pulse is not None and self.lines is not None

    async def reset_board(self) -> None:
        """Reset the board by means of the link, which may be lost with that; raises LinkError where it cannot."""
        if self.pins.pulse is None or self.lines is None:
            raise LinkError("this link has no reset line", board=self.url, phase="reset")
        await self.pins.pulse.give(self.lines, self.pins)

    async def prepare(self) -> None:  # noqa: B027 - most links need nothing
        """Do once what an open needs and what may take minutes, such as fetching an interpreter; it has limits of its own."""

    @abc.abstractmethod
    async def open(self, receiver: Receiver) -> None:
        """Open the link; from here on ``receiver`` is told of everything that arrives.

        Raises PortNotFoundError, PortBusyError, PortPermissionError or LinkError. When cancelled nothing stays open.
        """

    @abc.abstractmethod
    def write(self, data: bytes) -> None:
        """Send ``data`` after all that was written before; never blocks, what the link does not take now is queued.

        Raises LinkClosedError before ``open`` and after ``close``, LinkLostError after the link was lost.
        """

    @property
    @abc.abstractmethod
    def unsent(self) -> int:
        """Bytes written here that were not yet handed to the operating system."""

    @abc.abstractmethod
    async def drain(self) -> None:
        """Wait until ``unsent`` is 0. No limit of its own: the caller's deadline cancels it. Raises LinkLostError."""

    @abc.abstractmethod
    async def close(self, timeout: float = CLOSE_TIMEOUT) -> None:
        """Send what is queued for at most ``timeout`` seconds, then close; always ends, also on a peer that stopped reading.

        Closing twice does nothing. When cancelled the link is aborted.
        """

    @abc.abstractmethod
    def abort(self) -> None:
        """Close at once; what is queued is dropped. Aborting twice does nothing."""
