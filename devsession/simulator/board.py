"""Links to simulated boards: a private one made for its opener, or one that somebody serves under a name."""

from __future__ import annotations

import fcntl
import os
import termios
from pathlib import Path

from devsession.errors import BoardNotFoundError, LinkLostError, PortBusyError, UsageError
from devsession.simulator import registry
from devsession.simulator.interpreter import Progress
from devsession.simulator.kinds import make_instance
from devsession.simulator.pseudo_terminal import set_idle
from devsession.simulator.url import SimUrl
from devsession.transport.base import Transport
from devsession.transport.descriptor import DescriptorTransport
from devsession.transport.holders import holder_of


def open_simulator(url: str, *, progress: Progress = lambda _: None) -> Transport:
    """Return the link, not opened yet, to the simulated board that ``url`` names.

    ``progress`` is told in words what takes time, such as fetching the interpreter. Raises UsageError for a URL that cannot be.
    """
    wanted = SimUrl.parse(url)
    if wanted.name is None:
        return SimulatedBoard(url, progress=progress)
    if wanted != SimUrl(name=wanted.name):
        raise UsageError("the options of a named board are given where it is served", board=url)
    return PublishedBoard(url)


class SimulatedBoard(DescriptorTransport):
    """A simulated board of one's own: started by ``open``, ended with all it started by ``close``.

    ``url`` as in ``SimUrl`` without a name. ``open`` raises SimulatorError and those below it; what the board prints from its start on is
    for the opener. The board survives its own resets and crashes; one that only crashes loses the link.
    """

    def __init__(self, url: str = "sim:", *, progress: Progress = lambda _: None) -> None:
        wanted = SimUrl.parse(url)
        if wanted.name is not None:
            raise UsageError("a named board is not private: open_simulator finds it", board=url)
        self._instance = make_instance(wanted, self._gone)
        super().__init__(url, identity=self._instance.identity)
        self._progress = progress
        self._reason: LinkLostError | None = None

    def write(self, data: bytes) -> None:
        """Send ``data`` to the board, after all that was written before."""
        super().write(data)
        self._instance.typed(data)

    @property
    def can_reset(self) -> bool:
        """A simulated board has a reset button."""
        return True

    async def reset_board(self) -> None:
        """Press the reset button: the interpreter, or the emulator, is ended, whatever it does, and a new one started."""
        self._instance.reset()

    async def prepare(self) -> None:
        """Find what the board runs on, or fetch it; raises SimulatorError and those below it."""
        await self._instance.prepare(self._progress)

    async def _open_descriptor(self) -> int:
        return await self._instance.start(self._progress)

    def _release(self, fd: int) -> None:
        self._instance.end()
        super()._release(fd)

    def _gone(self, reason: LinkLostError) -> None:
        # The reader finds the end by itself, after the board's last words.
        self._reason = reason

    def _lost(self, error: OSError | None) -> LinkLostError:
        return self._reason or super()._lost(error)


class PublishedBoard(DescriptorTransport):
    """A simulated board that another process serves as ``sim:NAME``; one opener at a time.

    ``open`` raises BoardNotFoundError when nobody serves it and PortBusyError when another program has it open.
    """

    def __init__(self, url: str) -> None:
        name = SimUrl.parse(url).name
        if name is None:
            raise UsageError("a published board has a name", board=url)
        super().__init__(url, identity=f"sim:{name}")
        self._name = name

    async def _open_descriptor(self) -> int:
        path = registry.resolve(self._name)
        if path is None:
            raise BoardNotFoundError(
                f"no simulated board named {self._name} is served", hint=f"devsession sim serve {self._name}"
            )
        return _open_exclusively(path, self.url)


def _open_exclusively(path: Path, url: str) -> int:
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    except OSError as error:
        raise BoardNotFoundError(f"{path} cannot be opened: {error.strerror}", board=url) from error
    try:
        # The same lock that pyserial's exclusive mode takes.
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        set_idle(descriptor)
    except BlockingIOError as error:
        os.close(descriptor)
        holder = holder_of(str(path))
        by = f" by {holder}" if holder else ""
        raise PortBusyError(f"the board is in use{by}", holder=holder, board=url) from error
    except (OSError, termios.error) as error:
        os.close(descriptor)
        raise BoardNotFoundError(f"{path} is no terminal: {error}", board=url) from error
    return descriptor
